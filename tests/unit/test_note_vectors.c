/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes, checkpoints and proofs of other implementations: the example of the specification, two
 * small logs, one with cosignatures, and checkpoints of a public log.
 */
#include "crypto/note.h"

#include "crypto/merkle.h"
#include "tests/unit/crypto_vectors.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(note_vectors, .init = init);

static struct note_key
key_of(const char *vkey)
{
	struct note_key k = { 0 };
	char *name = NULL, *again;

	cr_assert_eq(note_parse_vkey(vkey, strlen(vkey), &name, &k.key), NOTE_OK, "%s", vkey);
	k.name = name;
	again = note_vkey(&k);
	cr_expect_str_eq(again, vkey);
	free(again);

	return k;
}

static void
free_key(struct note_key *k)
{
	free((void *)(uintptr_t)k->name);
}

/* The note is good and its text a checkpoint, which is written as it was. */
static int
read_checkpoint(const char *note, const struct note_key *k, struct checkpoint *ret)
{
	const char *text;
	char *again;
	size_t n;
	int rc = note_verify(note, strlen(note), k, 1, &text, &n);

	if (rc == NOTE_OK)
		rc = checkpoint_parse(text, n, ret);
	if (rc == NOTE_OK) {
		again = checkpoint_text(ret);
		cr_expect(strlen(again) == n && memcmp(again, text, n) == 0);
		free(again);
	}

	return rc;
}

/* A file below the folder, NUL-terminated. */
static char *
file_text(const char *dir, const char *name)
{
	char path[PATH_MAX + 64], *text = calloc(1, NOTE_MAX);
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "re");
	cr_assert(f && text, "%s", path);
	cr_assert(fread(text, 1, NOTE_MAX - 1, f) > 0);
	fclose(f);

	return text;
}

Test(note_vectors, specification)
{
	json_t *j = vector_json("c2sp/examples.json");
	const json_t *example = json_object_get(j, "signed_note");
	const json_t *form = json_object_get(j, "checkpoint_form");
	struct note_key k = key_of(vector_text(example, "vkey"));
	const char *note = vector_text(example, "note"), *text = vector_text(form, "text");
	const char *got;
	struct checkpoint c;
	char *again;
	size_t n;

	cr_assert_eq(note_verify(note, strlen(note), &k, 1, &got, &n), NOTE_OK);
	cr_expect(n == 28 && memcmp(got, "This is an example message.\n", n) == 0);
	cr_assert_eq(checkpoint_parse(text, strlen(text), &c), NOTE_OK);
	cr_expect_str_eq(c.origin, vector_text(form, "origin"));
	cr_expect_eq(c.size, vector_number(form, "size"));
	again = checkpoint_text(&c);
	cr_expect_str_eq(again, text);
	free(again);
	free_key(&k);
	json_decref(j);
	vector_count("C2SP examples", 2);
}

Test(note_vectors, tessera_log)
{
	struct note_key k = key_of("example.com/log/testdata+33d7b496+"
	                           "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
	char dir[PATH_MAX], name[32];
	struct checkpoint c;

	vector_path(dir, "tessera-log");
	for (unsigned i = 0; i <= 8; i++) {
		char *note;

		snprintf(name, sizeof name, "checkpoint.%u", i);
		note = file_text(dir, name);
		cr_assert_eq(read_checkpoint(note, &k, &c), NOTE_OK, "%s", name);
		cr_expect_str_eq(c.origin, k.name);
		cr_expect_eq(c.size, i);
		free(note);
	}
	free_key(&k);
	vector_count("tessera checkpoints", 9);
}

Test(note_vectors, log_of_300)
{
	static const unsigned sizes[] = { 0, 1, 2, 3, 7, 8, 255, 256, 257, 300 };
	json_t *j = vector_json("generated/tlog/proofs.json");
	const json_t *roots = json_object_get(j, "roots");
	struct note_key k = key_of(vector_text(j, "log_vkey"));
	const char *witness = vector_text(j, "witness_vkey");
	char dir[PATH_MAX], name[32], *unused = NULL;
	struct public_key key;
	struct checkpoint c;
	struct digest want;

	vector_path(dir, "generated/tlog");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *note, size[16];

		snprintf(name, sizeof name, "checkpoint.%u", sizes[i]);
		snprintf(size, sizeof size, "%u", sizes[i]);
		note = file_text(dir, name);
		cr_assert_eq(read_checkpoint(note, &k, &c), NOTE_OK, "%s", name);
		cr_expect_str_eq(c.origin, vector_text(j, "origin"));
		cr_expect_eq(c.size, sizes[i]);
		cr_assert_eq(unbase64_digest(vector_text(roots, size), &want), 0);
		cr_expect(digest_eq(&c.root, &want), "%s", name);
		free(note);
	}
	/* a cosigner's key makes another kind of signature; it is not taken for a log's */
	cr_expect_eq(note_parse_vkey(witness, strlen(witness), &unused, &key), NOTE_MALFORMED);
	free_key(&k);
	json_decref(j);
	vector_count("tlog checkpoints", sizeof sizes / sizeof sizes[0]);
}

Test(note_vectors, bad_notes)
{
	json_t *proofs = vector_json("generated/tlog/proofs.json");
	json_t *j = vector_json("generated/tlog/bad-notes.json"), *note;
	struct note_key k = key_of(vector_text(proofs, "log_vkey"));
	struct checkpoint c;
	const char *name;
	size_t count = 0;

	json_object_foreach(json_object_get(j, "notes"), name, note)
	{
		cr_expect(read_checkpoint(json_string_value(note), &k, &c) < 0, "%s", name);
		count++;
	}
	cr_expect_eq(count, 10);
	free_key(&k);
	json_decref(j);
	json_decref(proofs);
	vector_count("tlog bad notes", count);
}

