/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are a DSSE envelope: peeked at, and verified under one fixed key. First byte 's': the
 * rest is a predicate that is signed here, and must come back whole.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/statement.h"

static const uint8_t seed[KEY_SEED_SIZE] = { 7 };

static void
read_envelope(struct str bytes, const struct secret_key *key)
{
	struct statement s = { 0 };
	struct err e = { 0 };
	int rc = statement_peek(bytes, &s, &e);

	promise_err(rc, &e);
	if (rc == 0)
		PROMISE(json_is_object(s.predicate) && s.kind[0]);
	statement_fini(&s);
	s = (struct statement){ 0 };
	e = (struct err){ 0 };
	rc = statement_verify(bytes, NULL, &key->pub, 1, &s, &e);
	promise_err(rc, &e);
	PROMISE(rc == 0 || !s.predicate);
	statement_fini(&s);
}

static void
sign_and_read(struct str bytes, const struct secret_key *key)
{
	cleanup_json json_t *predicate = NULL;
	cleanup_buf struct buf envelope = { 0 };
	struct statement s = { 0 };
	struct err e = { 0 };
	struct digest d;

	if (json_parse(bytes, "predicate", &predicate, &e) < 0 || !json_is_object(predicate))
		return;
	digest_small(bytes.p, bytes.n, &d);
	if (statement_sign("approval", "plan", &d, predicate, key, &envelope, &e) < 0)
		return;
	/* the predicate lies two levels deeper than it was read */
	if (statement_verify(buf_str(&envelope), "approval", &key->pub, 1, &s, &e) < 0) {
		PROMISE(e.code == ERR_MALFORMED && strstr(e.msg, "nested deeper"));
		return;
	}
	PROMISE(json_equal(s.predicate, predicate) && digest_eq(&s.subject, &d));
	statement_fini(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct secret_key *key = key_from_seed(seed);

	PROMISE(key);
	if (n > 0 && p[0] == 's')
		sign_and_read(input(p + 1, n - 1), key);
	else
		read_envelope(input(p, n), key);
	key_free(key);
	return 0;
}
