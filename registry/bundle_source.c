/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as one run of bytes, the front of a bundle, and a walk over its blobs. Every header is made
 * again and compared; every size was signed. Knows no keys and no registry.
 */
#include "registry/bundle_source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/bundle_media.h"
#include "registry/bundle_tar.h"
#include "registry/stream.h"

#define PIECE STREAM_BUFFER

struct part {
	char *path;
	unsigned number; /* 0: no part, a whole file */
	int fd;
	uint64_t size;
};
struct bundle_source {
	VEC(struct part) parts; /* of a pipe: one, which has its name alone */
	uint64_t size;
	bool is_pipe;
	int fd;      /* of the pipe, borrowed */
	uint64_t at; /* bytes that came through it */
	bool keeps;  /* what comes is kept, as it is read twice */
	bool is_cut;
	struct buf front; /* its first bytes */
};

/* --- files --- */

/* ".001" and on at the end of a name; 0: none. */
static unsigned
number_of(const char *path)
{
	const size_t n = strlen(path);
	uint64_t number;

	if (n < 5 || path[n - 4] != '.' || strspn(path + n - 3, "0123456789") != 3)
		return 0;
	number = (uint64_t)(path[n - 3] - '0') * 100 + (uint64_t)(path[n - 2] - '0') * 10 +
	         (uint64_t)(path[n - 1] - '0');
	return (unsigned)number;
}

static int
add_part(struct bundle_source *s, const char *path, struct err *e)
{
	struct part p = { .number = number_of(path) };
	struct stat st;

	p.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (p.fd < 0)
		return err_sys(e, "open \"%s\"", path);
	p.path = xstrdup(path);
	vec_push(&s->parts, p);
	if (fstat(p.fd, &st) < 0)
		return err_sys(e, "look at \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no plain file", path);
	s->parts.v[s->parts.n - 1].size = (uint64_t)st.st_size;
	s->size += (uint64_t)st.st_size;
	return 0;
}

/* Beside the first part. */
static int
add_others(struct bundle_source *s, const char *first, struct err *e)
{
	const int stem = (int)strlen(first) - 4;
	int rc = 0;

	for (unsigned i = 2; rc == 0 && i <= BUNDLE_PARTS_MAX; i++) {
		cleanup_free char *path = xasprintf("%.*s.%03u", stem, first, i);

		if (access(path, F_OK) < 0)
			break;
		rc = add_part(s, path, e);
	}
	return rc;
}

static int
by_part(const void *a, const void *b)
{
	const struct part *const x = a, *const y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int
missing(unsigned part, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "part %u of the bundle is missing", part);
	return err_hint(e, "give all parts, or the first one with the others beside it");
}

static int
check_parts(struct bundle_source *s, struct err *e)
{
	if (s->parts.n == 1 && s->parts.v[0].number == 0)
		return 0;
	qsort(s->parts.v, s->parts.n, sizeof *s->parts.v, by_part);
	for (size_t i = 0; i < s->parts.n; i++) {
		const struct part *const p = &s->parts.v[i];

		if (p->number == 0)
			return err_set(e, ERR_USAGE,
			               "\"%s\" is no part: it does not end in .001 "
			               "and on",
			               p->path);
		if (i > 0 && p->number == s->parts.v[i - 1].number)
			return err_set(e, ERR_USAGE, "part %u is given twice", p->number);
		if (p->number != i + 1)
			return missing((unsigned)i + 1, e);
		if (p->size > s->parts.v[0].size ||
		    (p->size < s->parts.v[0].size && i + 1 < s->parts.n))
			return err_set(e, ERR_MALFORMED,
			               "\"%s\" has %" PRIu64 " bytes, the first part %" PRIu64
			               ": it is cut off, or of another bundle",
			               p->path, p->size, s->parts.v[0].size);
	}
	return 0;
}

