/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a manifest file: a head of comments and each object as a YAML document. Pure. Texts
 * stand plain only where no reader can take them for anything else, as JSON strings otherwise,
 * which YAML reads alike. Knows no folder and no cluster.
 */
#include "deploy/driver_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIRST_LINE \
	"# Written by Slipway: a change by hand is drift, and the next rollout takes it back.\n"

/* --- YAML --- */

/* A word that no version of YAML reads as a number, a truth value or null. */
static bool
is_plain(const char *s, size_t n)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
		                             "off",  "null",  "y",   "n" };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (n == 0 || strlen(s) != n || !strchr(letters, s[0]) ||
	    strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") !=
	            n - 1)
		return false;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcasecmp(words[i], s) == 0)
			return false;
	}
	return true;
}

/* Four hex digits behind "\\u". */
static bool
is_unit(const char *s, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";

	*ret = 0;
	if (s[0] != '\\' || s[1] != 'u')
		return false;
	for (int i = 2; i < 6; i++) {
		const char *digit = s[i] ? strchr(digits, s[i] | 0x20) : NULL;

		if (!digit)
			return false;
		*ret = *ret << 4 | (uint32_t)(digit - digits);
	}
	return true;
}

/* "\\ud83d\\ude80": JSON's way beyond 16 bits, which YAML does not have. */
static bool
is_pair(const char *s, uint32_t *ret)
{
	uint32_t high, low;

	if (!is_unit(s, &high) || !is_unit(s + 6, &low) || high - 0xd800 >= 0x400 ||
	    low - 0xdc00 >= 0x400)
		return false;
	*ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static void
add_scalar(const json_t *v, struct buf *ret)
{
	cleanup_buf struct buf json = { 0 };
	uint32_t c;

	if (json_is_string(v) && is_plain(json_string_value(v), json_string_length(v))) {
		buf_adds(ret, json_string_value(v));
		return;
	}
	json_canonical(v, &json); /* also of an empty map and list */
	for (const char *s = buf_cstr(&json); *s; s++) {
		if (is_pair(s, &c)) {
			buf_addf(ret, "\\U%08" PRIX32, c);
			s += 11;
			continue;
		}
		buf_addc(ret, *s);
		if (*s == '\\')
			buf_addc(ret, *++s);
	}
}

static void
add_key(const char *key, struct buf *ret)
{
	cleanup_json json_t *v = json_string(key);

	add_scalar(v, ret);
	buf_addc(ret, ':');
}

static bool
is_nested(const json_t *v)
{
	return json_object_size(v) > 0 || json_array_size(v) > 0;
}

static void
indent(unsigned depth, struct buf *ret)
{
	for (unsigned i = 0; i < depth; i++)
		buf_adds(ret, "  ");
}

/* first: what stands before the first line is there already. */
static void
add_block(const json_t *v, unsigned depth, bool first, struct buf *ret)
{
	const char *key;
	json_t *one;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)v, key, one)
	{
		if (!first)
			indent(depth, ret);
		first = false;
		add_key(key, ret);
		buf_addc(ret, is_nested(one) ? '\n' : ' ');
		if (is_nested(one)) {
			/* a list stands under its key without being moved in, as kubectl has it */
			add_block(one, json_is_array(one) ? depth : depth + 1, false, ret);
			continue;
		}
		add_scalar(one, ret);
		buf_addc(ret, '\n');
	}
	json_array_foreach(v, i, one)
	{
		if (!first)
			indent(depth, ret);
		first = false;
		buf_adds(ret, "- ");
		if (is_nested(one)) {
			add_block(one, depth + 1, true, ret);
			continue;
		}
		add_scalar(one, ret);
		buf_addc(ret, '\n');
	}
}

void
manifest_yaml(const json_t *value, struct buf *ret)
{
	if (is_nested(value)) {
		add_block(value, 0, false, ret);
		return;
	}
	add_scalar(value, ret);
	buf_addc(ret, '\n');
}

/* --- the head --- */

enum head_key { REGISTRY, TARGET, MODEL, NUMBER, VERSION, PLAN, HEAD_KEYS };
static const char *const keys[HEAD_KEYS] = {
	[REGISTRY] = CLUSTER_REGISTRY, [TARGET] = CLUSTER_TARGET,   [MODEL] = CLUSTER_MODEL,
	[NUMBER] = CLUSTER_NUMBER,     [VERSION] = CLUSTER_VERSION, [PLAN] = CLUSTER_PLAN,
};

void
manifest_text(const struct manifest_head *h, const json_t *objects, struct buf *ret)
{
	char version[8 + DIGEST_HEX_SIZE] = "sha256:", number[24];
	const json_t *one;
	size_t i;

	digest_hex(&h->stamp.version, version + 7);
	(void)snprintf(number, sizeof number, "%" PRIu64, h->stamp.number);
	const char *const values[HEAD_KEYS] = {
		[REGISTRY] = h->stamp.registry,
		[TARGET] = h->target,
		[MODEL] = h->stamp.model,
		[NUMBER] = number,
		[VERSION] = version,
		[PLAN] = h->stamp.plan_id,
	};
	buf_adds(ret, FIRST_LINE);
	for (int k = 0; k < HEAD_KEYS; k++)
		buf_addf(ret, "# %s: %s\n", keys[k], values[k]);
	json_array_foreach(objects, i, one)
	{
		if (i > 0)
			buf_adds(ret, "---\n");
		manifest_yaml(one, ret);
	}
}

/* "# KEY: VALUE" */
static bool
head_value(struct str line, const char *key, char *ret, size_t size)
{
	const size_t n = strlen(key);

	if (line.n < n + 4 || memcmp(line.p, "# ", 2) != 0 || memcmp(line.p + 2, key, n) != 0 ||
	    memcmp(line.p + 2 + n, ": ", 2) != 0 || line.n - n - 4 >= size ||
	    memchr(line.p, '\0', line.n))
		return false;
	memcpy(ret, line.p + n + 4, line.n - n - 4);
	ret[line.n - n - 4] = '\0';
	return ret[0] != '\0';
}

void
manifest_head_of(struct str text, struct manifest_head *ret)
{
	char number[24], version[8 + DIGEST_HEX_SIZE];
	struct cluster_stamp s = { .exists = true };
	char target[sizeof ret->target];
	const struct {
		char *at;
		size_t size;
	} into[HEAD_KEYS] = {
		[REGISTRY] = { s.registry, sizeof s.registry },
		[TARGET] = { target, sizeof target },
		[MODEL] = { s.model, sizeof s.model },
		[NUMBER] = { number, sizeof number },
		[VERSION] = { version, sizeof version },
		[PLAN] = { s.plan_id, sizeof s.plan_id },
	};
	struct str line;

	*ret = (struct manifest_head){ .stamp.exists = true };
	if (!manifest_line(&text, &line) || line.n + 1 != strlen(FIRST_LINE) ||
	    memcmp(line.p, FIRST_LINE, line.n) != 0)
		return;
	for (int k = 0; k < HEAD_KEYS; k++) {
		if (!manifest_line(&text, &line) ||
		    !head_value(line, keys[k], into[k].at, into[k].size))
			return;
	}
	if (parse_u64(number, UINT64_MAX, &s.number) < 0 || !has_prefix(version, "sha256:") ||
	    digest_parse(&s.version, version + 7, strlen(version + 7)) < 0)
		return;
	s.is_ours = true;
	ret->stamp = s;
	memcpy(ret->target, target, sizeof ret->target);
}
