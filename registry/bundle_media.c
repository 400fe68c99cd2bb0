/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar as one stream of bytes with an offset, cut into parts as it goes. The bytes before the
 * place to begin at are made and hashed, where a blob reaches across it, but not written. Hashing
 * is a second thread's (registry/stream.h). Knows nothing of what is in a bundle but its order.
 */
#include "registry/bundle_media.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/bundle_tar.h"
#include "registry/fault.h"
#include "registry/stream.h"

#define PIECE      STREAM_BUFFER
#define BEHIND_MIN ((uint64_t)16 << 20) /* a smaller part is not worth a thread */
#define MODE       0644

struct out {
	const struct bundle *b;
	const struct bundle_media *m;
	struct bundle_written *ret;
	struct blobs *blobs;
	struct stream *stream;  /* hashes what is read */
	struct stream *behind;  /* writes a new large part, in a thread of its own */
	bool is_behind;         /* the open part is one */
	uint8_t *piece, *there; /* PIECE bytes each */
	uint8_t *held;          /* PIECE bytes: what is written next */
	size_t held_n;

	char *dir_name;          /* of the medium at hand */
	int dir, fd;             /* -1 */
	unsigned part;           /* the open one, from 1 */
	uint64_t at, start, end; /* of the stream; where writing begins; where the part ends */
	uint64_t begin;          /* of the part */
	uint64_t had;            /* bytes of it that an earlier run left; 0 once others came */
	uint64_t flushed;        /* bytes of it before the held ones */
};

unsigned
bundle_parts(const struct bundle *b, uint64_t split)
{
	const uint64_t n = split == 0 ? 1 : (b->size + split - 1) / split;

	return n > BUNDLE_PARTS_MAX ? 0 : (unsigned)n;
}

void
bundle_part_name(const char *name, uint64_t split, unsigned part, struct buf *ret)
{
	buf_adds(ret, name);
	if (split > 0)
		buf_addf(ret, ".%03u", part);
}

static uint64_t
part_size(const struct out *o, unsigned part)
{
	const uint64_t split = o->m->split;

	if (split == 0)
		return o->b->size;
	return part < bundle_parts(o->b, split) ? split : o->b->size - (part - 1) * split;
}

/* --- a part --- */

static void
names(const struct out *o, unsigned part, struct buf *ret_name, struct buf *ret_partial)
{
	bundle_part_name(o->m->name, o->m->split, part, ret_name);
	buf_add(ret_partial, ret_name->p, ret_name->n);
	buf_adds(ret_partial, ".partial");
}

static int
disk_failed(const struct out *o, const char *name, struct err *e)
{
	if (o->m->stdout_fd >= 0)
		return err_sys(e, "write the bundle into a pipe");
	return err_sys(e, "write \"%s/%s\"", o->dir_name, name);
}

