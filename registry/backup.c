/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup's order: whose folder is it, how far is the log now (each line checked, and the one that
 * the last backup ended with still in its place), blobs, the log's tail, backup.json, and then the
 * check of a stranger: is each blob there that these lines need? backup.json says up to where the
 * log is durable; what is behind that was being written and is written again.
 */
#include "registry/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/backup_private.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/base/message.h"
#include "registry/check.h"
#include "registry/fault.h"

#define BACKUP_JSON   "backup.json"
#define JSON_MAX      4096
#define ROUNDS        3 /* when a cleaning took what a line needs: a later line says why */

/* --- whose folder --- */

static int
read_json(const struct backup *b, const char *name, json_t **ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc = fs_read_at(b->rootfd, name, JSON_MAX, &text, e);

	return rc < 0 ? rc : json_parse(buf_str(&text), name, ret, e);
}

static int
parse_end(const json_t *o, struct backup_end *ret, struct err *e)
{
	uint64_t segment, last_segment, length;
	json_t *last;
	int rc = json_get_u64(o, "entries", BACKUP_JSON, &ret->entries, e);

	if (rc < 0 || ret->entries == 0)
		return rc;
	rc = json_get_u64(o, "segment", BACKUP_JSON, &segment, e);
	if (rc == 0)
		rc = json_get_u64(o, "offset", BACKUP_JSON, &ret->end.offset, e);
	if (rc == 0)
		rc = json_get_object(o, "last", BACKUP_JSON, &last, e);
	if (rc == 0)
		rc = json_get_u64(last, "segment", BACKUP_JSON, &last_segment, e);
	if (rc == 0)
		rc = json_get_u64(last, "offset", BACKUP_JSON, &ret->last.offset, e);
	if (rc == 0)
		rc = json_get_u64(last, "length", BACKUP_JSON, &length, e);
	if (rc == 0)
		rc = json_get_digest(last, "leaf", BACKUP_JSON, &ret->leaf, e);
	if (rc < 0)
		return rc;
	ret->end.segment = (uint32_t)segment;
	ret->last.segment = (uint32_t)last_segment;
	ret->last_length = (uint32_t)length;
	return 0;
}

