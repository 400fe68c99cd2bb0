/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a check: the log from its first line, then the database beside it, then the blobs
 * that both need. A problem does not stop it, as the next part may say what the first one means;
 * except a log that cannot be read to its end, beside which everything else would look wrong.
 */
#include "registry/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/message.h"
#include "registry/base/text.h"
#include "registry/check_private.h"
#include "registry/ledger.h"
#include "registry/manifest.h"

void
check_problem(struct check *c, const char *what, const struct err *problem)
{
	c->ret->problems++;
	c->fn(c->arg, what, problem);
}

void
check_need_blob(struct check *c, const struct digest *d, bool has_size, uint64_t size)
{
	const struct check_blob b = { .digest = *d, .size = size, .has_size = has_size };

	vec_push(&c->blobs, b);
}

/* --- the log --- */

/* Opening looked at one line; here the whole tree up to there must be the one that was seen. */
static int
check_pin(const struct check *c, struct err *e)
{
	const struct pin *const pin = &c->r->pin;
	struct digest seen, is;

	if (!pin->exists || c->edge.size != pin->edge.size)
		return 0;
	merkle_root(&pin->edge, &seen);
	merkle_root(&c->edge, &is);
	if (digest_eq(&seen, &is))
		return 0;
	(void)err_set(e, ERR_DIGEST,
	              "the first %" PRIu64 " entries are not those that you have seen before",
	              pin->edge.size);
	return err_hint(e, "the log was rewritten since: restore it from a backup and ask who did "
	                   "that");
}

static int
check_lines(struct check *c, struct log_reader *reader, struct err *e)
{
	enum log_step step;
	struct log_line line;
	int rc;

	for (;;) {
		rc = log_next(reader, &step, &line, e);
		if (rc < 0)
			return rc;
		if (step == LOG_TORN)
			message(MESSAGE_NOTE,
			        "an unfinished last line of %" PRIu32 " bytes behind entry %" PRIu64
			        ": a write was interrupted; the next change cuts it off",
			        line.length, line.seq);
		if (step != LOG_LINE)
			return 0;
		merkle_append(&c->edge, &line.leaf);
		c->end = (struct log_pos){ line.at.segment, line.at.offset + line.length };
		rc = check_pin(c, e);
		if (rc == 0)
			rc = check_entry(c, &line, e);
		if (rc < 0)
			return rc;
	}
}

static int
check_lines_of_log(struct check *c, struct err *e)
{
	struct log_reader *reader;
	struct err why = { 0 };
	int rc;

	c->end = (struct log_pos){ .segment = 1 };
	rc = change_scratch_open(&c->r->context, &c->scratch, e);
	if (rc == 0)
		rc = log_reader_new(c->r->log, c->end, 0, &reader, e);
	if (rc < 0)
		return rc;
	rc = check_lines(c, reader, &why);
	if (rc < 0)
		check_problem(c, "log", &why);
	log_reader_free(reader);
	c->ret->is_log_whole = rc == 0;
	c->ret->is_log_good = c->ret->problems == 0;
	c->ret->entries = c->edge.size;
	merkle_root(&c->edge, &c->ret->root);
	return 0;
}

/* The whole log as deciding verbs read it, without a pin: what claims authority and does not
 * verify, comes out of order or was never authorised is passed over there, and is a problem here.
 */
static void
check_authority(struct check *c)
{
	struct pin pin = c->r->pin;
	struct ledger l = { 0 };
	struct err why = { 0 };
	int rc;

	c->r->pin.exists = false;
	c->r->rows = change_scratch_rows(c->scratch);
	rc = ledger_open(c->r, &l, &why);
	c->r->rows = NULL;
	c->r->pin = pin;
	if (rc == 0 && l.passed_over > 0 && c->ret->problems == 0)
		rc = err_set(&why, ERR_UNTRUSTED,
		             "%" PRIu64 " %s authority and do not verify; they do not count",
		             l.passed_over, l.passed_over == 1 ? "entry claims" : "entries claim");
	if (rc < 0) {
		check_problem(c, "log", &why);
		c->ret->is_log_good = false;
	}
	ledger_fini(&l);
}

/* --- the database --- */

static int
check_rows(struct check *c, struct txn *t, struct err *e)
{
	struct version_row row;
	int rc;

	vec_foreach(v, &c->versions) {
		rc = version_get(t, v->model, v->number, &row, e);
		if (rc < 0 && rc != -ERR_NOT_FOUND)
			return rc;
		if (rc == 0 && digest_eq(&row.digest, &v->digest) && row.bytes == v->bytes &&
		    row.files == v->files && (row.state.life == LIFE_DELETED) == v->is_deleted)
			continue;
		rc = err_set(e, ERR_DIGEST,
		             "the database says something else about %s@v%" PRIu64 " than the log",
		             v->model, v->number);
		return rc;
	}
	return 0;
}

