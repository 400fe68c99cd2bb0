/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are a checkpoint of a registry whose log has a key from a fixed seed. First byte 's':
 * the rest is the text of one, and that key signs it, so that what is behind the signature is read.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/note.h"
#include "registry/base/buf.h"
#include "registry/policy.h"
#include "registry/tree_head.h"

#define REGISTRY "0123456789abcdef0123456789abcdef"
#define ORIGIN   "slipway/" REGISTRY

static struct policy policy;
static struct secret_key *log_key;

static struct secret_key *
key_of(uint8_t n)
{
	const uint8_t seed[KEY_SEED_SIZE] = { n };
	struct secret_key *k = key_from_seed(seed);

	PROMISE(k != NULL);
	return k;
}

/* Once; lives as long as the process. */
static void
make_policy(void)
{
	struct secret_key *ana = key_of(1), *agent = key_of(2);
	struct err e = { 0 };

	log_key = key_of(3);
	const struct policy_start start = { .template_name = "solo",
		                            .registry_id = REGISTRY,
		                            .person = "ana",
		                            .key = &ana->pub,
		                            .agent = &agent->pub,
		                            .log = &log_key->pub,
		                            .issued_s = 1000 };
	json_t *doc = policy_template(&start);
	PROMISE(doc && policy_parse(doc, &policy, &e) == 0);
	policy.seq = 1;
	json_decref(doc);
	key_free(ana);
	key_free(agent);
}

static bool
same(const struct tree_head *a, const struct tree_head *b)
{
	return a->size == b->size && a->policy_seq == b->policy_seq &&
	       digest_eq(&a->root, &b->root);
}

static void
read_head(struct str note)
{
	cleanup_buf struct buf own = { 0 }, trimmed = { 0 };
	const struct policy nobody = { .seq = 1 };
	struct tree_head h = { 0 }, peeked = { 0 }, again = { 0 };
	struct err e = { 0 };
	const int rc = tree_head_verify(note, &policy, REGISTRY, &h, &e);

	promise_err(rc, &e);
	err_clear(&e);
	const int peek = tree_head_peek(note, REGISTRY, &peeked, &e);
	promise_err(peek, &e);
	err_clear(&e);
	if (tree_head_trim(note, REGISTRY, &trimmed, &e) == 0) {
		PROMISE(trimmed.n <= note.n);
		err_clear(&e);
		PROMISE(tree_head_peek(buf_str(&trimmed), REGISTRY, &again, &e) == peek);
		PROMISE(peek < 0 || same(&again, &peeked));
	}
	err_clear(&e);
	PROMISE(tree_head_verify(note, &nobody, REGISTRY, &again, &e) < 0);
	err_clear(&e);
	PROMISE(tree_head_verify(note, &policy, "f" REGISTRY, &again, &e) < 0);
	if (rc < 0)
		return;
	/* one that counts says what it seems to say, and is the one that would be made of it */
	PROMISE(peek == 0 && same(&h, &peeked) && h.policy_seq == policy.seq);
	err_clear(&e);
	PROMISE(tree_head_sign(REGISTRY, &h, log_key, &own, &e) == 0);
	PROMISE(str_eq(buf_str(&own), note));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *note = NULL;
	size_t note_n;

	if (!log_key)
		make_policy();
	if (n == 0 || p[0] != 's') {
		read_head(input(p, n));
		return 0;
	}
	if (note_sign((const char *)p + 1, n - 1, ORIGIN, log_key, &note, &note_n) < 0)
		return 0;
	read_head((struct str){ note, note_n });
	free(note);
	return 0;
}
