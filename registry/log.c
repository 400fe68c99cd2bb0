/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and checking the journal, and the few steps of writing that change.c orders. A line that
 * does not hash to its own leaf is never believed; the only bad bytes that are forgiven are an
 * unfinished last line (no LF, or a NUL in it: sectors of one write that reached the disk apart),
 * and only a writer cuts it. Where the file `suspect` says that a sync failed, the log ends for
 * every reader, whatever the files still hold.
 */
#include "registry/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "registry/base/fs.h"

#define SUSPECT "suspect" /* beside the segments */

struct log {
	int dirfd;
	uint32_t fd_segment; /* which one fd is; 0 none */
	int fd;
};

struct log_reader {
	struct log *l;
	int fd;
	struct log_pos at; /* of the next line */
	uint64_t seq;
	struct buf window; /* bytes of the segment from at.offset on */
	size_t used;       /* how much of window is behind us */
	bool at_eof;       /* nothing more to read in this segment */
	bool has_mark;
	struct log_pos mark; /* nothing behind it exists */
};

static void
segment_name(uint32_t segment, char ret[16])
{
	snprintf(ret, 16, "%08" PRIu32 ".log", segment);
}

static int
segment_open(struct log *l, uint32_t segment, int *ret_fd, struct err *e)
{
	char name[16];
	int fd;

	segment_name(segment, name);
	fd = fs_open_file_beneath(l->dirfd, name);
	if (fd < 0 && (errno == ELOOP || errno == EMEDIUMTYPE)) {
		err_set(e, ERR_MALFORMED, "log segment %s is no regular file", name);
		return err_hint(e, "look at who put it there; restore it from a backup");
	}
	if (fd < 0)
		return err_sys(e, "open log segment %s", name);
	*ret_fd = fd;
	return 0;
}

/* The segment that was read last stays open: most reads go to one. */
static int
segment_cached(struct log *l, uint32_t segment, struct err *e)
{
	int rc;

	if (l->fd_segment == segment)
		return 0;
	close_quietly(l->fd);
	l->fd = -1;
	l->fd_segment = 0;
	rc = segment_open(l, segment, &l->fd, e);
	if (rc == 0)
		l->fd_segment = segment;
	return rc;
}

