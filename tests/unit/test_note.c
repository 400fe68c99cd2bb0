/* SPDX-License-Identifier: Apache-2.0 */
/* Notes signed here, and every way to spoil them that the format has; checkpoints. */
#include "crypto/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "crypto/ed25519.h"

#define DASH "\xe2\x80\x94"

static struct secret_key *ana, *ben;
static struct note_key by_ana, by_ben;

static void
init(void)
{
	static const uint8_t seeds[2][KEY_SEED_SIZE] = { { 1 }, { 2 } };

	cr_assert_eq(crypto_init(), 0);
	ana = key_from_seed(seeds[0]);
	ben = key_from_seed(seeds[1]);
	cr_assert(ana && ben);
	by_ana = (struct note_key){ "log.example/ana", ana->pub };
	by_ben = (struct note_key){ "log.example/ben", ben->pub };
}

static void
fini(void)
{
	key_free(ana);
	key_free(ben);
}

TestSuite(note, .init = init, .fini = fini);

static char *
signed_by(const char *text, const struct note_key *k, const struct secret_key *key)
{
	char *note = NULL;
	size_t n = 0;

	cr_assert_eq(note_sign(text, strlen(text), k->name, key, &note, &n), NOTE_OK);
	cr_assert_eq(strlen(note), n);

	return note;
}

/* The signature line of a note. */
static const char *
line_of(const char *note)
{
	const char *at = strstr(note, "\n\n" DASH);

	cr_assert(at != NULL);

	return at + 2;
}

static int
verify(const char *note, size_t n, const struct note_key *keys, size_t keys_n)
{
	const char *text = NULL;
	size_t text_n = 0;
	int rc = note_verify(note, n, keys, keys_n, &text, &text_n);

	cr_expect_eq(rc == NOTE_OK, text != NULL);
	if (rc == NOTE_OK)
		cr_expect(text == note && text_n > 0 && text_n < n && text[text_n - 1] == '\n');

	return rc;
}

static void
expect(const char *what, const char *note, int want)
{
	cr_expect_eq(verify(note, strlen(note), &by_ana, 1), want, "%s", what);
}

/* --- signing and verifying --- */

Test(note, sign_and_verify)
{
	static const char *const texts[] = { "hello\n",
		                             "\n",
		                             "a\n\nb\n",
		                             "a\n\n\n\n",
		                             "gr\xc3\xbc\xc3\x9f\n",
		                             "looks\n\n" DASH " signed AAAAAAAA\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *note = signed_by(texts[i], &by_ana, ana);
		const struct note_key both[] = { by_ben, by_ana };
		const char *text;
		size_t n;

		cr_expect_eq(note_verify(note, strlen(note), &by_ana, 1, &text, &n), NOTE_OK);
		cr_expect(n == strlen(texts[i]) && memcmp(text, texts[i], n) == 0, "%zu", i);
		cr_expect_eq(verify(note, strlen(note), both, 2), NOTE_OK);
		cr_expect_eq(verify(note, strlen(note), &by_ben, 1), NOTE_UNKNOWN);
		cr_expect_eq(verify(note, strlen(note), NULL, 0), NOTE_UNKNOWN);
		for (size_t cut = 0; cut < strlen(note); cut++)
			cr_expect(verify(note, cut, &by_ana, 1) < 0, "cut %zu", cut);
		free(note);
	}
}

/* Whatever byte is another one, the note says nothing. */
Test(note, every_byte_counts)
{
	char *note = signed_by("log.example/ana\n12\nand a line\n", &by_ana, ana);
	const size_t n = strlen(note);

	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			note[i] = (char)(note[i] ^ 1 << bit);
			cr_expect(verify(note, n, &by_ana, 1) < 0, "byte %zu, bit %u", i, bit);
			note[i] = (char)(note[i] ^ 1 << bit);
		}
	}
	cr_expect_eq(verify(note, n, &by_ana, 1), NOTE_OK);
	free(note);
}

