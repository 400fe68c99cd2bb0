/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change_commit(): the only place that opens a write transaction or appends to the log. The log
 * line is the change; the database follows it. The order is what makes a crash harmless at every
 * point: room is reserved before the log moves, the line is durable before the database commits,
 * and a database that is one line behind is replayed by whoever opens it next.
 */
#include "registry/change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/change_private.h"
#include "registry/entry.h"
#include "registry/fault.h"
#include "registry/records.h"

/* Entries a transaction. One each would be slow; one for all would be lost whole by a crash, and
 * spill pages (a race in LMDB 0.9.24). */
#define BATCH 512

/* --- step 2 and 3: the writer lock, the same file, the end of the log --- */

/* Under the writer lock. What is behind the mark was never acknowledged and goes, unless the
 * database has it already. */
static int
settle_suspect(struct registry *r, struct log_writer *w, const struct applied *a, struct err *e)
{
	struct log_pos at;
	bool marked;
	int rc = log_suspect_read(r->rootfd, &marked, &at, e);

	if (rc < 0 || !marked)
		return rc;
	if (log_pos_before(at, a->end)) {
		message(MESSAGE_WARNING,
		        "the log was marked suspect after a failed write; the database has what is "
		        "behind the mark, so that it stays");
		return log_suspect_clear(r->rootfd, e);
	}
	rc = log_cut(w, at, e);
	if (rc < 0)
		return rc;
	message(MESSAGE_WARNING,
	        "the log was marked suspect after a failed write; what was written there is cut "
	        "off, and it goes on at segment %" PRIu32 ", offset %" PRIu64,
	        at.segment, at.offset);
	return log_suspect_clear(r->rootfd, e);
}

static int
database_ahead(const struct registry *r, const struct applied *a, struct err *e)
{
	err_set(e, ERR_DIGEST,
	        "registry \"%s\": the database knows %" PRIu64 " log entries and the log has fewer",
	        r->dir, a->entries);
	return err_hint(e, "the log was cut or an older one was put back: restore it, or look with "
	                   "`slipway check`");
}

/* How much the rows of lines of so many bytes can need: their text again, and keys. */
static uint64_t
room_for(uint64_t bytes)
{
	return 2 * bytes;
}

/* *ret_done false: there may be more than one batch of lines. */
static int
apply_lines(struct registry *r, struct txn *t, struct log_reader *rd, struct log_writer *w,
            uint64_t *ret_bytes, bool *ret_done, struct err *e)
{
	struct log_line line;
	enum log_step step;
	int rc;

	*ret_done = false;
	for (unsigned i = 0; i < BATCH; i++) {
		rc = log_next(rd, &step, &line, e);
		*ret_done = rc < 0 || step != LOG_LINE;
		if (rc < 0 || step == LOG_END)
			return rc;
		if (step == LOG_TORN) {
			if (!w)
				return 0;
			rc = log_cut(w, line.at, e);
			if (rc == 0)
				message(MESSAGE_WARNING,
				        "an unfinished last line of %" PRIu32
				        " bytes was cut off the log; it was never acknowledged",
				        line.length);
			return rc;
		}
		rc = entry_replay(t, &line, e);
		if (rc < 0)
			return err_prefix(e, "replay the log of %s", r->dir);
		*ret_bytes += line.length;
	}
	return 0;
}

static int
catch_up_once(struct registry *r, struct txn *t, struct log_writer *w, uint64_t *ret_bytes,
              bool *ret_done, struct err *e)
{
	struct log_reader *rd = NULL;
	struct applied a;
	struct log_pos end, files;
	int rc = applied_get(t, &a, e);

	*ret_bytes = 0;
	*ret_done = true;
	if (rc == 0 && w)
		rc = settle_suspect(r, w, &a, e);
	if (rc == 0)
		rc = log_end(r->log, &end, e);
	if (rc < 0)
		return rc;
	if (log_pos_before(end, a.end)) {
		/* a mark that no writer has settled yet: what was applied before it stays */
		rc = log_files_end(r->log, &files, e);
		return rc < 0 || !log_pos_before(files, a.end) ? rc : database_ahead(r, &a, e);
	}
	if (!log_pos_before(a.end, end))
		return 0;
	rc = log_reader_new(r->log, a.end, a.entries, &rd, e);
	if (rc < 0)
		return rc;
	rc = apply_lines(r, t, rd, w, ret_bytes, ret_done, e);
	log_reader_free(rd);
	return rc < 0 || *ret_bytes == 0 ? rc : store_reserve(t, room_for(*ret_bytes), e);
}

