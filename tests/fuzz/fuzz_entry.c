/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are the JSON of a log entry whose hash is good, as any writer of the folder can append
 * one: taken apart, and put into a database that has a model with a version, a target, a plan that
 * was allowed and its job, signed with keys from fixed seeds. What is refused is refused for what
 * the entry is: any other error would be taken for a failing disk.
 */
#include "tests/fuzz/scratch.h"

#include <string.h>
#include <sys/stat.h>

#include "crypto/merkle.h"
#include "registry/entry.h"
#include "registry/policy.h"
#include "registry/records.h"
#include "registry/statement.h"
#include "tests/unit/solo.h"

#define D        "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
#define REGISTRY "0123456789abcdef0123456789abcdef"

static struct store *store;

static struct log_line
line_of(struct str json, uint64_t seq)
{
	struct log_line l = { .seq = seq, .json = json, .length = (uint32_t)json.n + 70 };

	l.at = (struct log_pos){ 1, seq * 70000 };
	merkle_leaf(json.p, json.n, &l.leaf);
	return l;
}

/* --- what was logged before --- */

static struct {
	struct secret_key *ana, *agent;
	struct txn *t;
	uint64_t n;
} history;

/* Takes body and predicate (NULL: no statement). */
static void
log_entry(const char *type, const char *model, json_t *body, const struct digest *subject,
          json_t *predicate)
{
	cleanup_buf struct buf json = { 0 }, envelope = { 0 };
	json_t *n = json_pack("{s:o, s:{}, s:s, s:s}", "body", body, "by", "time",
	                      "2026-01-01T00:00:00Z", "type", type);
	json_t *statement = NULL;
	struct err e = { 0 };

	if (predicate) {
		const bool is_job = streq(type, "job");
		const struct secret_key *const by = is_job ? history.agent : history.ana;
		PROMISE(statement_sign(type, type, subject, predicate, by, &envelope, &e) == 0);
		PROMISE(json_parse(buf_str(&envelope), type, &statement, &e) == 0);
		json_object_set_new(n, "statement", statement);
		json_decref(predicate);
	}
	json_object_set_new(n, "policy", history.n > 1 ? json_integer(1) : json_null());
	json_object_set_new(n, "previous", json_null());
	if (model) {
		struct model_row m;
		json_object_set_new(n, "model", json_string(model));
		if (model_get(history.t, model, &m, &e) == 0)
			json_object_set_new(n, "previous", json_integer((json_int_t)m.last_seq));
		err_clear(&e);
	}
	json_canonical(n, &json);
	json_decref(n);
	const struct log_line l = line_of(buf_str(&json), history.n++);
	PROMISE(entry_apply(history.t, &l, &e) == 0);
}

static void
log_target(void)
{
	json_t *body = json_pack("{s:s, s:s, s:{s:s, s:i, s:s, s:{}, s:s}}", "action", "add",
	                         "name", "dc1", "target", "driver", "directory", "order", 1, "path",
	                         "/srv", "settings", "stage", "staging");
	cleanup_buf struct buf text = { 0 };
	struct digest subject;

	json_canonical(body, &text);
	digest_small(text.p, text.n, &subject);
	log_entry("target", NULL, body, &subject,
	          json_pack("{s:s, s:s, s:n, s:s}", "action", "add", "name", "dc1", "previous",
	                    "registry", REGISTRY));
}

static void
log_history(void)
{
	json_t *policy = solo_policy(REGISTRY, "ana", &history.ana->pub, &history.agent->pub, 1000);
	cleanup_buf struct buf text = { 0 };
	const struct digest d = { .b = { [DIGEST_SIZE - 1] = 0xaa } };
	struct digest id;
	char key[KEY_ID_SIZE];

	key_id(&history.ana->pub, key);
	json_canonical(policy, &text);
	digest_small(text.p, text.n, &id);
	log_entry("registry", NULL, json_pack("{s:s}", "id", REGISTRY), NULL, NULL);
	log_entry("policy", NULL,
	          json_pack("{s:o, s:i}", "digest", json_from_digest(&id), "version", 1), &id,
	          policy);
	log_entry("version", "m",
	          json_pack("{s:i, s:s, s:i, s:s, s:i, s:s}", "bytes", 1, "digest", D, "files", 1,
	                    "key", key, "number", 1, "signer", "ana"),
	          &d,
	          json_pack("{s:i, s:i, s:s, s:i, s:s}", "bytes", 1, "files", 1, "model", "m",
	                    "number", 1, "registry", REGISTRY));
	log_target();
	log_entry("plan", "m",
	          json_pack("{s:s, s:s, s:i, s:s}", "id", D, "kind", "promote", "number", 1,
	                    "stage", "staging"),
	          NULL, NULL);
	log_entry("authorisation", "m", json_pack("{s:s}", "plan", D), &d,
	          json_pack("{s:s, s:s, s:i, s:s, s:i, s:n, s:s, s:s, s:s}", "kind", "promote",
	                    "model", "m", "number", 1, "plan", D, "policy", 1, "previous",
	                    "registry", REGISTRY, "stage", "staging", "version", D));
	json_t *job = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "event", "begin", "id",
	                        "00000000000000aa", "kind", "promote", "number", 1, "plan", D,
	                        "stage", "staging", "state", "running");
	json_t *said = json_deep_copy(job);
	json_object_set_new(said, "model", json_string("m"));
	json_object_set_new(said, "registry", json_string(REGISTRY));
	log_entry("job", "m", job, &d, said);
}

static struct secret_key *
key_of(uint8_t n)
{
	const uint8_t seed[KEY_SEED_SIZE] = { n };
	struct secret_key *k = key_from_seed(seed);

	PROMISE(k != NULL);
	return k;
}

static void
open_store(void)
{
	cleanup_free char *db = xasprintf("%s/db", scratch());
	struct err e = { 0 };

	PROMISE(mkdir(db, 0700) == 0);
	PROMISE(store_open(db, true, &store, &e) == 0);
	PROMISE(store_write_begin(store, &history.t, &e) == 0);
	history.ana = key_of(1);
	history.agent = key_of(2);
	log_history();
	PROMISE(store_commit(history.t, &e) == 0);
	key_free(history.ana);
	key_free(history.agent);
}

static int
model_seen(void *arg, const struct model_row *m)
{
	size_t *n = arg;

	PROMISE(m->stages_n <= STAGES_MAX && memchr(m->labels, '\0', sizeof m->labels));
	++*n;
	return 0;
}

/* What was put can be read again. */
static void
read_back(struct txn *t)
{
	struct applied a;
	struct err e = { 0 };
	size_t n = 0;

	PROMISE(applied_get(t, &a, &e) == 0 && a.entries == history.n + 1);
	PROMISE(model_each(t, NULL, model_seen, &n, &e) == 0 && n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct txn *t;
	int rc;

	if (n > LOG_JSON_MAX)
		return 0;
	if (!store)
		open_store();
	const struct log_line l = line_of(input(p, n), history.n);
	PROMISE(store_write_begin(store, &t, &e) == 0);
	rc = entry_apply(t, &l, &e);
	promise_err(rc, &e);
	PROMISE(rc == 0 || rc == -ERR_MALFORMED || rc == -ERR_TOO_BIG || rc == -ERR_SIGNATURE ||
	        rc == -ERR_UNTRUSTED || rc == -ERR_USAGE || rc == -ERR_EXISTS);
	if (rc == 0)
		read_back(t);
	store_abort(t);
	return 0;
}
