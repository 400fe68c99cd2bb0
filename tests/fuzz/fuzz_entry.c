/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are the JSON of a log entry whose hash is good, as any writer of the folder can append
 * one: taken apart, and put into a database that has a model with a version and a plan. What is
 * refused is refused as malformed: any other error would be taken for a failing disk.
 */
#include "tests/fuzz/scratch.h"

#include <string.h>
#include <sys/stat.h>

#include "crypto/merkle.h"
#include "registry/entry.h"
#include "registry/records.h"

#define D "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
#define HEAD "\"by\":{},\"policy\":null,\"time\":\"2026-01-01T00:00:00Z\",\"type\":"

static const char *const before[] = {
	"{\"body\":{\"id\":\"0123456789abcdef0123456789abcdef\"},\"previous\":null," HEAD
	"\"registry\"}",
	"{\"body\":{\"version\":1},\"previous\":null," HEAD "\"policy\"}",
	"{\"body\":{\"bytes\":1,\"digest\":\"" D "\",\"files\":1,\"key\":\"k\",\"number\":1,"
	"\"signer\":\"ana\"},\"model\":\"m\",\"previous\":null," HEAD "\"version\"}",
	"{\"body\":{\"id\":\"" D "\",\"kind\":\"promote\",\"number\":1,\"stage\":\"staging\"},"
	"\"model\":\"m\",\"previous\":2," HEAD "\"plan\"}",
	"{\"body\":{\"event\":\"begin\",\"id\":\"00000000000000aa\",\"plan\":\"" D "\"},"
	"\"model\":\"m\",\"previous\":3," HEAD "\"job\"}",
};

static struct store *store;

static struct log_line
line_of(struct str json, uint64_t seq)
{
	struct log_line l = { .seq = seq, .json = json, .length = (uint32_t)json.n + 70 };

	l.at = (struct log_pos){ 1, seq * 70000 };
	merkle_leaf(json.p, json.n, &l.leaf);
	return l;
}

static void
open_store(void)
{
	cleanup_free char *db = xasprintf("%s/db", scratch());
	struct err e = { 0 };
	struct txn *t;

	PROMISE(mkdir(db, 0700) == 0);
	PROMISE(store_open(db, true, &store, &e) == 0);
	PROMISE(store_write_begin(store, &t, &e) == 0);
	for (size_t i = 0; i < COUNT(before); i++) {
		const struct log_line l = line_of(str_of(before[i]), i);
		PROMISE(entry_apply(t, &l, &e) == 0);
	}
	PROMISE(store_commit(t, &e) == 0);
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

	PROMISE(applied_get(t, &a, &e) == 0 && a.entries == COUNT(before) + 1);
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
	const struct log_line l = line_of(input(p, n), COUNT(before));
	PROMISE(store_write_begin(store, &t, &e) == 0);
	rc = entry_apply(t, &l, &e);
	promise_err(rc, &e);
	PROMISE(rc == 0 || rc == -ERR_MALFORMED || rc == -ERR_TOO_BIG);
	if (rc == 0)
		read_back(t);
	store_abort(t);
	return 0;
}