static int
begin(struct registry *r, struct txn **ret, struct err *e)
{
	for (int tries = 0;; tries++) {
		int rc = store_write_begin(r->store, ret, e);

		if (rc < 0 || store_is_current(r->store))
			return rc;
		/* somebody rebuilt the database while we waited for the lock */
		store_abort(steal(ret));
		if (tries == 3)
			return err_set(e, ERR_LOCKED,
			               "registry \"%s\": the database is being replaced", r->dir);
		cleanup_free char *db = xstrdup(store_dir(r->store));
		store_close(steal(&r->store));
		rc = store_open(db, false, &r->store, e);
		if (rc < 0)
			return rc;
		store_set_context(r->store, &r->context);
	}
}

/* The database to the end of the log. *ret_bytes: of the lines that the open transaction took; the
 * batches before it are committed, and others may have had the writer lock between them. */
static int
catch_up(struct registry *r, struct txn **t, struct log_writer *w, uint64_t *ret_bytes,
         struct err *e)
{
	for (;;) {
		bool done;
		int rc = catch_up_once(r, *t, w, ret_bytes, &done, e);

		if (rc < 0 || done)
			return rc;
		rc = store_commit(steal(t), e);
		if (rc == 0)
			rc = begin(r, t, e);
		if (rc < 0)
			return rc;
	}
}

/* --- steps 5 to 7 --- */

/* The entry's rows go in before the log moves: a body that put refuses must never reach the log. */
static int
put_and_reserve(struct txn *t, const struct buf *line, struct log_pos at, const struct digest *leaf,
                uint64_t seq, uint64_t replayed, struct err *e)
{
	const char *json = memchr(line->p, ' ', line->n);
	struct log_line l = { .seq = seq, .leaf = *leaf, .at = at, .length = (uint32_t)line->n };
	int rc;

	json += 1 + 64 + 1;
	l.json = (struct str){ json, line->n - (size_t)(json - line->p) - 1 };
	rc = entry_apply(t, &l, e);
	return rc < 0 ? rc : store_reserve(t, room_for(line->n + replayed), e);
}

/* Lines that leave together, from that place on. */
struct change_lines_text {
	struct buf bytes;
	struct log_pos at;
	uint64_t replayed;
};

static int
append(struct registry *r, struct log_writer *w, struct log_pos end, const struct buf *line,
       struct err *e)
{
	struct log_pos at, before = end;
	bool sync_failed;
	int rc = log_append(w, &end, buf_str(line), &at, &sync_failed, e);

	if (rc < 0 && sync_failed) {
		(void)log_suspect_mark(r->rootfd, before);
		return err_hint(e, "the disk failed; nothing was changed: look at the system's log "
		                   "before going on");
	}
	if (rc < 0 && e->code != ERR_NO_SPACE)
		e->code = ERR_SYS;
	return rc < 0 ? -(int)e->code : 0;
}

/* Where log_append will put a line of n bytes. */
static struct log_pos
place_of(struct log_pos end, size_t n)
{
	if (end.offset > 0 && end.offset + n > LOG_SEGMENT_MAX)
		return (struct log_pos){ end.segment + 1, 0 };
	return end;
}

/* A line with all that stands behind it so far: formatted and put, which gives the next one its
 * sequence and its model's chain. */
static int
add_line(struct registry *r, struct txn *t, const struct change *c, json_t *body,
         struct change_lines_text *text, struct digest *ret_leaf, struct err *e)
{
	cleanup_buf struct buf line = { 0 };
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc == 0)
		rc = change_line(r, t, c, &a, body, &line, ret_leaf, e);
	if (rc < 0)
		return rc;
	if (text->bytes.n == 0 && !c->more)
		text->at = place_of(text->at, line.n);
	rc = put_and_reserve(
	        t, &line, (struct log_pos){ text->at.segment, text->at.offset + text->bytes.n },
	        ret_leaf, a.entries, text->replayed + text->bytes.n, e);
	buf_add(&text->bytes, line.p, line.n);
	if (rc == 0 && text->bytes.n > CHANGE_BYTES_MAX)
		rc = err_set(e, ERR_TOO_BIG, "more than %u bytes of log entries in one change",
		             CHANGE_BYTES_MAX);
	return rc;
}

static int
add_lines(struct registry *r, struct txn *t, const struct change *c, json_t *body,
          struct change_lines_text *text, struct digest *ret_leaf, struct err *e)
{
	int rc = add_line(r, t, c, body, text, ret_leaf, e);

	for (size_t i = 0; rc == 0 && c->more && i < c->more->n; i++) {
		const struct change_line *const l = &c->more->v[i];
		const struct change one = { .type = l->type,
			                    .model = l->model,
			                    .reason = c->reason,
			                    .statement_blob = l->statement_blob,
			                    .more = c->more };
		struct digest leaf;

		rc = add_line(r, t, &one, l->body, text, &leaf, e);
	}
	return rc;
}

/* A segment that was begun and got nothing, as the disk was full or the power went. What comes next
 * may still fit behind the last line, and an unfinished line is forgiven in the last segment
 * only. */