Test(note, what_is_not_signed)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "", "n" },
		{ "no end", "n" },
		{ "a\n", "" },
		{ "a\n", "a b" },
		{ "a\n", "a+b" },
		{ "a\n", "a\nb" },
		{ "a\n", "a\xc2\xa0"
		         "b" },
		{ "a\n", "a\xe3\x80\x80"
		         "b" },
		{ "a\n", "\xff" },
		{ "a\tb\n", "n" },
		{ "a\r\n", "n" },
		{ "a\x7f\n", "n" },
		{ "\xc2\x85\n", "n" },
		{ "\xc0\x8a\n", "n" },
		{ "\xed\xa0\x80\n", "n" },
		{ "\xf4\x90\x80\x80\n", "n" },
		{ "\xe2\x82\n", "n" },
		{ "\x80\n", "n" },
		{ "\xf8\x88\x80\x80\x80\n", "n" },
		{ "\xe0\x9f\xbf\n", "n" },
	};
	char name[NOTE_NAME_MAX + 2], *note = NULL, *big = malloc(NOTE_MAX);
	size_t n = 0;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(note_sign(cases[i].text, strlen(cases[i].text), cases[i].name, ana,
		                       &note, &n),
		             NOTE_MALFORMED, "case %zu", i);
	cr_expect_eq(note_sign("a\0b\n", 4, "n", ana, &note, &n), NOTE_MALFORMED);
	memset(name, 'n', sizeof name);
	name[NOTE_NAME_MAX + 1] = '\0';
	cr_expect_eq(note_sign("a\n", 2, name, ana, &note, &n), NOTE_MALFORMED);
	memset(big, 'x', NOTE_MAX);
	big[NOTE_MAX - 1] = '\n';
	cr_expect_eq(note_sign(big, NOTE_MAX, "n", ana, &note, &n), NOTE_MALFORMED);
	cr_expect(note == NULL);
	name[NOTE_NAME_MAX] = '\0';
	cr_expect_eq(note_sign("a\n", 2, name, ana, &note, &n), NOTE_OK);
	cr_expect_eq(verify(note, n, &(struct note_key){ name, ana->pub }, 1), NOTE_OK);
	free(note);
	free(big);
}

/* A note with a good signature, whatever the text. */
static int
verify_raw(const char *text, size_t n)
{
	char *line = signed_by("x\n", &by_ana, ana), note[512];
	uint8_t sig[4 + ED25519_SIG_SIZE];
	char b64[128];
	size_t got, at;

	/* the key id of one note, the signature of another */
	cr_assert_eq(sodium_base642bin(sig, sizeof sig, strrchr(line, ' ') + 1,
	                               strlen(strrchr(line, ' ')) - 2, NULL, &got, NULL,
	                               sodium_base64_VARIANT_ORIGINAL),
	             0);
	cr_assert_eq(ed25519_sign(sig + 4, text, n, ana), 0);
	sodium_bin2base64(b64, sizeof b64, sig, sizeof sig, sodium_base64_VARIANT_ORIGINAL);
	memcpy(note, text, n);
	at = n +
	     (size_t)snprintf(note + n, sizeof note - n, "\n" DASH " %s %s\n", by_ana.name, b64);
	free(line);

	return verify(note, at, &by_ana, 1);
}

Test(note, text_that_may_not_be)
{
	cr_expect_eq(verify_raw("good\n", 5), NOTE_OK);
	cr_expect_eq(verify_raw("t\tab\n", 5), NOTE_MALFORMED);
	cr_expect_eq(verify_raw("nul\0\n", 5), NOTE_MALFORMED);
	cr_expect_eq(verify_raw("esc\x1b\n", 5), NOTE_MALFORMED);
	cr_expect_eq(verify_raw("\xff\xfe\xfd\xfc\n", 5), NOTE_MALFORMED);
	cr_expect_eq(verify_raw("\xc2\x9b\n", 3), NOTE_MALFORMED, "C1");
}

/* Nothing is read behind the end; a sanitizer would see it. */
Test(note, ends)
{
	static const char *const cut[] = {
		"\xe2", "\xe2\x80", "\xf0\x9f\x98", "o\n", "o\n1\n", ""
	};

	for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
		const size_t n = strlen(cut[i]);
		char *exact = malloc(n + (n == 0)), *name = NULL;
		struct checkpoint c;
		struct public_key key;

		memcpy(exact, cut[i], n);
		cr_expect_eq(checkpoint_parse(exact, n, &c), NOTE_MALFORMED);
		cr_expect_eq(verify(exact, n, &by_ana, 1), NOTE_MALFORMED);
		cr_expect_eq(note_parse_vkey(exact, n, &name, &key), NOTE_MALFORMED);
		free(exact);
	}
}

/* --- signature lines --- */