/* Has the log more whole lines than this check has read? Then somebody works here. */
static bool
has_grown(const struct check *c)
{
	struct log_reader *reader;
	struct err ignored = { 0 };
	struct log_line line;
	enum log_step step;
	int rc;

	if (log_reader_new(c->r->log, c->end, c->edge.size, &reader, &ignored) < 0)
		return false;
	rc = log_next(reader, &step, &line, &ignored);
	log_reader_free(reader);
	return rc == 0 && step == LOG_LINE;
}

/* A database that is behind is what an interrupted change leaves: whoever opens it next replays.
 * One that is ahead of the log means that the log was cut. */
static int
check_position(struct check *c, struct txn *t, struct err *e)
{
	struct applied a;
	int rc;

	rc = applied_get(t, &a, e);
	if (rc < 0)
		return rc;
	if (a.entries < c->edge.size && (a.entries == 0 || streq(a.registry_id, c->r->id))) {
		message(MESSAGE_NOTE,
		        "the database stands at entry %" PRIu64 " of %" PRIu64
		        ": the next command replays the rest",
		        a.entries, c->edge.size);
		return 0;
	}
	if (a.entries > c->edge.size && has_grown(c))
		return 0;
	if (a.entries == c->edge.size && a.end.segment == c->end.segment &&
	    a.end.offset == c->end.offset && streq(a.registry_id, c->r->id)) {
		rc = check_rows(c, t, e);
		return rc < 0 ? rc : change_scratch_compare(c->scratch, t, e);
	}
	err_set(e, ERR_DIGEST, "the database stands at entry %" PRIu64 ", the log has %" PRIu64,
	        a.entries, c->edge.size);
	return a.entries > c->edge.size
	               ? err_hint(e, "the log was cut or an older one was put back: restore it "
	                             "from a backup and ask who did that")
	               : -ERR_DIGEST;
}

static int
check_store(struct check *c, struct store *s, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(s, &t, e);
	return rc < 0 ? rc : check_position(c, t, e);
}

static void
check_database(struct check *c)
{
	cleanup_free char *dir = xasprintf("%s/db", c->r->dir);
	struct store *s = NULL;
	struct err why = { 0 };
	int rc;

	if (c->r->is_private)
		return; /* this person's own copy is replayed from the log at each opening */
	rc = store_open(dir, false, &s, &why);
	if (rc == -ERR_NOT_FOUND && c->r->why_not_writable[0]) {
		message(MESSAGE_NOTE, "this copy has no database: whoever opens it makes one");
		return;
	}
	if (rc == 0)
		rc = check_store(c, s, &why);
	store_close(s);
	if (rc == 0)
		return;
	if (!why.hint[0])
		(void)err_hint(&why, "the log decides: make the database again with "
		                     "`slipway rebuild`");
	check_problem(c, "database", &why);
}

/* --- the blobs --- */

static void
need_files(struct check *c, const struct check_version *v, const char *name)
{
	cleanup_buf struct buf text = { 0 };
	struct err why = { 0 };
	struct manifest m = { 0 };
	struct digest fileset;
	int rc;

	check_need_blob(c, &v->digest, false, 0);
	if (!digest_is_zero(&v->smoke))
		check_need_blob(c, &v->smoke, false, 0);
	rc = blob_read(c->r->blobs, &v->digest, MANIFEST_MAX, &text, &why);
	if (rc == 0)
		rc = manifest_parse(buf_str(&text), &m, &why);
	if (rc < 0) {
		(void)err_prefix(&why, "its manifest");
		check_problem(c, name, &why);
		c->unreadable++;
		c->machine_failed |= why.code == ERR_SYS || why.code == ERR_NO_SPACE;
		return;
	}
	check_need_blob(c, &m.config, false, 0);
	for (size_t i = 0; i < m.n; i++)
		check_need_blob(c, &m.files[i].digest, true, m.files[i].size);
	manifest_fileset_digest(&m, &fileset);
	if (m.n != v->files || m.bytes != v->bytes ||
	    (v->has_fileset && !digest_eq(&fileset, &v->fileset))) {
		(void)err_set(&why, ERR_DIGEST,
		              "its manifest and its statement disagree about the files");
		check_problem(c, name, &why);
	}
	manifest_fini(&m);
}

static int
by_digest(const void *a, const void *b)
{
	const struct check_blob *x = a, *y = b;
	const int order = memcmp(&x->digest, &y->digest, sizeof x->digest);

	return order ? order : (int)y->has_size - (int)x->has_size;
}