static int
drop_empty_segment(struct registry *r, struct log_writer *w, struct log_pos last, struct err *e)
{
	struct log_pos end;
	int rc = log_files_end(r->log, &end, e);

	if (rc < 0 || end.segment == last.segment || end.offset > 0)
		return rc;
	return log_cut(w, last, e);
}

static int
commit_line(struct registry *r, struct txn **t, struct log_writer *w, const struct change *c,
            json_t *body, uint64_t replayed, struct change_result *ret, struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	struct change_lines_text text = { .replayed = replayed };
	struct err late = { 0 };
	struct applied a;
	int rc = applied_get(*t, &a, e);

	if (rc == 0)
		rc = drop_empty_segment(r, w, a.end, e);
	if (rc < 0)
		return rc;
	text.at = c->more ? place_of(a.end, CHANGE_BYTES_MAX) : a.end;
	rc = add_lines(r, *t, c, body, &text, &ret->leaf, e);
	bytes = text.bytes;
	if (rc < 0)
		return rc;
	fault_point("before-append");
	rc = append(r, w, c->more ? text.at : a.end, &bytes, e);
	if (rc < 0)
		return rc;
	fault_point("after-append");
	ret->changed = true;
	ret->seq = a.entries;
	if (store_commit(steal(t), &late) < 0) {
		ret->replay_later = true;
		message(MESSAGE_WARNING,
		        "the change is in the log, but the database could not be written (%s); the "
		        "next "
		        "command replays it",
		        late.msg);
	}
	fault_point("after-commit");
	return 0;
}

static int
commit_locked(struct registry *r, struct txn **t, struct log_writer *w, const struct change *c,
              struct change_result *ret, struct err *e)
{
	json_t *body = NULL;
	uint64_t replayed;
	int rc = catch_up(r, t, w, &replayed, e);

	if (rc == 0)
		rc = c->check(*t, c->arg, &body, e);
	if (rc == 0 && c->blob)
		rc = blob_must_exist(r->blobs, c->blob, e);
	if (rc == 0)
		rc = commit_line(r, t, w, c, body, replayed, ret, e);
	else if (rc == CHANGE_NONE && replayed > 0)
		rc = store_commit(steal(t), e);
	json_decref(body);
	return rc < 0 ? rc : 0;
}

int
change_commit(struct registry *r, const struct change *c, struct change_result *ret, struct err *e)
{
	struct log_writer *w = NULL;
	struct txn *t = NULL;
	int rc;

	*ret = (struct change_result){ 0 };
	if (r->why_not_writable[0]) {
		err_set(e, ERR_DENIED, "registry \"%s\" cannot be written: %s", r->dir,
		        r->why_not_writable);
		return -ERR_DENIED;
	}
	rc = log_writer_open(r->log, &w, e);
	if (rc == 0)
		rc = begin(r, &t, e);
	if (rc == 0)
		rc = commit_locked(r, &t, w, c, ret, e);
	store_abort(t);
	log_writer_close(w);
	return rc;
}

int
change_locked(struct registry *r, int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
	struct txn *t = NULL;
	uint64_t bytes;
	int rc = begin(r, &t, e);

	if (rc == 0)
		rc = catch_up(r, &t, NULL, &bytes, e);
	if (rc == 0)
		rc = fn(arg, e);
	store_abort(t); /* what was replayed here is replayed again by the next one */
	return rc;
}

int
change_replay(struct registry *r, struct err *e)
{
	struct txn *t = NULL;
	uint64_t bytes;
	int rc = begin(r, &t, e);

	if (rc == 0)
		rc = catch_up(r, &t, NULL, &bytes, e);
	if (rc == 0 && bytes > 0)
		rc = store_commit(steal(&t), e);
	store_abort(t);
	return rc;
}

/* --- rebuild --- */

static int
build_into(struct registry *r, struct store *s, uint64_t *ret_entries, struct err *e)
{
	struct log_reader *rd;
	struct log_line line;
	enum log_step step = LOG_LINE;
	int rc = log_reader_new(r->log, (struct log_pos){ 1, 0 }, 0, &rd, e);

	*ret_entries = 0;
	store_set_context(s, &r->context);
	while (rc == 0 && step == LOG_LINE) {
		uint64_t bytes = 0;
		struct txn *t;

		rc = store_write_begin(s, &t, e);
		if (rc < 0)
			break;
		for (unsigned i = 0; rc == 0 && i < BATCH; i++) {
			rc = log_next(rd, &step, &line, e);
			if (rc < 0 || step != LOG_LINE)
				break;
			rc = entry_replay(t, &line, e);
			*ret_entries += rc == 0;
			bytes += line.length;
		}
		if (rc == 0)
			rc = store_reserve(t, room_for(bytes), e);
		if (rc == 0)
			rc = store_commit(t, e);
		else
			store_abort(t);
	}
	log_reader_free(rd);
	return rc;
}