int
bundle_source_open(const char *const *paths, size_t n, struct bundle_source **ret, struct err *e)
{
	struct bundle_source *const s = xcalloc(1, sizeof *s);
	int rc = 0;

	if (n > BUNDLE_PARTS_MAX)
		rc = err_set(e, ERR_USAGE, "more than %u files", BUNDLE_PARTS_MAX);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_part(s, paths[i], e);
	if (rc == 0 && n == 1 && s->parts.v[0].number == 1)
		rc = add_others(s, paths[0], e);
	if (rc == 0)
		rc = check_parts(s, e);
	if (rc < 0) {
		bundle_source_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

struct bundle_source *
bundle_source_pipe(int fd, const char *name)
{
	struct bundle_source *const s = xcalloc(1, sizeof *s);
	const struct part p = { .path = xstrdup(name), .fd = -1 };

	s->is_pipe = s->keeps = true;
	s->fd = fd;
	vec_push(&s->parts, p);
	return s;
}

void
bundle_source_close(struct bundle_source *s)
{
	if (!s)
		return;
	buf_fini(&s->front);
	vec_foreach(p, &s->parts) {
		free(p->path);
		close_quietly(p->fd);
	}
	vec_fini(&s->parts);
	free(s);
}

size_t
bundle_source_parts(const struct bundle_source *s)
{
	return s->parts.n;
}

uint64_t
bundle_source_size(const struct bundle_source *s)
{
	return s->size;
}

/* All parts but the last have the size of the first. */
static size_t
part_of(const struct bundle_source *s, uint64_t offset)
{
	const uint64_t split = s->parts.v[0].size;
	const size_t i = split == 0 ? 0 : (size_t)(offset / split);

	return i < s->parts.n ? i : s->parts.n - 1;
}

const char *
bundle_source_at(const struct bundle_source *s, uint64_t offset, unsigned *ret_part)
{
	const size_t i = part_of(s, offset);

	if (ret_part)
		*ret_part = (unsigned)i + 1;
	return s->parts.v[i].path;
}

/* At the end of part i. Where all parts that are there have one size, another one must come. */
static int
cut_off(const struct bundle_source *s, size_t i, struct err *e)
{
	const size_t parts = s->parts.n;

	if (i + 1 == parts && s->parts.v[0].number > 0 && s->parts.v[i].size == s->parts.v[0].size)
		return missing((unsigned)parts + 1, e);
	(void)err_set(e, ERR_MALFORMED, "\"%s\" ends in the middle of the bundle",
	              s->parts.v[i].path);
	return err_hint(e, "copy it again from the medium, or bring that part again");
}

/* The next n bytes of the pipe. */
static int
pipe_next(struct bundle_source *s, void *p, size_t n, struct err *e)
{
	uint8_t *at = p;

	while (n > 0) {
		const ssize_t came = read(s->fd, at, n);

		if (came < 0 && errno == EINTR)
			continue;
		if (came < 0)
			return err_sys(e, "read \"%s\"", s->parts.v[0].path);
		s->is_cut = came == 0;
		if (s->is_cut)
			return cut_off(s, 0, e);
		at += came;
		n -= (size_t)came;
		s->at += (uint64_t)came;
	}
	return 0;
}

static int
pipe_read(struct bundle_source *s, void *p, size_t n, uint64_t offset, struct err *e)
{
	uint8_t *at = p;
	int rc;

	assert(offset <= s->front.n || offset == s->at);
	if (offset < s->front.n) {
		const size_t kept = s->front.n - offset < n ? s->front.n - (size_t)offset : n;

		memcpy(at, s->front.p + offset, kept);
		at += kept;
		n -= kept;
	}
	if (n == 0)
		return 0;
	rc = pipe_next(s, at, n, e);
	if (rc == 0 && s->keeps)
		buf_add(&s->front, at, n);
	return rc;
}

bool
bundle_source_is_cut(const struct bundle_source *s)
{
	return s->is_cut;
}

int
bundle_source_finish(struct bundle_source *s, struct err *e)
{
	ssize_t came;
	char more;

	if (!s->is_pipe)
		return 0;
	do {
		came = read(s->fd, &more, 1);
	} while (came < 0 && errno == EINTR);
	if (came < 0)
		return err_sys(e, "read \"%s\"", s->parts.v[0].path);
	if (came == 0)
		return 0;
	return err_set(e, ERR_MALFORMED, "\"%s\": bytes behind the end of the bundle",
	               s->parts.v[0].path);
}

int
bundle_source_read(struct bundle_source *s, void *p, size_t n, uint64_t offset, struct err *e)
{
	uint8_t *at = p;

	if (s->is_pipe)
		return pipe_read(s, p, n, offset, e);
	while (n > 0) {
		const size_t i = part_of(s, offset);
		const struct part *const x = &s->parts.v[i];
		const uint64_t inside = offset - i * s->parts.v[0].size;
		size_t take = n;

		if (inside >= x->size)
			return cut_off(s, i, e);
		if (take > x->size - inside)
			take = (size_t)(x->size - inside);
		if (fs_pread_all(x->fd, at, take, (off_t)inside) < 0) {
			if (errno == 0)
				return cut_off(s, i, e);
			(void)err_sys(e, "read \"%s\" at byte %" PRIu64, x->path, inside);
			return err_hint(e, "the medium is damaged there: bring that file again");
		}
		at += take;
		n -= take;
		offset += take;
	}
	return 0;
}

/* --- the front --- */

static int
malformed(const struct bundle_source *s, uint64_t offset, struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, "\"%s\": %s, at byte %" PRIu64,
	               bundle_source_at(s, offset, NULL), why, offset);
}

/* What fills up the last block is zeros. */
static int
check_padding(struct bundle_source *s, uint64_t size, uint64_t offset, struct err *e)
{
	const size_t n = (size_t)(tar_padded(size) - size);
	uint8_t rest[TAR_BLOCK];
	int rc = bundle_source_read(s, rest, n, offset, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (rest[i] != 0)
			rc = malformed(s, offset, e, "what stands behind a file is not empty");
	return rc;
}

static int
check_header(struct bundle_source *s, const char *name, uint64_t size, uint64_t offset,
             struct err *e)
{
	uint8_t want[TAR_HEADER_MAX], is[TAR_HEADER_MAX];
	const size_t n = tar_header(name, size, want);
	int rc = bundle_source_read(s, is, n, offset, e);

	if (rc == 0 && memcmp(want, is, n) != 0)
		rc = malformed(s, offset, e, "another header than a bundle has there");
	return rc;
}

static int
read_doc(struct bundle_source *s, enum bundle_front i, struct bundle_doc *d, uint64_t *at,
         struct err *e)
{
	uint8_t block[TAR_HEADER_MAX] = { 0 };
	char name[TAR_NAME_SIZE];
	uint64_t size;
	int rc = bundle_source_read(s, block, TAR_BLOCK, *at, e);

	if (rc < 0)
		return rc;
	/* documents are small: an extended header cannot stand here */
	if (tar_claim(block, name, &size) < 0 || block[156] == 'x') {
		(void)malformed(s, *at, e, "no header that a bundle has");
		return *at == 0 ? bundle_source_other(block, e) : -ERR_MALFORMED;
	}
	if (size == 0 || size > bundle_front_max(i))
		return malformed(s, *at, e, "a document that is too large, or empty");
	rc = bundle_source_read(s, buf_reserve(&d->text, size), size, *at + TAR_BLOCK, e);
	if (rc < 0)
		return rc;
	d->text.n = size;
	(void)str_copy(d->name, sizeof d->name, name);
	*at += tar_room(size);
	return s->is_pipe ? bundle_source_read(s, block, (size_t)(tar_padded(size) - size),
	                                       *at - (tar_padded(size) - size), e)
	                  : 0;
}

/* came: what is not itself what the others follow from. */
static int
compare_front(struct bundle_source *s, struct bundle *b, const struct bundle_doc came[FRONT_COUNT],
              struct err *e)
{
	uint64_t at = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < FRONT_COUNT; i++) {
		const struct bundle_doc *const d = &b->front[i];

		if (came[i].text.n > 0 && !str_eq(buf_str(&came[i].text), buf_str(&d->text)))
			return malformed(s, at, e,
			                 "a document that does not follow from the "
			                 "others");
		rc = check_header(s, d->name, d->text.n, at, e);
		at += tar_header_size(d->text.n) + d->text.n;
		if (rc == 0)
			rc = check_padding(s, d->text.n, at, e);
		at += tar_padded(d->text.n) - d->text.n;
	}
	return rc;
}

static int
check_end(struct bundle_source *s, const struct bundle *b, struct err *e)
{
	static const uint8_t none[TAR_END];
	uint8_t end[TAR_END];
	int rc = bundle_source_read(s, end, sizeof end, b->size - TAR_END, e);

	if (rc == 0 && memcmp(end, none, sizeof end) != 0)
		rc = malformed(s, b->size - TAR_END, e, "no end where the bundle ends");
	return rc < 0 ? rc : bundle_source_finish(s, e);
}

static int
check_size(struct bundle_source *s, const struct bundle *b, struct err *e)
{
	if (s->is_pipe) { /* its end is looked at when it comes */
		s->keeps = false;
		return 0;
	}
	if (s->size < b->size)
		return cut_off(s, s->parts.n - 1, e);
	if (s->size > b->size)
		return malformed(s, b->size, e, "bytes behind the end of the bundle");
	return check_end(s, b, e);
}

static int
read_front(struct bundle_source *s, struct bundle *b, struct bundle_doc came[FRONT_COUNT],
           struct err *e)
{
	static const enum bundle_front given[] = { FRONT_ENVELOPE, FRONT_INVENTORY, FRONT_LIST,
		                                   FRONT_PROOF };
	uint64_t at = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < FRONT_COUNT; i++)
		rc = read_doc(s, (enum bundle_front)i, &came[i], &at, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < COUNT(given); i++) {
		b->front[given[i]].text = came[given[i]].text;
		came[given[i]].text = (struct buf){ 0 };
	}
	rc = bundle_complete(b, e);
	if (rc < 0)
		return bundle_source_blame(s, 0, e);
	rc = compare_front(s, b, came, e);
	return rc < 0 ? rc : check_size(s, b, e);
}