static int
open_part(struct out *o, struct err *e)
{
	cleanup_buf struct buf name = { 0 }, partial = { 0 };
	struct stat st;

	o->part = o->m->split == 0 ? 1 : (unsigned)(o->at / o->m->split) + 1;
	o->begin = (o->part - 1) * o->m->split;
	o->end = o->begin + part_size(o, o->part);
	o->flushed = 0;
	o->held_n = 0;
	if (o->m->stdout_fd >= 0) {
		o->fd = o->m->stdout_fd;
		return 0;
	}
	names(o, o->part, &name, &partial);
	o->fd = openat(o->dir, partial.p, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (o->fd < 0)
		return disk_failed(o, partial.p, e);
	if (fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_EXISTS, "\"%s/%s\" is no plain file", o->dir_name, partial.p);
	o->had = (uint64_t)st.st_size;
	if (o->had > o->end - o->begin)
		o->had = o->end - o->begin;
	o->is_behind = o->had == 0 && o->end - o->begin >= BEHIND_MIN;
	if (o->is_behind)
		stream_open(o->behind, o->fd, o->m->name, o->end - o->begin);
	return 0;
}

/* Bytes that an earlier run left and that are right need not be written again. */
static bool
is_there(struct out *o)
{
	return o->flushed + o->held_n <= o->had &&
	       fs_pread_all(o->fd, o->there, o->held_n, (off_t)o->flushed) == 0 &&
	       memcmp(o->there, o->held, o->held_n) == 0;
}

static int
flush(struct out *o, struct err *e)
{
	if (o->held_n == 0)
		return 0;
	if (is_there(o)) {
		o->ret->compared += o->held_n;
	} else {
		o->had = 0;
		if (fs_pwrite_all(o->fd, o->held, o->held_n, (off_t)o->flushed) < 0)
			return disk_failed(o, o->m->name, e);
		o->ret->written += o->held_n;
	}
	o->flushed += o->held_n;
	o->held_n = 0;
	return 0;
}

static int
hold(struct out *o, const uint8_t *p, size_t n, struct err *e)
{
	int rc = 0;

	while (rc == 0 && n > 0) {
		const size_t part = n < PIECE - o->held_n ? n : PIECE - o->held_n;

		memcpy(o->held + o->held_n, p, part);
		o->held_n += part;
		p += part;
		n -= part;
		if (o->held_n == PIECE)
			rc = flush(o, e);
	}
	return rc;
}

/* In our words: it knows of no media. */
static int
behind_said(const struct out *o, int rc, struct err *e)
{
	if (rc < 0) {
		errno = e->sys;
		return disk_failed(o, o->m->name, e);
	}
	return 0;
}

static int
write_piece(struct out *o, const void *p, size_t n, struct err *e)
{
	if (o->is_behind) {
		o->ret->written += n;
		return behind_said(o, stream_write(o->behind, p, n, e), e);
	}
	if (o->m->stdout_fd < 0)
		return hold(o, p, n, e);
	if (fs_write_all(o->fd, p, n) < 0)
		return disk_failed(o, o->m->name, e);
	o->ret->written += n;
	return 0;
}

static int
end_behind(struct out *o, struct err *e)
{
	struct digest none;
	uint64_t size;

	o->is_behind = false;
	return behind_said(o, stream_close(o->behind, &none, &size, e), e);
}

/* After a failure too, before its descriptor is another's. */
static void
drop_behind(struct out *o)
{
	if (o->is_behind)
		stream_give_up(o->behind);
	o->is_behind = false;
}

static int
close_part(struct out *o, struct err *e)
{
	cleanup_buf struct buf name = { 0 }, partial = { 0 };
	int rc = 0, fd;

	if (o->m->stdout_fd >= 0) {
		o->fd = -1;
		return 0;
	}
	rc = o->is_behind ? end_behind(o, e) : flush(o, e);
	if (rc < 0)
		return rc;
	fd = steal_fd(&o->fd);
	names(o, o->part, &name, &partial);
	if (ftruncate(fd, (off_t)(o->end - o->begin)) < 0 || fsync(fd) < 0)
		rc = disk_failed(o, partial.p, e);
	fault_point("bundle-part");
	if (rc == 0 && renameat(o->dir, partial.p, o->dir, name.p) < 0)
		rc = disk_failed(o, name.p, e);
	if (close(fd) < 0 && rc == 0)
		rc = disk_failed(o, name.p, e);
	return rc < 0 ? rc : fs_sync_dir(o->dir, e);
}

/* The next bytes of the stream. */
static int
emit(struct out *o, const void *p, size_t n, struct err *e)
{
	const uint8_t *at = p;
	int rc = 0;

	while (rc == 0 && n > 0) {
		size_t take = n;

		if (o->at < o->start) {
			if (take > o->start - o->at)
				take = (size_t)(o->start - o->at);
		} else {
			if (o->fd < 0)
				rc = open_part(o, e);
			if (rc == 0 && take > o->end - o->at)
				take = (size_t)(o->end - o->at);
			if (rc == 0)
				rc = write_piece(o, at, take, e);
			if (rc == 0 && o->at + take == o->end) {
				o->at += take;
				rc = close_part(o, e);
				o->at -= take;
			}
		}
		o->at += take;
		at += take;
		n -= take;
	}
	return rc;
}

/* --- what is in it --- */

static int
emit_header(struct out *o, const char *name, uint64_t size, struct err *e)
{
	uint8_t header[TAR_HEADER_MAX];
	const size_t n = tar_header(name, size, header);

	return emit(o, header, n, e);
}

static int
emit_zeros(struct out *o, uint64_t n, struct err *e)
{
	static const uint8_t zeros[TAR_END];

	return emit(o, zeros, (size_t)n, e);
}

static int
emit_front(struct out *o, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < FRONT_COUNT; i++) {
		const struct bundle_doc *const d = &o->b->front[i];

		rc = emit_header(o, d->name, d->text.n, e);
		if (rc == 0)
			rc = emit(o, d->text.p, d->text.n, e);
		if (rc == 0)
			rc = emit_zeros(o, tar_padded(d->text.n) - d->text.n, e);
	}
	return rc;
}