/* A proof file: a line that names the form, "index N", hashes, an empty line, the checkpoint. */
Test(note_vectors, proof_file)
{
	json_t *proofs = vector_json("generated/tlog/proofs.json");
	struct note_key k = key_of(vector_text(proofs, "log_vkey"));
	struct digest p[64], leaf;
	struct checkpoint c;
	char dir[PATH_MAX], *text, *at, *line;
	size_t n = 0;

	vector_path(dir, "generated/tlog");
	text = file_text(dir, "leaf-5.tlog-proof");
	at = text;
	cr_assert_str_eq(strsep(&at, "\n"), "c2sp.org/tlog-proof@v1");
	cr_assert_str_eq(strsep(&at, "\n"), "index 5");
	for (line = strsep(&at, "\n"); line[0] != '\0'; line = strsep(&at, "\n"))
		cr_assert(n < 64 && unbase64_digest(line, &p[n++]) == 0);
	cr_assert_eq(read_checkpoint(at, &k, &c), NOTE_OK);
	merkle_leaf("", 0, &leaf); /* "entry_5_is_empty" */
	cr_expect_eq(merkle_verify_inclusion(&leaf, 5, c.size, p, n, &c.root), 0);
	cr_expect(merkle_verify_inclusion(&leaf, 4, c.size, p, n, &c.root) < 0);
	free(text);
	free_key(&k);
	json_decref(proofs);
	vector_count("tlog proof files", 1);
}

/* --- a public log --- */

/* The Ed25519 keys of a trust root, each under its log's host. */
static size_t
log_keys(const char *dir, struct note_key *ret, size_t max)
{
	static const uint8_t head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
		                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
	char name[256];
	json_t *j, *t;
	size_t i, n, count = 0;

	snprintf(name, sizeof name, "%s/trusted_root.json", dir);
	j = vector_json(name);
	json_array_foreach(json_object_get(j, "tlogs"), i, t)
	{
		const char *b64 = vector_text(json_object_get(t, "publicKey"), "rawBytes");
		const char *host = strstr(vector_text(t, "baseUrl"), "://");
		uint8_t der[256];

		cr_assert_eq(sodium_base642bin(der, sizeof der, b64, strlen(b64), NULL, &n, NULL,
		                               sodium_base64_VARIANT_ORIGINAL),
		             0);
		if (n != sizeof head + KEY_PUBLIC_SIZE || memcmp(der, head, sizeof head) != 0)
			continue;
		cr_assert(count < max && host != NULL);
		ret[count] = (struct note_key){ .name = strdup(host + 3) };
		ret[count].key.kind = KEY_ED25519;
		memcpy(ret[count].key.b, der + sizeof head, KEY_PUBLIC_SIZE);
		count++;
	}
	json_decref(j);

	return count;
}

/* Is the entry of the bundle in the log that signed the checkpoint of the bundle? */
static int
check_entry(const json_t *entry, const struct note_key *keys, size_t keys_n)
{
	const json_t *proof = json_object_get(entry, "inclusionProof"), *h;
	const char *note = vector_text(json_object_get(proof, "checkpoint"), "envelope");
	const char *body64 = vector_text(entry, "canonicalizedBody"), *text;
	static uint8_t body[1u << 16];
	struct digest p[64], leaf;
	struct checkpoint c;
	size_t i, n;

	if (note_verify(note, strlen(note), keys, keys_n, &text, &n) != NOTE_OK ||
	    checkpoint_parse(text, n, &c) != NOTE_OK)
		return -1;
	cr_assert_eq(sodium_base642bin(body, sizeof body, body64, strlen(body64), NULL, &n, NULL,
	                               sodium_base64_VARIANT_ORIGINAL),
	             0);
	merkle_leaf(body, n, &leaf);
	json_array_foreach(json_object_get(proof, "hashes"), i, h)
	        cr_assert(i < 64 && unbase64_digest(json_string_value(h), &p[i]) == 0);

	return merkle_verify_inclusion(&leaf, strtoull(vector_text(proof, "logIndex"), NULL, 10),
	                               c.size, p, i, &c.root);
}

Test(note_vectors, public_log)
{
	static const struct {
		const char *dir;
		int want;
	} cases[] = {
		{ "sigstore-conformance/rekor2-dsse-happy-path", 0 },
		{ "sigstore-conformance/rekor2-checkpoint-cosigned", 0 },
		{ "sigstore-conformance/rekor2-checkpoint-two-sigs-from-origin", 0 },
		{ "sigstore-conformance/rekor2-checkpoint-missing-origin_fail", -1 },
		{ "sigstore-conformance/rekor2-checkpoint-missing-size_fail", -1 },
		{ "sigstore-conformance/rekor2-checkpoint-no-matching-signature_fail", -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct note_key keys[8];
		char name[256];
		const size_t n = log_keys(cases[i].dir, keys, 8);
		json_t *j, *entry;

		snprintf(name, sizeof name, "%s/bundle.sigstore.json", cases[i].dir);
		j = vector_json(name);
		entry = json_array_get(
		        json_object_get(json_object_get(j, "verificationMaterial"), "tlogEntries"),
		        0);
		cr_assert(n > 0 && entry != NULL);
		cr_expect_eq(check_entry(entry, keys, n), cases[i].want, "%s", cases[i].dir);
		for (size_t k = 0; k < n; k++)
			free_key(&keys[k]);
		json_decref(j);
	}
	vector_count("sigstore checkpoints", sizeof cases / sizeof cases[0]);
}
