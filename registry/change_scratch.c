/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction that is never committed, in a database of its own. The puts are those of every
 * replay, so check cannot hold another opinion than the commands. Knows no blobs and no pin.
 */
#include "registry/change_scratch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/fs.h"
#include "registry/entry.h"

struct scratch {
	char *dir;
	struct store *store;
	struct txn *t;
};

int
change_scratch_open(const struct row_context *context, struct scratch **ret, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	struct scratch *s = xcalloc(1, sizeof *s);
	int rc = 0;

	s->dir = xasprintf("%s/slipway-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->dir)) {
		rc = err_sys(e, "temporary folder \"%s\"", s->dir);
		s->dir[0] = '\0';
	}
	if (rc == 0)
		rc = store_open(s->dir, true, &s->store, e);
	if (rc == 0)
		store_set_context(s->store, context);
	if (rc == 0)
		rc = store_write_begin(s->store, &s->t, e);
	if (rc < 0) {
		change_scratch_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void
change_scratch_close(struct scratch *s)
{
	if (!s)
		return;
	cleanup_free char *data = xasprintf("%s/data.mdb", s->dir),
	                  *lock = xasprintf("%s/lock.mdb", s->dir);
	store_abort(s->t);
	store_close(s->store);
	if (s->dir[0]) {
		(void)unlink(data);
		(void)unlink(lock);
		(void)rmdir(s->dir);
	}
	free(s->dir);
	free(s);
}

struct txn *
change_scratch_rows(const struct scratch *s)
{
	return s->t;
}

int
change_scratch_line(struct scratch *s, const struct log_line *line, struct err *ret_why,
                    struct err *e)
{
	return entry_judge(s->t, line, ret_why, e);
}

struct comparison {
	struct txn *other; /* NULL: rows are counted only */
	struct err *e;
	uint64_t rows;
};

static int
compare_row(void *arg, struct str key, struct str value)
{
	struct comparison *c = arg;
	struct str there;
	int rc;

	c->rows++;
	if (!c->other)
		return 0;
	rc = txn_get(c->other, key, &there, c->e);
	if (rc < 0)
		return rc;
	return there.p && str_eq(there, value)
	               ? 0
	               : err_set(c->e, ERR_DIGEST, "the database says something else than the log");
}

static int
walk(struct txn *t, struct comparison *c)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < 256; i++) {
		const char first = (char)(unsigned char)i;
		rc = txn_scan(t, (struct str){ &first, 1 }, (struct str){ NULL, 0 }, SCAN_FORWARD,
		              compare_row, c, c->e);
	}
	return rc;
}

int
change_scratch_compare(const struct scratch *s, struct txn *t, struct err *e)
{
	struct comparison mine = { .other = t, .e = e }, its = { .e = e };
	int rc = walk(s->t, &mine);

	if (rc == 0)
		rc = walk(t, &its);
	if (rc == 0 && mine.rows != its.rows)
		rc = err_set(e, ERR_DIGEST, "the database has rows that the log does not make");
	return rc;
}
