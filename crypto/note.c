/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes and checkpoints, read strictly: what could be read in two ways is malformed. Every
 * signature of a known key must be good, also the second of the same key; those of others are
 * looked at for their form alone. Knows no trust: the caller names the keys.
 */
#include "crypto/note.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"
#include "crypto/ed25519.h"

#define TYPE_ED25519 1
#define ID_SIZE      4
#define BASE64       sodium_base64_VARIANT_ORIGINAL
#define VKEY_BYTES   (1 + KEY_PUBLIC_SIZE)
#define SIG_BYTES    (ID_SIZE + ED25519_SIG_SIZE)

static const char line_head[] = "\xe2\x80\x94 "; /* U+2014, a space */

/* --- text --- */

struct text {
	const char *p;
	size_t n;
};

static void
skip(struct text *t, size_t n)
{
	t->p += n;
	t->n -= n;
}

/* Up to that character, which must be there and is left out; the rest stays in *t. */
static int
take_until(struct text *t, char c, struct text *ret)
{
	const char *end = t->n > 0 ? memchr(t->p, c, t->n) : NULL;

	if (!end)
		return -1;
	*ret = (struct text){ t->p, (size_t)(end - t->p) };
	skip(t, ret->n + 1);

	return 0;
}

/* One code point in its only encoding, no surrogate. -1: there is none. */
static int
take_code_point(struct text *t, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = (const uint8_t *)t->p;
	size_t more;
	uint32_t c;

	if (t->n == 0)
		return -1;
	if (p[0] < 0x80)
		more = 0, c = p[0];
	else if (p[0] >= 0xc0 && p[0] < 0xe0)
		more = 1, c = p[0] & 0x1fu;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		more = 2, c = p[0] & 0x0fu;
	else if (p[0] >= 0xf0 && p[0] < 0xf8)
		more = 3, c = p[0] & 0x07u;
	else
		return -1;
	if (t->n <= more)
		return -1;
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	skip(t, more + 1);
	*ret = c;

	return 0;
}

/* UTF-8 without control characters but LF. */
static bool
is_clean(const char *p, size_t n)
{
	struct text t = { p, n };
	uint32_t c;

	while (t.n > 0) {
		if (take_code_point(&t, &c) < 0)
			return false;
		if ((c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0))
			return false;
	}

	return true;
}

/* Unicode's White_Space that is no control character. */
static bool
is_space(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool
is_name(const char *p, size_t n)
{
	struct text t = { p, n };
	uint32_t c;

	if (n == 0 || n > NOTE_NAME_MAX || !is_clean(p, n))
		return false;
	while (t.n > 0) {
		if (take_code_point(&t, &c) < 0 || is_space(c) || c == '+' || c == '\n')
			return false;
	}

	return true;
}

static int
decode(const struct text *t, uint8_t *ret, size_t size, size_t *ret_n)
{
	return base64_read(ret, size, ret_n, t->p, t->n, NULL, BASE64);
}

/* --- keys --- */

static void
key_hash(const struct text *name, const struct public_key *key, uint8_t ret[ID_SIZE])
{
	static const uint8_t type[] = { '\n', TYPE_ED25519 };
	crypto_hash_sha256_state st;
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, (const uint8_t *)name->p, name->n);
	crypto_hash_sha256_update(&st, type, sizeof type);
	crypto_hash_sha256_update(&st, key->b, KEY_PUBLIC_SIZE);
	crypto_hash_sha256_final(&st, hash);
	memcpy(ret, hash, ID_SIZE);
}

int
note_parse_vkey(const char *text, size_t n, char **ret_name, struct public_key *ret)
{
	struct text t = { text, n }, name, hex;
	uint8_t id[ID_SIZE], bytes[VKEY_BYTES];
	struct public_key k = { .kind = KEY_ED25519 };
	char want[2 * ID_SIZE + 1], *copy;
	size_t got;

	if (take_until(&t, '+', &name) < 0 || take_until(&t, '+', &hex) < 0 ||
	    !is_name(name.p, name.n) || decode(&t, bytes, sizeof bytes, &got) < 0 ||
	    got != VKEY_BYTES || bytes[0] != TYPE_ED25519)
		return NOTE_MALFORMED;
	memcpy(k.b, bytes + 1, KEY_PUBLIC_SIZE);
	key_hash(&name, &k, id);
	sodium_bin2hex(want, sizeof want, id, sizeof id);
	if (hex.n != 2 * ID_SIZE || memcmp(hex.p, want, hex.n) != 0)
		return NOTE_MALFORMED;
	copy = strndup(name.p, name.n);
	if (!copy)
		return NOTE_MEMORY;
	*ret_name = copy;
	*ret = k;

	return NOTE_OK;
}