static int
copy_blob(struct out *o, int fd, const struct bundle_blob *x, struct err *e)
{
	uint64_t left = x->size;
	int rc = 0;

	while (rc == 0 && left > 0) {
		const size_t n = left < PIECE ? (size_t)left : PIECE;

		if (fs_pread_all(fd, o->piece, n, (off_t)(x->size - left)) < 0)
			return err_sys(e, "read a blob of the registry");
		rc = stream_write(o->stream, o->piece, n, e);
		if (rc == 0)
			rc = emit(o, o->piece, n, e);
		left -= n;
		progress_step(o->m->progress, "bundle", o->at, o->b->size);
	}
	return rc;
}

/* Hashed before its last byte counts as written: a damaged blob ends the bundle. */
static int
emit_bytes(struct out *o, const struct bundle_blob *x, struct err *e)
{
	cleanup_close int fd = -1;
	char hex[DIGEST_HEX_SIZE];
	struct digest is;
	uint64_t size;
	int rc = blob_promised(blob_open(o->blobs, &x->digest, &fd, &size, e), e);

	if (rc < 0)
		return rc;
	digest_hex(&x->digest, hex);
	stream_open(o->stream, -1, hex, x->size);
	if (size == x->size)
		rc = copy_blob(o, fd, x, e);
	if (rc < 0) {
		stream_give_up(o->stream);
		return rc;
	}
	rc = stream_close(o->stream, &is, &size, e);
	if (rc == 0 && (size != x->size || !digest_eq(&is, &x->digest))) {
		(void)err_set(e, ERR_DIGEST, "blob %.12s of the registry is damaged", hex);
		rc = err_hint(e, BLOB_HINT_LOST);
	}
	return rc;
}

static int
emit_blob(struct out *o, const struct bundle_blob *x, struct err *e)
{
	char name[TAR_NAME_SIZE];
	int rc;

	if (o->at + tar_room(x->size) <= o->start) {
		o->at += tar_room(x->size);
		return 0;
	}
	tar_blob_name(&x->digest, name);
	rc = emit_header(o, name, x->size, e);
	if (rc == 0)
		rc = emit_bytes(o, x, e);
	return rc < 0 ? rc : emit_zeros(o, tar_padded(x->size) - x->size, e);
}

static int
emit_all(struct out *o, struct err *e)
{
	int rc = emit_front(o, e);

	for (size_t i = 0; rc == 0 && i < o->b->list.n; i++)
		rc = emit_blob(o, &o->b->list.v[i], e);
	return rc < 0 ? rc : emit_zeros(o, TAR_END, e);
}

/* --- media --- */

/* Is a file that is there this bundle's, as far as its front says? */
static bool
has_front(const struct out *o, int fd)
{
	uint64_t at = 0;

	for (size_t i = 0; i < FRONT_COUNT; i++) {
		const struct bundle_doc *const d = &o->b->front[i];
		uint8_t header[TAR_HEADER_MAX];
		const size_t n = tar_header(d->name, d->text.n, header);
		cleanup_free uint8_t *is = xmalloc(n + d->text.n);

		if (at + n + d->text.n > part_size(o, 1))
			return at > 0; /* a small part: what is in it is right */
		if (fs_pread_all(fd, is, n + d->text.n, (off_t)at) < 0 ||
		    memcmp(is, header, n) != 0 || memcmp(is + n, d->text.p, d->text.n) != 0)
			return false;
		at += n + tar_padded(d->text.n);
	}
	return true;
}