static void
sort_needed(struct check *c)
{
	size_t n = 0;

	if (c->blobs.n > 1)
		qsort(c->blobs.v, c->blobs.n, sizeof *c->blobs.v, by_digest);
	for (size_t i = 0; i < c->blobs.n; i++)
		if (n == 0 || !digest_eq(&c->blobs.v[n - 1].digest, &c->blobs.v[i].digest))
			c->blobs.v[n++] = c->blobs.v[i];
	c->blobs.n = n;
}

/* Not a problem: whoever writes next removes it, or the pull that it belongs to goes on. */
static void
note_abandoned(const struct check *c)
{
	char size[16];
	struct err why = { 0 };
	uint64_t bytes;

	if (blobs_abandoned(c->r->blobs, &bytes, &why) < 0) {
		message(MESSAGE_WARNING, "%s", why.msg);
		return;
	}
	if (bytes == 0)
		return;
	text_size(size, bytes);
	message(MESSAGE_NOTE,
	        "%s in \"incoming\" are left from interrupted commands: gc removes them",
	        size);
}

static const struct check_blob *
find_needed(const struct check *c, const struct digest *d)
{
	for (size_t low = 0, high = c->blobs.n; low < high;) {
		const size_t at = low + (high - low) / 2;
		const int order = memcmp(d, &c->blobs.v[at].digest, sizeof *d);
		if (order == 0)
			return &c->blobs.v[at];
		if (order < 0)
			high = at;
		else
			low = at + 1;
	}
	return NULL;
}

bool
check_is_needed(const struct check *c, const struct digest *d)
{
	return find_needed(c, d) != NULL;
}

bool
check_is_longer(const struct check *c, const struct digest *d, uint64_t size)
{
	const struct check_blob *const b = find_needed(c, d);

	return size > (b && b->has_size ? b->size : CHECK_UNSIZED_MAX);
}

static int
count_unneeded(void *arg, const struct digest *d, uint64_t size)
{
	struct check *const c = arg;

	(void)size;
	c->ret->unneeded += !check_is_needed(c, d);
	return 0;
}

/* Of the versions that were not asked yet. */
static void
need_versions(struct check *c)
{
	char name[NAME_SIZE + 24];

	for (; c->gathered < c->versions.n; c->gathered++) {
		const struct check_version *const v = &c->versions.v[c->gathered];
		if (v->is_deleted)
			continue;
		(void)snprintf(name, sizeof name, "%s@v%" PRIu64, v->model, v->number);
		need_files(c, v, name);
	}
	sort_needed(c);
}

int
check_gather(struct check *c, struct err *e)
{
	struct log_reader *reader;
	int rc = 0;

	if (!c->scratch) {
		c->end = (struct log_pos){ .segment = 1 };
		rc = change_scratch_open(&c->r->context, &c->scratch, e);
	}
	if (rc == 0)
		rc = log_reader_new(c->r->log, c->end, c->edge.size, &reader, e);
	if (rc < 0)
		return rc;
	rc = check_lines(c, reader, e);
	log_reader_free(reader);
	if (rc == 0)
		need_versions(c);
	return rc;
}

void
check_fini(struct check *c)
{
	change_scratch_close(c->scratch);
	check_entry_fini(c);
	vec_fini(&c->blobs);
}

static int
check_blobs(struct check *c, struct err *e)
{
	int rc;

	need_versions(c);
	rc = check_files(c, e);
	if (rc < 0)
		return rc;
	return c->ret->is_log_good ? blob_each(c->r->blobs, count_unneeded, c, e) : 0;
}

int
check_log(struct registry *r, check_fn *fn, check_entry_fn *counted, void *arg,
          struct check_result *ret, struct err *e)
{
	struct check c = {
		.r = r, .log_only = true, .fn = fn, .counted = counted, .arg = arg, .ret = ret
	};
	int rc;

	*ret = (struct check_result){ 0 };
	rc = check_lines_of_log(&c, e);
	if (rc == 0 && ret->is_log_whole)
		check_authority(&c);
	change_scratch_close(c.scratch);
	check_entry_fini(&c);
	vec_fini(&c.blobs);
	return rc;
}

int
check_registry(struct registry *r, bool quick, const struct progress *p, check_fn *fn, void *arg,
               struct check_result *ret, struct err *e)
{
	struct check c = {
		.r = r, .progress = p, .quick = quick, .fn = fn, .arg = arg, .ret = ret
	};
	int rc;

	*ret = (struct check_result){ 0 };
	rc = check_lines_of_log(&c, e);
	if (rc == 0 && ret->is_log_whole) {
		check_authority(&c);
		check_database(&c);
		rc = check_blobs(&c, e);
	}
	note_abandoned(&c);
	check_fini(&c);
	return rc;
}