char *
note_vkey(const struct note_key *k)
{
	const struct text name = { k->name, strlen(k->name) };
	uint8_t id[ID_SIZE], bytes[VKEY_BYTES] = { TYPE_ED25519 };
	char b64[sodium_base64_ENCODED_LEN(VKEY_BYTES, BASE64)], hex[2 * ID_SIZE + 1], *text;

	memcpy(bytes + 1, k->key.b, KEY_PUBLIC_SIZE);
	key_hash(&name, &k->key, id);
	sodium_bin2hex(hex, sizeof hex, id, sizeof id);
	sodium_bin2base64(b64, sizeof b64, bytes, sizeof bytes, BASE64);
	if (asprintf(&text, "%s+%s+%s", k->name, hex, b64) < 0)
		return NULL;

	return text;
}

/* --- notes --- */

int
note_sign(const char *text, size_t n, const char *name, const struct secret_key *key, char **ret,
          size_t *ret_n)
{
	const struct text who = { name, strlen(name) };
	uint8_t sig[SIG_BYTES];
	char b64[sodium_base64_ENCODED_LEN(SIG_BYTES, BASE64)], *note;
	const size_t size = n + sizeof line_head + who.n + sizeof b64 + 4;
	int tail;

	if (n == 0 || n > NOTE_MAX || size > NOTE_MAX || text[n - 1] != '\n' ||
	    !is_clean(text, n) || !is_name(who.p, who.n))
		return NOTE_MALFORMED;
	key_hash(&who, &key->pub, sig);
	if (ed25519_sign(sig + ID_SIZE, text, n, key) < 0)
		return NOTE_MEMORY;
	sodium_bin2base64(b64, sizeof b64, sig, sizeof sig, BASE64);
	note = malloc(size);
	if (!note)
		return NOTE_MEMORY;
	memcpy(note, text, n);
	tail = snprintf(note + n, size - n, "\n%s%s %s\n", line_head, name, b64);
	*ret = note;
	*ret_n = n + (size_t)tail;

	return NOTE_OK;
}

struct signature {
	struct text name;
	const uint8_t *bytes; /* key id, signature */
	size_t n;
};

/* "U+2014 name base64"; buf holds what the base64 says. */
static int
read_signature(struct text line, uint8_t *buf, size_t size, struct signature *ret)
{
	if (line.n < sizeof line_head - 1 || memcmp(line.p, line_head, sizeof line_head - 1) != 0)
		return NOTE_MALFORMED;
	skip(&line, sizeof line_head - 1);
	if (take_until(&line, ' ', &ret->name) < 0 || !is_name(ret->name.p, ret->name.n) ||
	    decode(&line, buf, size, &ret->n) < 0 || ret->n <= ID_SIZE)
		return NOTE_MALFORMED;
	ret->bytes = buf;

	return NOTE_OK;
}

static bool
is_by(const struct signature *s, const struct note_key *k)
{
	uint8_t id[ID_SIZE];

	if (k->key.kind != KEY_ED25519 || strlen(k->name) != s->name.n ||
	    memcmp(k->name, s->name.p, s->name.n) != 0)
		return false;
	key_hash(&s->name, &k->key, id);

	return memcmp(id, s->bytes, ID_SIZE) == 0;
}

/* NOTE_UNKNOWN: by none of the keys. */
static int
check_signature(const struct signature *s, const struct text *text, const struct note_key *keys,
                size_t keys_n)
{
	int rc = NOTE_UNKNOWN;

	for (size_t i = 0; i < keys_n; i++) {
		if (!is_by(s, &keys[i]))
			continue;
		if (s->n == SIG_BYTES &&
		    ed25519_verify(s->bytes + ID_SIZE, text->p, text->n, &keys[i].key) == 0)
			return NOTE_OK;
		rc = NOTE_BAD;
	}

	return rc;
}