Test(note, lines)
{
	char *good = signed_by("text\n", &by_ana, ana), *other = signed_by("text\n", &by_ben, ben);
	char *stale = signed_by("old text\n", &by_ana, ana);
	const char *ours = line_of(good), *theirs = line_of(other), *bad = line_of(stale);
	const int ours_n = (int)strlen(ours);
	const struct {
		const char *what, *before, *after;
		int want;
	} cases[] = {
		{ "alone", "", "", NOTE_OK },
		{ "an unknown one first", theirs, "", NOTE_OK },
		{ "an unknown one last", "", theirs, NOTE_OK },
		{ "twice", ours, "", NOTE_OK },
		{ "a bad one of the same key first", bad, "", NOTE_BAD },
		{ "a bad one of the same key last", "", bad, NOTE_BAD },
		{ "an unknown key of the same name", DASH " log.example/ana AAAAAAAA\n", "",
		  NOTE_OK },
		{ "another kind of signature", DASH " witness.example AAAAAAAAAAAAAAAA\n", "",
		  NOTE_OK },
		{ "an empty line", "\n", "", NOTE_BAD }, /* the text has one more then */
		{ "an empty line behind", "", "\n", NOTE_MALFORMED },
		{ "a word", "word\n", "", NOTE_MALFORMED },
		{ "hyphen", "- a AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "en dash", "\xe2\x80\x93 a AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "no space", DASH "a AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "two spaces", DASH "  a AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "two spaces behind", DASH " a  AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "no name", DASH " AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "a plus in the name", DASH " a+b AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "nothing", DASH " a \n", "", NOTE_MALFORMED },
		{ "a key id alone", DASH " a AAAAAA==\n", "", NOTE_MALFORMED },
		{ "a byte", DASH " a AAAAAAA=\n", "", NOTE_OK },
		{ "no padding", DASH " a AAAAAAA\n", "", NOTE_MALFORMED },
		{ "bits left over", DASH " a AAAAAAB=\n", "", NOTE_MALFORMED },
		{ "web's base64", DASH " a AAAA_AAA\n", "", NOTE_MALFORMED },
		{ "a space behind", DASH " a AAAAAAAA \n", "", NOTE_MALFORMED },
		{ "a tab", DASH "\ta AAAAAAAA\n", "", NOTE_MALFORMED },
		{ "CR", DASH " a AAAAAAAA\r\n", "", NOTE_MALFORMED },
		{ "no line end", "", DASH " a AAAAAAAA", NOTE_MALFORMED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *note;

		cr_assert(asprintf(&note, "text\n\n%s%.*s%s", cases[i].before, ours_n, ours,
		                   cases[i].after) > 0);
		expect(cases[i].what, note, cases[i].want);
		free(note);
	}
	free(good);
	free(other);
	free(stale);
}

/* A known signature behind that many unknown ones. */
static void
expect_many(size_t others, int want)
{
	static const char line[] = DASH " a AAAAAAAA\n";
	char *good = signed_by("text\n", &by_ana, ana), *note = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&note, &n);

	cr_assert(f != NULL);
	fputs("text\n\n", f);
	for (size_t i = 0; i < others; i++)
		fputs(line, f);
	fputs(line_of(good), f);
	fclose(f);
	expect("many lines", note, want);
	free(note);
	free(good);
}

Test(note, number_of_signatures)
{
	expect_many(15, NOTE_OK); /* the least that a reader has to accept is 16 */
	expect_many(NOTE_SIGS_MAX - 1, NOTE_OK);
	expect_many(NOTE_SIGS_MAX, NOTE_MALFORMED);
}

Test(note, size)
{
	static char text[NOTE_MAX + 64];
	char *note = NULL;
	size_t n = 0, low = 1;

	/* the longest text that can be signed makes a note that can be read */
	memset(text, 'x', sizeof text);
	for (size_t at = NOTE_MAX; at > 1; at--) {
		text[at - 1] = '\n';
		if (note_sign(text, at, by_ana.name, ana, &note, &n) == NOTE_OK) {
			low = at;
			break;
		}
		text[at - 1] = 'x';
	}
	cr_assert(low > NOTE_MAX - 256);
	cr_expect(n <= NOTE_MAX);
	cr_expect_eq(verify(note, n, &by_ana, 1), NOTE_OK);
	/* the same signature behind a text that is too long is not looked at */
	char *big = malloc(NOTE_MAX + 1);
	const size_t more = NOTE_MAX + 1 - n;
	memset(big, 'x', more);
	memcpy(big + more, note, n);
	cr_expect_eq(verify(big, NOTE_MAX + 1, &by_ana, 1), NOTE_MALFORMED);
	cr_expect_eq(verify(big + 1, NOTE_MAX, &by_ana, 1), more > 1 ? NOTE_BAD : NOTE_OK);
	free(big);
	free(note);
}

/* --- keys --- */

Test(note, only_its_own_kind_of_key)
{
	char *note = signed_by("text\n", &by_ana, ana);
	struct note_key k = by_ana;

	k.key.kind = KEY_SK_ED25519; /* would sign something else */
	cr_expect_eq(verify(note, strlen(note), &k, 1), NOTE_UNKNOWN);
	k = by_ana;
	k.name = "log.example/an";
	cr_expect_eq(verify(note, strlen(note), &k, 1), NOTE_UNKNOWN);
	k = by_ana;
	k.key.b[0] ^= 1;
	cr_expect_eq(verify(note, strlen(note), &k, 1), NOTE_UNKNOWN);
	free(note);
}

Test(note, vkey)
{
	char *text = note_vkey(&by_ana), *name = NULL, *more;
	struct public_key key = { 0 };
	const size_t n = strlen(text);

	cr_assert_eq(note_parse_vkey(text, n, &name, &key), NOTE_OK);
	cr_expect_str_eq(name, by_ana.name);
	cr_expect_eq(memcmp(&key, &by_ana.key, sizeof key), 0);
	free(name);
	name = NULL;
	for (size_t i = 0; i < n; i++) {
		const char was = text[i];

		cr_expect_eq(note_parse_vkey(text, i, &name, &key), NOTE_MALFORMED, "cut %zu", i);
		text[i] = was == 'A' ? 'B' : 'A';
		cr_expect_eq(note_parse_vkey(text, n, &name, &key), NOTE_MALFORMED, "byte %zu", i);
		text[i] = was;
	}
	cr_assert(asprintf(&more, "%s\n", text) > 0);
	cr_expect_eq(note_parse_vkey(more, n + 1, &name, &key), NOTE_MALFORMED);
	more[n] = 'A';
	cr_expect_eq(note_parse_vkey(more, n + 1, &name, &key), NOTE_MALFORMED);
	cr_expect_eq(note_parse_vkey("", 0, &name, &key), NOTE_MALFORMED);
	cr_expect(name == NULL);
	free(more);
	free(text);
}

/* Keys of a cosigner, of another kind, and of a size that is none: their ids are right. */
Test(note, vkey_of_another_type)
{
	static const char *const cases[] = {
		"witness.example.org/w1+4f0f5cde+BAPClyaNfHCs7PpfkJx6MZFgAGOhguRmNDM3XbHEgvTa",
		"a+00000000+Aw==",
		"a+a5269a0a+AQ==", /* the id of a key that is all zero, and no key */
		"registry.example.org/shared-log+4562e4+"
		"AXBtmATW/b8Z0HFJdZ453RyklSvjZuzdo/xk8noBXuYL",
		"registry.example.org/shared-log++"
		"AXBtmATW/b8Z0HFJdZ453RyklSvjZuzdo/xk8noBXuYL",
		"a+00000000+",
		"+00000000+AXBtmATW/b8Z0HFJdZ453RyklSvjZuzdo/xk8noBXuYL",
		"registry.example.org/shared-log+4562E423+"
		"AXBtmATW/b8Z0HFJdZ453RyklSvjZuzdo/xk8noBXuYL",
	};
	char *name = NULL;
	struct public_key key;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(note_parse_vkey(cases[i], strlen(cases[i]), &name, &key),
		             NOTE_MALFORMED, "case %zu", i);
	cr_expect(name == NULL);
}

/* --- checkpoints --- */

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

Test(note, checkpoints)
{
	static const struct {
		const char *what, *text;
		int want;
		uint64_t size;
	} cases[] = {
		{ "plain", "o\n7\n" ROOT "\n", NOTE_OK, 7 },
		{ "empty tree", "o\n0\n" ROOT "\n", NOTE_OK, 0 },
		{ "an origin with spaces", "my log, a+b\n7\n" ROOT "\n", NOTE_OK, 7 },
		{ "extension", "o\n7\n" ROOT "\nmore\n", NOTE_OK, 7 },
		{ "two", "o\n7\n" ROOT "\nmore\nand more\n", NOTE_OK, 7 },
		{ "largest", "o\n18446744073709551615\n" ROOT "\n", NOTE_OK, UINT64_MAX },
		{ "too large", "o\n18446744073709551616\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "much too large", "o\n99999999999999999999\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "leading zero", "o\n07\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "two zeros", "o\n00\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "sign", "o\n+7\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "minus", "o\n-7\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "hex", "o\n0x7\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "space", "o\n7 \n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "no size", "o\n\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "no origin", "\n7\n" ROOT "\n", NOTE_MALFORMED, 0 },
		{ "nothing", "", NOTE_MALFORMED, 0 },
		{ "no root", "o\n7\n", NOTE_MALFORMED, 0 },
		{ "no line end", "o\n7\n" ROOT, NOTE_MALFORMED, 0 },
		{ "short root", "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
		  NOTE_MALFORMED, 0 },
		{ "long root", "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA\n",
		  NOTE_MALFORMED, 0 },
		{ "no padding", "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
		  NOTE_MALFORMED, 0 },
		{ "a dash in the root", "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2" DASH "0gIAUqomq2I=\n",
		  NOTE_MALFORMED, 0 },
		{ "empty extension", "o\n7\n" ROOT "\n\n", NOTE_MALFORMED, 0 },
		{ "empty one between", "o\n7\n" ROOT "\na\n\nb\n", NOTE_MALFORMED, 0 },
		{ "unfinished one", "o\n7\n" ROOT "\na", NOTE_MALFORMED, 0 },
		{ "CRLF", "o\r\n7\r\n" ROOT "\r\n", NOTE_MALFORMED, 0 },
		{ "not UTF-8", "\xff\n7\n" ROOT "\n", NOTE_MALFORMED, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct checkpoint c = { .size = 99 };

		cr_expect_eq(checkpoint_parse(cases[i].text, strlen(cases[i].text), &c),
		             cases[i].want, "%s", cases[i].what);
		cr_expect_eq(c.size, cases[i].want == NOTE_OK ? cases[i].size : 99, "%s",
		             cases[i].what);
	}
}

Test(note, checkpoint_there_and_back)
{
	struct checkpoint c = { .origin = "log.example/ana", .size = 20852163 }, back;
	char *text, origin[NOTE_NAME_MAX + 64];

	for (uint8_t i = 0; i < DIGEST_SIZE; i++)
		c.root.b[i] = i;
	text = checkpoint_text(&c);
	cr_assert(text != NULL);
	cr_expect_str_eq(text, "log.example/ana\n20852163\n"
	                       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
	cr_assert_eq(checkpoint_parse(text, strlen(text), &back), NOTE_OK);
	cr_expect_eq(memcmp(&c, &back, sizeof c), 0);
	free(text);

	memset(origin, 'o', sizeof origin);
	memcpy(origin + NOTE_NAME_MAX, "\n7\n" ROOT "\n", sizeof "\n7\n" ROOT "\n");
	cr_expect_eq(checkpoint_parse(origin, strlen(origin), &back), NOTE_OK);
	cr_expect_eq(strlen(back.origin), NOTE_NAME_MAX);
	memset(origin, 'o', NOTE_NAME_MAX + 1);
	memcpy(origin + NOTE_NAME_MAX + 1, "\n7\n" ROOT "\n", sizeof "\n7\n" ROOT "\n");
	cr_expect_eq(checkpoint_parse(origin, strlen(origin), &back), NOTE_MALFORMED);

	/* extension lines up to the size of a note, and no further */
	char *big = malloc(NOTE_MAX + 1);
	memset(big, 'x', NOTE_MAX + 1);
	memcpy(big, "o\n7\n" ROOT "\n", sizeof "o\n7\n" ROOT "\n" - 1);
	big[NOTE_MAX - 1] = '\n';
	cr_expect_eq(checkpoint_parse(big, NOTE_MAX, &back), NOTE_OK);
	big[NOTE_MAX - 1] = 'x';
	big[NOTE_MAX] = '\n';
	cr_expect_eq(checkpoint_parse(big, NOTE_MAX + 1, &back), NOTE_MALFORMED);
	free(big);
}