static int
not_a_backup(const struct backup *b, struct err *e)
{
	if (faccessat(b->rootfd, REGISTRY_JSON, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		(void)err_set(e, ERR_EXISTS, "\"%s\" is a registry of its own and no backup",
		              b->dir);
	else
		(void)err_set(e, ERR_EXISTS, "\"%s\" is not empty and no backup", b->dir);
	return err_hint(e, "name a new or empty folder, or an earlier backup of this registry");
}

static bool
is_empty(int fd)
{
	const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *const d = own < 0 ? NULL : fdopendir(own);
	bool used = !d;

	if (!d)
		close_quietly(own);
	for (const struct dirent *de = d ? readdir(d) : NULL; de && !used; de = readdir(d))
		used = !streq(de->d_name, ".") && !streq(de->d_name, "..");
	if (d)
		closedir(d);
	return !used;
}

/* A backup that was accepted as restored names its own inode: it is a registry from then on. */
static int
is_restored(const struct backup *b, bool *ret, struct err *e)
{
	cleanup_json json_t *o = NULL;
	uint64_t inode;
	int rc = read_json(b, REGISTRY_JSON, &o, e);

	*ret = false;
	if (rc == 0)
		rc = json_get_u64(o, "log_inode", REGISTRY_JSON, &inode, e);
	if (rc == 0)
		*ret = inode != 0;
	if (rc < 0 && faccessat(b->rootfd, REGISTRY_JSON, F_OK, 0) < 0 && errno == ENOENT) {
		err_clear(e); /* interrupted before that was written */
		rc = 0;
	}
	return rc;
}

static int
recognise(struct backup *b, struct err *e)
{
	cleanup_json json_t *o = NULL;
	bool restored = false;
	const char *id;
	int rc;

	b->had = (struct backup_end){ .end = { 1, 0 }, .last = { 1, 0 } };
	if (faccessat(b->rootfd, BACKUP_JSON, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return is_empty(b->rootfd) ? 0 : not_a_backup(b, e);
	rc = read_json(b, BACKUP_JSON, &o, e);
	if (rc == 0)
		rc = json_get_string(o, "registry", BACKUP_JSON, &id, e);
	if (rc == 0)
		rc = is_restored(b, &restored, e);
	if (rc < 0)
		return err_prefix(e, "\"%s\"", b->dir);
	if (restored)
		return not_a_backup(b, e);
	if (!streq(id, b->r->id))
		return err_set(e, ERR_CONFLICT, "\"%s\" is a backup of another registry, %s",
		               b->dir, id);
	b->ret->was_there = true;
	return parse_end(o, &b->had, e);
}

/* --- how far --- */

static int
other_history(const struct backup *b, struct err *e)
{
	(void)err_set(e, ERR_DIGEST,
	              "the log does not continue that of the backup in \"%s\": entry %" PRIu64
	              " is missing or another one",
	              b->dir, b->had.entries - 1);
	return err_hint(e, "one of the two was cut or rewritten: look at both with "
	                   "`slipway check` before anything else");
}

static int
check_continues(const struct backup *b, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct err why = { 0 };
	struct log_line line;
	struct log *theirs = NULL;
	int rc;

	if (b->had.entries == 0)
		return 0;
	if (log_read_at(b->r->log, b->had.last, b->had.last_length, &text, &line, &why) < 0 ||
	    line.seq + 1 != b->had.entries || !digest_eq(&line.leaf, &b->had.leaf))
		return other_history(b, e);
	rc = log_open(b->rootfd, &theirs, e);
	if (rc < 0)
		return rc;
	rc = log_read_at(theirs, b->had.last, b->had.last_length, &text, &line, &why);
	log_close(theirs);
	if (rc < 0 || !digest_eq(&line.leaf, &b->had.leaf))
		return err_set(e, ERR_DIGEST,
		               "the backup in \"%s\" is damaged: its log is not what it was",
		               b->dir);
	return 0;
}

static int
read_to_end(struct backup *b, struct err *e)
{
	struct log_reader *reader;
	struct log_line line;
	enum log_step step;
	int rc = log_reader_new(b->r->log, b->had.end, b->had.entries, &reader, e);

	if (rc < 0)
		return rc;
	b->now = b->had;
	for (;;) {
		rc = log_next(reader, &step, &line, e);
		if (rc < 0 || step != LOG_LINE)
			break;
		b->now.entries = line.seq + 1;
		b->now.last = line.at;
		b->now.last_length = line.length;
		b->now.end = (struct log_pos){ line.at.segment, line.at.offset + line.length };
		b->now.leaf = line.leaf;
	}
	log_reader_free(reader);
	return rc;
}

/* --- writing --- */

static int
make_folders(const struct backup *b, struct err *e)
{
	static const char *const folders[] = { "blobs", "blobs/sha256", "log", "incoming", "jobs" };

	for (size_t i = 0; i < COUNT(folders); i++)
		if (mkdirat(b->rootfd, folders[i], 0770) < 0 && errno != EEXIST)
			return err_sys(e, "make \"%s/%s\"", b->dir, folders[i]);
	return 0;
}

static int
write_json(const struct backup *b, const char *name, const json_t *o, struct err *e)
{
	cleanup_buf struct buf text = { 0 };

	json_canonical(o, &text);
	buf_addc(&text, '\n');
	return fs_write_at(b->rootfd, name, text.p, text.n, 0660, e);
}

static int
write_state(const struct backup *b, const struct backup_end *end, struct err *e)
{
	cleanup_json json_t *o = NULL;
	char now[CLOCK_TEXT_SIZE];

	clock_text(now, clock_now_s());
	o = json_pack("{s:I, s:{s:o, s:I, s:I, s:I}, s:I, s:s, s:I, s:s}", "entries",
	              (json_int_t)end->entries, "last", "leaf", json_from_digest(&end->leaf),
	              "length", (json_int_t)end->last_length, "offset",
	              (json_int_t)end->last.offset, "segment", (json_int_t)end->last.segment,
	              "offset", (json_int_t)end->end.offset, "registry", b->r->id, "segment",
	              (json_int_t)end->end.segment, "time", now);
	return write_json(b, BACKUP_JSON, o, e);
}

static int
write_identity(const struct backup *b, struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct identity n = b->r->identity;
	int rc;

	n.log_inode = 0;
	rc = identity_write(b->rootfd, &n, false, e);
	if (rc == 0)
		rc = fs_write_at(b->rootfd, "oci-layout", layout, sizeof layout - 1, 0660, e);
	return rc;
}

static int
copy_round(struct backup *b, struct err *e)
{
	int rc = read_to_end(b, e);

	if (rc == 0)
		rc = backup_copy_blobs(b, e);
	fault_point("backup-blobs");
	if (rc == 0)
		rc = backup_copy_log(b, e);
	fault_point("backup-log");
	if (rc == 0)
		rc = write_state(b, &b->now, e);
	if (rc < 0)
		return rc;
	b->ret->new_entries += b->now.entries - b->had.entries;
	b->ret->entries = b->now.entries;
	b->had = b->now;
	return 0;
}

/* --- the check at the end --- */

static void
keep_first(void *arg, const char *what, const struct err *problem)
{
	struct err *const first = arg;

	if (first->code != ERR_OK)
		return;
	*first = *problem;
	(void)err_prefix(first, "%s", what);
}

/* As somebody who knows nothing but the backup. *ret_why OK: nothing is missing. */
static int
look_at_it(struct backup *b, struct err *ret_why, struct err *e)
{
	cleanup_registry struct registry *copy = NULL;
	struct check_result found;
	int rc = registry_open(b->dir, REGISTRY_NO_DB, &copy, e);

	*ret_why = (struct err){ 0 };
	if (rc < 0)
		return rc;
	copy->is_private = true; /* a backup has no database */
	rc = check_registry(copy, true, b->progress, keep_first, ret_why, &found, e);
	b->ret->blobs = found.blobs;
	b->ret->blob_bytes = found.blob_bytes;
	(void)unlinkat(b->rootfd, "db", AT_REMOVEDIR); /* opening made it; nothing is in it */
	return rc;
}

static int
run(struct backup *b, struct err *e)
{
	struct err why;
	int rc;

	for (int round = 1;; round++) {
		rc = copy_round(b, e);
		if (rc == 0)
			rc = look_at_it(b, &why, e);
		if (rc < 0)
			return rc;
		if (why.code == ERR_OK || round == ROUNDS)
			break;
	}
	backup_copy_jobs(b);
	if (why.code == ERR_OK && b->ret->damaged == 0)
		return 0;
	if (why.code == ERR_OK)
		return err_set(e, ERR_DIGEST,
		               "%" PRIu64 " damaged blob%s of \"%s\" not in the "
		               "backup; all the rest is",
		               b->ret->damaged, b->ret->damaged == 1 ? " is" : "s are", b->r->dir);
	*e = why;
	e->code = ERR_DIGEST;
	(void)err_prefix(e, "the backup is not whole");
	return err_hint(e, "look with `slipway check`: the registry itself lacks it");
}

static int
open_folder(struct backup *b, struct err *e)
{
	struct stat st;
	int rc = fs_mkdirs(b->dir, 0770, e);

	if (rc == 0)
		rc = fs_open_dir(AT_FDCWD, b->dir, &b->rootfd, e);
	if (rc < 0)
		return rc;
	if (fstat(b->rootfd, &st) < 0)
		return err_sys(e, "look at \"%s\"", b->dir);
	if (blobs_are_in(b->r->blobs, &st))
		return err_set(e, ERR_USAGE, "\"%s\" is the registry itself", b->dir);
	if (flock(b->rootfd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
		               ? err_set(e, ERR_LOCKED, "another backup writes to \"%s\"", b->dir)
		               : err_sys(e, "lock \"%s\"", b->dir);
	return 0;
}

static int
prepare(struct backup *b, struct err *e)
{
	int rc = recognise(b, e);

	if (rc == 0 && b->had.entries == 0)
		rc = write_state(b, &b->had, e);
	if (rc == 0)
		rc = make_folders(b, e);
	if (rc == 0)
		rc = check_continues(b, e);
	if (rc == 0)
		rc = write_identity(b, e);
	return rc < 0 ? rc : blobs_open(b->rootfd, &b->blobs, e);
}

static int
not_inside(const struct registry *r, const char *real, struct err *e)
{
	const size_t n = strlen(r->dir);

	if (strncmp(real, r->dir, n) != 0 || real[n] != '/')
		return 0;
	return err_set(e, ERR_USAGE, "\"%s\" lies in the registry that it would be a backup of",
	               real);
}

int
backup_run(struct registry *r, const char *dir, const struct progress *p, struct backup_result *ret,
           struct err *e)
{
	struct backup b = { .r = r, .rootfd = -1, .progress = p, .ret = ret };
	cleanup_free char *real = NULL;
	int rc = registry_dir(dir, &real, e);

	*ret = (struct backup_result){ 0 };
	if (rc == 0)
		rc = not_inside(r, real, e);
	if (rc < 0)
		return rc;
	b.dir = real;
	rc = open_folder(&b, e);
	if (rc == 0)
		rc = prepare(&b, e);
	if (rc == 0)
		rc = run(&b, e);
	blobs_close(b.blobs);
	close_quietly(b.rootfd);
	return rc;
}