/* false: no file of that name, or an unfinished one. EXISTS: another one. */
static int
part_is_there(const struct out *o, unsigned part, bool *ret, struct err *e)
{
	cleanup_buf struct buf name = { 0 };
	cleanup_close int fd = -1;
	struct stat st;

	bundle_part_name(o->m->name, o->m->split, part, &name);
	fd = openat(o->dir, name.p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*ret = fd >= 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == part_size(o, part) && (part > 1 || has_front(o, fd)))
		return 0;
	(void)err_set(e, ERR_EXISTS, "\"%s/%s\" is there, and is not this bundle", o->dir_name,
	              name.p);
	return err_hint(e, "give another place with --to, or remove the file");
}

/* From the first one on; behind an unfinished one none is looked at. */
static int
parts_there(const struct out *o, unsigned *ret, struct err *e)
{
	const unsigned from = o->m->from > 1 ? o->m->from : 1;
	bool is_there = true;
	int rc = 0;

	*ret = from - 1;
	while (rc == 0 && is_there && *ret < o->ret->parts) {
		rc = part_is_there(o, *ret + 1, &is_there, e);
		*ret += is_there;
	}
	return rc;
}

static int
open_medium(struct out *o, const char *dir, struct err *e)
{
	close_quietly(o->dir);
	o->dir = -1;
	free(o->dir_name);
	o->dir_name = xstrdup(dir);
	return fs_open_dir(AT_FDCWD, dir, &o->dir, e);
}

/* What does not fit is taken away again, so that the medium has whole parts alone. */
static int
next_medium(struct out *o, struct err *e)
{
	cleanup_buf struct buf name = { 0 }, partial = { 0 };
	cleanup_free char *dir = NULL;
	int rc;

	if (o->m->stdout_fd >= 0 || o->m->split == 0 || !o->m->full || o->part == 0)
		return -(int)e->code;
	drop_behind(o);
	close_quietly(o->fd);
	o->fd = -1;
	o->held_n = 0;
	names(o, o->part, &name, &partial);
	(void)unlinkat(o->dir, partial.p, 0);
	rc = o->m->full(o->m->arg, o->part, &dir, e);
	if (rc < 0)
		return rc;
	err_clear(e);
	o->start = o->begin;
	o->at = 0;
	o->had = 0;
	return open_medium(o, dir, e);
}

static int
write_all(struct out *o, struct err *e)
{
	int rc;

	for (;;) {
		rc = emit_all(o, e);
		if (rc != -ERR_NO_SPACE)
			return rc;
		rc = next_medium(o, e);
		if (rc < 0)
			return rc;
	}
}

static int
begin(struct out *o, struct err *e)
{
	int rc;

	o->ret->parts = bundle_parts(o->b, o->m->split);
	if (o->ret->parts == 0)
		return err_set(e, ERR_USAGE, "more than %u parts: --split a larger size",
		               BUNDLE_PARTS_MAX);
	if (o->m->stdout_fd >= 0)
		return 0;
	rc = open_medium(o, o->m->dir, e);
	if (rc < 0)
		return rc;
	rc = parts_there(o, &o->ret->parts_there, e);
	if (rc < 0)
		return rc;
	o->start = o->ret->parts_there == o->ret->parts ? o->b->size
	                                                : o->ret->parts_there * o->m->split;
	return 0;
}

int
bundle_write(struct blobs *blobs, const struct bundle *b, const struct bundle_media *m,
             struct bundle_written *ret, struct err *e)
{
	struct out o = { .b = b, .m = m, .ret = ret, .blobs = blobs, .dir = -1, .fd = -1 };
	int rc;

	*ret = (struct bundle_written){ 0 };
	o.piece = xmalloc(PIECE);
	o.there = xmalloc(PIECE);
	o.held = xmalloc(PIECE);
	rc = begin(&o, e);
	if (rc == 0 && o.start < b->size) {
		rc = stream_new(&o.stream, e);
		if (rc == 0)
			rc = stream_new(&o.behind, e);
		if (rc == 0) {
			stream_only_writes(o.behind);
			rc = write_all(&o, e);
		}
	}
	drop_behind(&o);
	stream_free(o.stream);
	stream_free(o.behind);
	if (m->stdout_fd < 0)
		close_quietly(o.fd);
	close_quietly(o.dir);
	free(o.dir_name);
	free(o.piece);
	free(o.there);
	free(o.held);
	return rc;
}