/* The text ends at the last empty line; lines are left for the signatures. */
static int
split_note(const char *note, size_t n, struct text *ret_text, struct text *ret_lines)
{
	size_t at;

	if (n > NOTE_MAX || n < 2 || !is_clean(note, n))
		return NOTE_MALFORMED;
	for (at = n - 1; at > 0; at--) {
		if (note[at] == '\n' && note[at - 1] == '\n')
			break;
	}
	if (at == 0 || at == n - 1)
		return NOTE_MALFORMED;
	*ret_text = (struct text){ note, at };
	*ret_lines = (struct text){ note + at + 1, n - at - 1 };

	return NOTE_OK;
}

static int
check_lines(struct text lines, const struct text *text, const struct note_key *keys, size_t keys_n,
            uint8_t buf[NOTE_MAX])
{
	int known = NOTE_UNKNOWN;
	size_t count = 0;

	while (lines.n > 0) {
		struct text line;
		struct signature s;
		int rc;

		if (take_until(&lines, '\n', &line) < 0 || ++count > NOTE_SIGS_MAX)
			return NOTE_MALFORMED;
		rc = read_signature(line, buf, NOTE_MAX, &s);
		if (rc == NOTE_OK)
			rc = check_signature(&s, text, keys, keys_n);
		if (rc == NOTE_OK)
			known = NOTE_OK;
		else if (rc != NOTE_UNKNOWN)
			return rc;
	}

	return known;
}

int
note_verify(const char *note, size_t n, const struct note_key *keys, size_t keys_n,
            const char **ret_text, size_t *ret_text_n)
{
	struct text text, lines;
	uint8_t *buf;
	int rc;

	rc = split_note(note, n, &text, &lines);
	if (rc != NOTE_OK)
		return rc;
	buf = malloc(NOTE_MAX);
	if (!buf)
		return NOTE_MEMORY;
	rc = check_lines(lines, &text, keys, keys_n, buf);
	free(buf);
	if (rc != NOTE_OK)
		return rc;
	*ret_text = text.p;
	*ret_text_n = text.n;

	return NOTE_OK;
}

/* --- checkpoints --- */

char *
checkpoint_text(const struct checkpoint *c)
{
	char b64[sodium_base64_ENCODED_LEN(DIGEST_SIZE, BASE64)], *text;

	sodium_bin2base64(b64, sizeof b64, c->root.b, DIGEST_SIZE, BASE64);
	if (asprintf(&text, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, b64) < 0)
		return NULL;

	return text;
}

/* Decimal without a leading zero. */
static int
read_size(const struct text *t, uint64_t *ret)
{
	uint64_t v = 0;

	if (t->n == 0 || (t->p[0] == '0' && t->n > 1))
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		if (t->p[i] < '0' || t->p[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (unsigned)(t->p[i] - '0'), &v))
			return -1;
	}
	*ret = v;

	return 0;
}

int
checkpoint_parse(const char *text, size_t n, struct checkpoint *ret)
{
	struct text t = { text, n }, origin, size, root, extension;
	struct checkpoint c = { 0 };
	size_t got;

	if (n > NOTE_MAX || !is_clean(text, n) || take_until(&t, '\n', &origin) < 0 ||
	    take_until(&t, '\n', &size) < 0 || take_until(&t, '\n', &root) < 0)
		return NOTE_MALFORMED;
	if (origin.n == 0 || origin.n > NOTE_NAME_MAX || read_size(&size, &c.size) < 0 ||
	    decode(&root, c.root.b, DIGEST_SIZE, &got) < 0 || got != DIGEST_SIZE)
		return NOTE_MALFORMED;
	while (t.n > 0) {
		if (take_until(&t, '\n', &extension) < 0 || extension.n == 0)
			return NOTE_MALFORMED;
	}
	memcpy(c.origin, origin.p, origin.n);
	*ret = c;

	return NOTE_OK;
}