int
bundle_read_front(struct bundle_source *s, struct bundle *ret, struct err *e)
{
	struct bundle_doc came[FRONT_COUNT] = { 0 };
	int rc;

	*ret = (struct bundle){ 0 };
	rc = read_front(s, ret, came, e);
	for (size_t i = 0; i < FRONT_COUNT; i++)
		buf_fini(&came[i].text);
	if (rc < 0)
		bundle_fini(ret);
	return rc;
}

/* --- the blobs --- */

struct walk {
	struct bundle_source *s;
	const struct bundle *b;
	const struct bundle_walk *w;
	struct stream *stream;
	uint8_t *piece;
};

static int
pass_bytes(struct walk *k, uint64_t size, uint64_t at, struct err *e)
{
	int rc = 0;

	for (uint64_t left = size; rc == 0 && left > 0;) {
		const size_t n = left < PIECE ? (size_t)left : PIECE;

		rc = bundle_source_read(k->s, k->piece, n, at, e);
		if (rc == 0 && k->w->hashes)
			rc = stream_write(k->stream, k->piece, n, e);
		if (rc == 0 && k->w->take)
			rc = k->w->take(k->w->arg, k->piece, n, e);
		left -= n;
		at += n;
		progress_step(k->w->progress, "bundle", at, k->b->size);
	}
	return rc;
}