int
change_build_db(struct registry *r, const char *dir, struct err *e)
{
	struct store *s;
	uint64_t n;
	int rc = store_open(dir, true, &s, e);

	if (rc < 0)
		return rc;
	rc = build_into(r, s, &n, e);
	store_close(s);
	return rc;
}

/* The old database's writer lock, so that nobody commits into what is about to go. A database that
 * cannot be opened has no writers: its log is at the mercy of the flock alone. */
static int
old_lock(const char *db, struct store **ret_s, struct txn **ret_t)
{
	struct err ignored = { 0 };

	*ret_s = NULL;
	*ret_t = NULL;
	if (store_open(db, false, ret_s, &ignored) < 0)
		return 0;
	return store_write_begin(*ret_s, ret_t, &ignored) < 0 ? -1 : 0;
}

/* A folder with a database, and nothing else; absent is fine. Else -1 with errno. */
static int
remove_db(const char *dir)
{
	cleanup_free char *data = xasprintf("%s/data.mdb", dir),
	                  *lock = xasprintf("%s/lock.mdb", dir);

	(void)unlink(data);
	(void)unlink(lock);
	return rmdir(dir) < 0 && errno != ENOENT ? -1 : 0;
}

/* Both may have been removed; neither may be a link to somewhere else. What has the database's name
 * and is no folder goes, whoever put it there. */
static int
make_db_folders(struct registry *r, struct err *e)
{
	static const char *const folders[] = { "db", "incoming" };

	(void)unlinkat(r->rootfd, "db", 0); /* a folder stays: it is not removed like that */

	for (size_t i = 0; i < COUNT(folders); i++) {
		const bool made = mkdirat(r->rootfd, folders[i], 0700) == 0;
		cleanup_close int fd = -1;
		int rc;

		if (!made && errno != EEXIST)
			return err_sys(e, "make the folder \"%s\"", folders[i]);
		rc = fs_open_dir_beneath(r->rootfd, folders[i], &fd, e);
		if (rc < 0)
			return rc;
		if (made)
			fs_take_mode(fd, r->rootfd);
	}
	return 0;
}

/* A folder with the number of this process, by which others see whether its maker lives: what is
 * there already was left by one that died and had the same. */
static int
make_fresh(const char *fresh, struct err *e)
{
	if (remove_db(fresh) < 0)
		return err_sys(e, "remove \"%s\", which an interrupted rebuild left", fresh);
	if (mkdir(fresh, 0770) < 0)
		return err_sys(e, "make the folder \"%s\"", fresh);
	return 0;
}

/* Like every writer, before anything else. Without the old database nothing is known of what was
 * applied: the new one ends at the mark, and the next change settles it. */
static int
settle_before(struct registry *r, struct txn *held, struct err *e)
{
	struct log_writer *w = NULL;
	struct applied a;
	int rc;

	if (!held || applied_get(held, &a, e) < 0) {
		err_clear(e);
		return 0;
	}
	rc = log_writer_open(r->log, &w, e);
	if (rc == 0)
		rc = settle_suspect(r, w, &a, e);
	log_writer_close(w);
	return rc;
}

static int
build_fresh(struct registry *r, const char *fresh, uint64_t *ret_entries, struct err *e)
{
	struct store *s = NULL;
	int rc = make_fresh(fresh, e);

	if (rc == 0)
		rc = store_open(fresh, true, &s, e);
	if (rc == 0)
		rc = build_into(r, s, ret_entries, e);
	store_close(s);
	return rc;
}

int
change_rebuild(struct registry *r, uint64_t *ret_entries, struct err *e)
{
	cleanup_free char *db = xasprintf("%s/db", r->dir);
	cleanup_free char *fresh = xasprintf("%s/incoming/db-%d", r->dir, (int)getpid());
	struct store *old = NULL;
	struct txn *held = NULL;
	uint64_t n = 0;
	int rc;

	if (r->why_not_writable[0])
		return err_set(e, ERR_DENIED, "registry \"%s\" cannot be written: %s", r->dir,
		               r->why_not_writable);
	rc = make_db_folders(r, e);
	if (rc < 0)
		return rc;
	if (!r->is_db_foreign && old_lock(db, &old, &held) < 0)
		message(MESSAGE_WARNING, "the old database is too damaged to be locked");
	rc = settle_before(r, held, e);
	if (rc == 0)
		rc = build_fresh(r, fresh, &n, e);
	if (rc == 0)
		rc = store_swap(fresh, db, !r->is_db_foreign, e);
	(void)remove_db(fresh);
	store_abort(held);
	store_close(old);
	if (ret_entries)
		*ret_entries = n;
	return rc;
}