int
log_open(int rootfd, struct log **ret, struct err *e)
{
	struct log *l = xcalloc(1, sizeof *l);
	int rc;

	l->fd = -1;
	rc = fs_open_dir_beneath(rootfd, "log", &l->dirfd, e);
	if (rc == 0) {
		rc = segment_cached(l, 1, e);
		if (rc < 0)
			close_quietly(l->dirfd);
	}
	if (rc < 0) {
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void
log_close(struct log *l)
{
	if (!l)
		return;
	close_quietly(l->fd);
	close_quietly(l->dirfd);
	free(l);
}

ino_t
log_inode(struct log *l)
{
	struct stat st;

	return fstatat(l->dirfd, "00000001.log", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

bool
log_pos_before(struct log_pos a, struct log_pos b)
{
	return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

static int
read_mark(int dirfd, bool *ret_is_marked, struct log_pos *ret, struct err *e)
{
	/* the first call is the only one of every healthy opening */
	cleanup_close int fd = fs_open_file_beneath(dirfd, SUSPECT);
	cleanup_buf struct buf text = { 0 };
	const char *sp;
	uint64_t segment;
	int rc;

	*ret_is_marked = fd >= 0 || errno != ENOENT;
	if (!*ret_is_marked)
		return 0;
	if (fd < 0)
		return err_sys(e, "open log/suspect");
	rc = fs_read_fd(fd, "log/suspect", 64, &text, e);
	if (rc < 0)
		return rc;
	sp = memchr(text.p ? text.p : "", ' ', text.n);
	if (sp && text.p[text.n - 1] == '\n' &&
	    parse_u64_n(text.p, (size_t)(sp - text.p), UINT32_MAX, &segment) == 0 &&
	    parse_u64_n(sp + 1, text.n - (size_t)(sp + 1 - text.p) - 1, INT64_MAX, &ret->offset) ==
	            0) {
		ret->segment = (uint32_t)segment;
		return 0;
	}
	err_set(e, ERR_MALFORMED, "the file log/suspect is damaged");
	return err_hint(e, "it says where a failed write left the log: without it the log counts "
	                   "as far as its files go");
}

int
log_files_end(struct log *l, struct log_pos *ret, struct err *e)
{
	uint32_t segment = l->fd_segment ? l->fd_segment : 1;
	struct stat st;
	char name[16];

	/* the one that is open may have been cut off the log */
	segment_name(segment, name);
	if (segment > 1 && fstatat(l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		segment = 1;
	for (;; segment++) {
		segment_name(segment + 1, name);
		if (fstatat(l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
	}
	segment_name(segment, name);
	if (fstatat(l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "look at log segment %s", name);
	*ret = (struct log_pos){ .segment = segment, .offset = (uint64_t)st.st_size };
	return 0;
}

int
log_end(struct log *l, struct log_pos *ret, struct err *e)
{
	struct log_pos mark;
	bool is_marked;
	int rc = log_files_end(l, ret, e);

	if (rc == 0)
		rc = read_mark(l->dirfd, &is_marked, &mark, e);
	if (rc == 0 && is_marked && log_pos_before(mark, *ret))
		*ret = mark;
	return rc;
}

static int
bad_line(struct err *e, enum err_code code, uint64_t seq, struct log_pos at, const char *why)
{
	err_set(e, code, "log entry %" PRIu64 " (segment %" PRIu32 ", offset %" PRIu64 "): %s", seq,
	        at.segment, at.offset, why);
	return err_hint(e, "the log was altered or the disk is failing: restore it from a backup");
}

/* text: one line without its LF. Whose sequence is seq, or any when any_seq. */
static int
line_parse(struct str text, uint64_t seq, bool any_seq, struct log_line *line, struct err *e)
{
	const char *sp = memchr(text.p, ' ', text.n < 21 ? text.n : 21);
	struct digest leaf;
	uint64_t number;

	if (!sp || parse_u64_n(text.p, (size_t)(sp - text.p), UINT64_MAX, &number) < 0)
		return bad_line(e, ERR_MALFORMED, seq, line->at, "no sequence number");
	if (!any_seq && number != seq)
		return bad_line(e, ERR_MALFORMED, seq, line->at, "another sequence number");
	const size_t head = (size_t)(sp - text.p) + 1;
	if (text.n < head + 65 || text.p[head + 64] != ' ' ||
	    digest_parse(&line->leaf, text.p + head, 64) < 0)
		return bad_line(e, ERR_MALFORMED, seq, line->at, "no leaf hash");
	line->json = (struct str){ text.p + head + 65, text.n - head - 65 };
	if (line->json.n > LOG_JSON_MAX)
		return bad_line(e, ERR_TOO_BIG, seq, line->at, "over 65,535 bytes");
	merkle_leaf(line->json.p, line->json.n, &leaf);
	if (!digest_eq(&leaf, &line->leaf))
		return bad_line(e, ERR_DIGEST, seq, line->at, "does not hash to its leaf");
	line->seq = number;
	return 0;
}

int
log_read_at(struct log *l, struct log_pos at, uint32_t length, struct buf *ret,
            struct log_line *line, struct err *e)
{
	int rc;

	if (length < 68 || length > LOG_LINE_MAX)
		return bad_line(e, ERR_MALFORMED, 0, at, "no line of the log is that long");
	rc = segment_cached(l, at.segment, e);
	if (rc < 0)
		return rc;
	buf_clear(ret);
	if (fs_pread_all(l->fd, buf_reserve(ret, length), length, (off_t)at.offset) < 0)
		return err_set(e, ERR_NOT_FOUND,
		               "the log ends before segment %" PRIu32 ", offset %" PRIu64,
		               at.segment, at.offset);
	ret->n += length;
	*line = (struct log_line){ .at = at, .length = length };
	if (ret->p[length - 1] != '\n' || memchr(ret->p, '\n', length) != ret->p + length - 1)
		return bad_line(e, ERR_MALFORMED, 0, at, "not one line");
	return line_parse((struct str){ ret->p, length - 1 }, 0, true, line, e);
}

int
log_reader_new(struct log *l, struct log_pos from, uint64_t seq, struct log_reader **ret,
               struct err *e)
{
	struct log_reader *r = xcalloc(1, sizeof *r);
	int rc;

	r->l = l;
	r->at = from;
	r->seq = seq;
	r->fd = -1;
	rc = read_mark(l->dirfd, &r->has_mark, &r->mark, e);
	if (rc == 0)
		rc = segment_open(l, from.segment, &r->fd, e);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void
log_reader_free(struct log_reader *r)
{
	if (!r)
		return;
	close_quietly(r->fd);
	buf_fini(&r->window);
	free(r);
}

static bool
ends_in_segment(const struct log_reader *r)
{
	return r->has_mark && r->at.segment >= r->mark.segment;
}

/* More bytes into the window; at_eof: the segment gives no more. */
static int
fill(struct log_reader *r, struct err *e)
{
	const uint64_t from = r->at.offset + (r->window.n - r->used);
	struct buf *w = &r->window;
	size_t step = 256u << 10;
	ssize_t n;

	if (r->used > 0) {
		memmove(w->p, w->p + r->used, w->n - r->used);
		w->n -= r->used;
		r->used = 0;
	}
	if (ends_in_segment(r) && r->mark.offset < from + step)
		step = r->mark.offset > from ? (size_t)(r->mark.offset - from) : 0;
	do
		n = pread(r->fd, buf_reserve(w, step), step, (off_t)from);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "read log segment %" PRIu32, r->at.segment);
	w->n += (size_t)n;
	r->at_eof = n == 0;
	return 0;
}

static bool
has_next_segment(const struct log_reader *r)
{
	struct stat st;
	char name[16];

	segment_name(r->at.segment + 1, name);
	return !ends_in_segment(r) &&
	       (fstatat(r->l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT);
}

/* Does the log end with these n bytes of the window? Only there may a line be unfinished. */
static int
ends_here(struct log_reader *r, size_t n, bool *ret, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !r->at_eof && r->window.n - r->used <= n)
		rc = fill(r, e);
	*ret = r->window.n - r->used <= n && !has_next_segment(r);
	return rc;
}

static int
next_segment(struct log_reader *r, bool *ret_has, struct err *e)
{
	struct stat st;
	char name[16];

	*ret_has = false;
	if (ends_in_segment(r))
		return 0;
	segment_name(r->at.segment + 1, name);
	if (fstatat(r->l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "look at log segment %s", name);
	close_quietly(steal_fd(&r->fd));
	r->at = (struct log_pos){ .segment = r->at.segment + 1, .offset = 0 };
	r->at_eof = false;
	buf_clear(&r->window);
	r->used = 0;
	*ret_has = true;
	return segment_open(r->l, r->at.segment, &r->fd, e);
}

/* Without a whole line in the window: the end, the next segment, or a torn tail. */
static int
at_segment_end(struct log_reader *r, bool *ret_again, enum log_step *ret_step,
               struct log_line *line, struct err *e)
{
	const size_t left = r->window.n - r->used;
	bool has;
	int rc;

	*ret_again = false;
	if (left <= LOG_LINE_MAX && left > 0 && has_next_segment(r)) {
		/* whoever began the next one had finished this line */
		rc = fill(r, e);
		*ret_again = !r->at_eof;
		if (rc == 0 && r->at_eof)
			rc = bad_line(e, ERR_MALFORMED, r->seq, r->at,
			              "unfinished, and the log goes on in the next segment");
		return rc;
	}
	*line = (struct log_line){ .seq = r->seq, .at = r->at, .length = (uint32_t)left };
	if (left > LOG_LINE_MAX)
		return bad_line(e, ERR_TOO_BIG, r->seq, r->at, "longer than any line may be");
	if (left > 0) {
		*ret_step = LOG_TORN;
		return 0;
	}
	rc = next_segment(r, &has, e);
	if (rc < 0)
		return rc;
	*ret_step = LOG_END;
	*ret_again = has;
	return 0;
}

int
log_next(struct log_reader *r, enum log_step *ret_step, struct log_line *line, struct err *e)
{
	const char *start, *lf;
	bool again = false;
	int rc;

	for (;;) {
		start = r->window.p ? r->window.p + r->used : NULL;
		lf = start ? memchr(start, '\n', r->window.n - r->used) : NULL;
		if (lf)
			break;
		if (!r->at_eof && r->window.n - r->used <= LOG_LINE_MAX) {
			rc = fill(r, e);
			if (rc < 0)
				return rc;
			continue;
		}
		rc = at_segment_end(r, &again, ret_step, line, e);
		if (rc < 0 || !again)
			return rc;
	}
	*line = (struct log_line){ .at = r->at, .length = (uint32_t)(lf - start) + 1 };
	rc = line_parse((struct str){ start, (size_t)(lf - start) }, r->seq, false, line, e);
	if (rc < 0) {
		/* sectors that did not all arrive leave zeros; nothing may follow them */
		struct err ignored = { 0 };
		if (!memchr(start, '\0', (size_t)(lf - start)) ||
		    ends_here(r, line->length, &again, &ignored) < 0 || !again)
			return rc;
		err_clear(e);
		*ret_step = LOG_TORN;
		line->seq = r->seq;
		return 0;
	}
	*ret_step = LOG_LINE;
	r->used += line->length;
	r->at.offset += line->length;
	r->seq++;
	return 0;
}

/* --- writing, ordered by change.c --- */

struct log_writer {
	struct log *l;
	int fd;
	uint32_t segment;
};

int
log_format(uint64_t seq, struct str json, struct buf *ret, struct digest *ret_leaf, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];

	if (json.n > LOG_JSON_MAX)
		return err_set(e, ERR_TOO_BIG, "an entry of %zu bytes is over the log's 65,535",
		               json.n);
	merkle_leaf(json.p, json.n, ret_leaf);
	digest_hex(ret_leaf, hex);
	buf_addf(ret, "%" PRIu64 " %s ", seq, hex);
	buf_add(ret, json.p, json.n);
	buf_addc(ret, '\n');
	return 0;
}

int
log_writer_open(struct log *l, struct log_writer **ret, struct err *e)
{
	struct log_writer *w = xcalloc(1, sizeof *w);

	(void)e;
	w->l = l;
	w->fd = -1;
	*ret = w;
	return 0;
}

void
log_writer_close(struct log_writer *w)
{
	if (!w)
		return;
	close_quietly(w->fd);
	free(w);
}

static int
writer_segment(struct log_writer *w, uint32_t segment, bool create, struct err *e)
{
	char name[16];

	if (w->fd >= 0 && w->segment == segment)
		return 0;
	close_quietly(w->fd);
	segment_name(segment, name);
	w->fd = fs_open_beneath(w->l->dirfd, name, O_RDWR | (create ? O_CREAT : 0), 0660);
	if (w->fd < 0)
		return err_sys(e, "open log segment %s for writing", name);
	w->segment = segment;
	if (create)
		fs_take_mode(w->fd, w->l->dirfd);
	return create ? fs_sync_dir(w->l->dirfd, e) : 0;
}

/* Segments behind that one: a failed write may have begun one. */
static int
remove_later(struct log_writer *w, uint32_t segment, struct err *e)
{
	struct log *l = w->l;
	uint32_t n = 0;
	char name[16];

	if (l->fd_segment > segment) {
		close_quietly(steal_fd(&l->fd));
		l->fd_segment = 0;
	}
	for (;; n++) {
		segment_name(segment + 1 + n, name);
		if (unlinkat(l->dirfd, name, 0) < 0)
			break;
	}
	if (errno != ENOENT)
		return err_sys(e, "remove log segment %s", name);
	return n > 0 ? fs_sync_dir(l->dirfd, e) : 0;
}

int
log_cut(struct log_writer *w, struct log_pos end, struct err *e)
{
	int rc = remove_later(w, end.segment, e);

	if (rc == 0)
		rc = writer_segment(w, end.segment, false, e);
	if (rc < 0)
		return rc;
	if (ftruncate(w->fd, (off_t)end.offset) < 0 || fdatasync(w->fd) < 0)
		return err_sys(e, "cut the log to %" PRIu64 " bytes", end.offset);
	return 0;
}

int
log_append(struct log_writer *w, struct log_pos *end, struct str line, struct log_pos *ret_at,
           bool *ret_sync_failed, struct err *e)
{
	const bool is_new = end->offset > 0 && end->offset + line.n > LOG_SEGMENT_MAX;
	struct log_pos at = is_new ? (struct log_pos){ end->segment + 1, 0 } : *end;
	int saved;
	int rc;

	*ret_sync_failed = false;
	rc = writer_segment(w, at.segment, is_new || at.offset == 0, e);
	if (rc < 0)
		return rc;
	if (fs_pwrite_all(w->fd, line.p, line.n, (off_t)at.offset) < 0)
		goto failed;
	if (fdatasync(w->fd) < 0) {
		*ret_sync_failed = true;
		goto failed;
	}
	*ret_at = at;
	*end = (struct log_pos){ at.segment, at.offset + line.n };
	return 0;
failed:
	saved = errno;
	if (ftruncate(w->fd, (off_t)at.offset) < 0)
		*ret_sync_failed = true; /* what stands there now is for the next writer */
	errno = saved;
	return err_sys(e, "append to the log");
}

int
log_suspect_mark(int rootfd, struct log_pos end)
{
	cleanup_close int dir = -1;
	struct err e = { 0 };
	char text[64];
	int n = snprintf(text, sizeof text, "%" PRIu32 " %" PRIu64 "\n", end.segment, end.offset);

	if (fs_open_dir_beneath(rootfd, "log", &dir, &e) < 0)
		return -1;
	return fs_write_at(dir, SUSPECT, text, (size_t)n, fs_mode_below(dir), &e) < 0 ? -1 : 0;
}

int
log_suspect_read(int rootfd, bool *ret_is_marked, struct log_pos *ret, struct err *e)
{
	cleanup_close int dir = -1;
	int rc = fs_open_dir_beneath(rootfd, "log", &dir, e);

	return rc < 0 ? rc : read_mark(dir, ret_is_marked, ret, e);
}

int
log_suspect_clear(int rootfd, struct err *e)
{
	cleanup_close int dir = -1;
	int rc = fs_open_dir_beneath(rootfd, "log", &dir, e);

	if (rc < 0)
		return rc;
	if (unlinkat(dir, SUSPECT, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove log/suspect");
	return 0;
}