static int
hash_bytes(struct walk *k, const struct bundle_blob *x, uint64_t at, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest is;
	uint64_t size;
	int rc;

	if (!k->w->hashes)
		return pass_bytes(k, x->size, at, e);
	digest_hex(&x->digest, hex);
	stream_open(k->stream, -1, hex, x->size);
	rc = pass_bytes(k, x->size, at, e);
	if (rc < 0) {
		stream_give_up(k->stream);
		return rc;
	}
	rc = stream_close(k->stream, &is, &size, e);
	if (rc < 0 || digest_eq(&is, &x->digest))
		return rc;
	return bundle_source_damaged(k->s, x, at, e);
}

static int
one_blob(struct walk *k, size_t i, uint64_t at, struct err *e)
{
	const struct bundle_blob *const x = &k->b->list.v[i];
	const uint64_t header = tar_header_size(x->size);
	char name[TAR_NAME_SIZE];
	int rc;

	tar_blob_name(&x->digest, name);
	rc = check_header(k->s, name, x->size, at, e);
	if (rc == 0)
		rc = hash_bytes(k, x, at + header, e);
	return rc < 0 ? rc : check_padding(k->s, x->size, at + header + x->size, e);
}

static int
all_blobs(struct walk *k, struct err *e)
{
	uint64_t at = k->b->begin;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < k->b->list.n; i++) {
		const uint64_t here = at;
		struct err why = { 0 };

		at += tar_room(k->b->list.v[i].size);
		if (k->w->begin)
			rc = k->w->begin(k->w->arg, i, e);
		if (rc != 0) {
			rc = rc > 0 ? 0 : rc;
			continue;
		}
		rc = one_blob(k, i, here, &why);
		const bool is_lost = rc < 0 && k->s->is_pipe && k->s->at != at;
		rc = k->w->end(k->w->arg, i, here, rc < 0 ? &why : NULL, e);
		if (rc == 0 && is_lost) { /* what comes next is not where it should be */
			*e = why;
			rc = -(int)why.code;
		}
	}
	return rc;
}

int
bundle_walk(struct bundle_source *s, const struct bundle *b, const struct bundle_walk *w,
            struct err *e)
{
	struct walk k = { .s = s, .b = b, .w = w, .piece = xmalloc(PIECE) };
	int rc = w->hashes ? stream_new(&k.stream, e) : 0;

	if (rc == 0)
		rc = all_blobs(&k, e);
	if (rc == 0 && s->is_pipe)
		rc = check_end(s, b, e);
	stream_free(k.stream);
	free(k.piece);
	return rc;
}
