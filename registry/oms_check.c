/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sorted lists side by side, a model's files and what was signed; a file that is in both is
 * read once, whole, whatever hashes are wanted of it. Knows neither folders nor keys: a file is a
 * name, a size and a function that opens it.
 */
#include "registry/oms_check.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/blake3.h"
#include "registry/stream.h"

#define BLOCK_SIZE ((size_t)1 << 20)

/* --- one of the hashes --- */

struct sum {
	enum oms_hash kind;
	struct hasher *sha256;
	crypto_generichash_blake2b_state blake2b;
	struct blake3 blake3;
};

static void
sum_begin(struct sum *s)
{
	switch (s->kind) {
	case OMS_SHA256:
		hasher_reset(s->sha256);
		break;
	case OMS_BLAKE2B:
		(void)crypto_generichash_blake2b_init(&s->blake2b, NULL, 0, OMS_SUM_MAX);
		break;
	case OMS_BLAKE3:
		blake3_init(&s->blake3);
		break;
	}
}

static void
sum_update(struct sum *s, const uint8_t *p, size_t n)
{
	switch (s->kind) {
	case OMS_SHA256:
		hasher_update(s->sha256, p, n);
		break;
	case OMS_BLAKE2B:
		(void)crypto_generichash_blake2b_update(&s->blake2b, p, n);
		break;
	case OMS_BLAKE3:
		blake3_update(&s->blake3, p, n);
		break;
	}
}

static void
sum_end(struct sum *s, uint8_t ret[OMS_SUM_MAX])
{
	struct digest d;

	switch (s->kind) {
	case OMS_SHA256:
		hasher_final(s->sha256, &d);
		memcpy(ret, d.b, sizeof(d.b));
		break;
	case OMS_BLAKE2B:
		(void)crypto_generichash_blake2b_final(&s->blake2b, ret, OMS_SUM_MAX);
		break;
	case OMS_BLAKE3:
		blake3_final(&s->blake3, ret);
		break;
	}
}

/* --- one file --- */

/* The resources of one file, in order, and what reads it. */
struct reading {
	const struct oms_model *m;
	const struct oms_file *file;
	const struct oms_resource *first, *end;
	struct stream *stream; /* of all files; for SHA-256 of a whole one */
	struct hasher *whole;  /* of a stored version: is it what the manifest says? */
	struct sum sum;
	uint8_t *block;
};

/* Up to n bytes, fewer at the end of the file only; -1 with errno. */
static ssize_t
read_block(int fd, uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const ssize_t got = read(fd, p + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* 1: the next n bytes have that sum; 0: they have another, or end before. */
static int
range_matches(struct reading *g, int fd, uint64_t n, const uint8_t *sum, struct err *e)
{
	uint8_t is[OMS_SUM_MAX];

	sum_begin(&g->sum);
	while (n > 0) {
		const size_t want = n < BLOCK_SIZE ? (size_t)n : BLOCK_SIZE;
		const ssize_t got = read_block(fd, g->block, want);

		if (got < 0)
			return err_sys(e, "cannot read \"%s\"", g->file->path);
		if ((size_t)got < want)
			return 0;
		sum_update(&g->sum, g->block, want);
		if (g->file->digest)
			hasher_update(g->whole, g->block, want);
		n -= want;
	}
	sum_end(&g->sum, is);
	return memcmp(is, sum, oms_sum_size(g->sum.kind)) == 0;
}

/* One range after the other, which follow each other; then nothing may be left. */
static int
ranges_match(struct reading *g, int fd, struct err *e)
{
	int rc;

	hasher_reset(g->whole);
	if (g->m->list->method == OMS_FILES) {
		rc = range_matches(g, fd, g->file->size, g->first->sum, e);
		if (rc <= 0)
			return rc;
	} else {
		for (const struct oms_resource *r = g->first; r < g->end; r++) {
			rc = range_matches(g, fd, r->end - r->start, r->sum, e);
			if (rc <= 0)
				return rc;
		}
	}
	const ssize_t left = read_block(fd, g->block, 1);

	if (left < 0)
		return err_sys(e, "cannot read \"%s\"", g->file->path);
	return left == 0;
}

static int
whole_matches(struct reading *g, int fd, struct err *e)
{
	struct digest d;
	uint64_t size;
	int rc;

	rc = stream_begin(g->stream, fd, g->file->path, e);
	if (rc == 0)
		rc = stream_run(g->stream, -1, g->m->progress, &d, &size, e);
	if (rc < 0)
		return rc;
	if (g->file->digest && !digest_eq(&d, g->file->digest))
		return 0;
	return memcmp(d.b, g->first->sum, sizeof(d.b)) == 0;
}

static int
bytes_match(struct reading *g, int fd, struct err *e)
{
	const struct oms *const list = g->m->list;
	struct digest d;
	int rc;

	if (list->method == OMS_FILES && list->hash == OMS_SHA256)
		return whole_matches(g, fd, e);
	rc = ranges_match(g, fd, e);
	if (rc <= 0 || !g->file->digest)
		return rc;
	hasher_final(g->whole, &d);
	progress_step(g->m->progress, g->file->path, g->file->size, g->file->size);
	return digest_eq(&d, g->file->digest);
}

/* A file that is on both lists. */
static int
check_file(struct reading *g, struct oms_model *m, struct err *e)
{
	cleanup_close int fd = -1;
	struct err why = { 0 };
	int rc = m->open(m, g->file, &fd, &why);

	if (rc < 0 && (why.code == ERR_NOT_FOUND || why.code == ERR_DIGEST)) {
		oms_find(m, why.code == ERR_DIGEST ? OMS_DIFFERENT : OMS_MISSING, g->file->path,
		         true);
		return 0;
	}
	if (rc < 0) {
		*e = why;
		return rc;
	}
	rc = bytes_match(g, fd, e);
	if (rc < 0)
		return rc;
	if (rc != 1) {
		oms_find(m, OMS_DIFFERENT, g->file->path, true);
		return 0;
	}
	m->report->files++;
	m->report->bytes += g->file->size;
	return 0;
}

/* A file that is there and not listed. */
static void
check_unlisted(struct oms_model *m, const struct oms_file *f)
{
	const bool is_empty_shard = m->list->method == OMS_SHARDS && f->size == 0;

	if (is_empty_shard)
		oms_find(m, OMS_UNCOVERED, f->path, false);
	else
		oms_find(m, OMS_EXTRA, f->path, !(m->allow & OMS_ALLOW_EXTRA));
}

/* --- all of them --- */

static int
by_path(const void *a, const void *b)
{
	const struct oms_file *const x = a;
	const struct oms_file *const y = b;

	return strcmp(x->path, y->path);
}

static const struct oms_resource *
end_of_file(const struct oms_resource *r, const struct oms_resource *end)
{
	const char *const path = r->path;

	while (r < end && streq(r->path, path))
		r++;
	return r;
}

static int
side_by_side(struct reading *g, struct oms_model *m, struct err *e)
{
	const struct oms_resource *r = m->list->resources.v;
	const struct oms_resource *const end = r + m->list->resources.n;
	const bool is_dot = m->is_one_file && streq(r->path, ".");
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && (r < end || i < m->files.n)) {
		const struct oms_file *const f = i < m->files.n ? &m->files.v[i] : NULL;
		const int c = !f ? -1 : r == end ? 1 : is_dot ? 0 : strcmp(r->path, f->path);

		g->first = r;
		g->end = r < end && c <= 0 ? end_of_file(r, end) : r;
		g->file = f;
		if (c < 0)
			oms_find(m, OMS_MISSING, r->path, true);
		else if (c > 0)
			check_unlisted(m, f);
		else
			rc = check_file(g, m, e);
		r = g->end;
		i += c >= 0;
	}
	return rc;
}

static int
by_finding(const void *a, const void *b)
{
	const struct oms_finding *const x = a;
	const struct oms_finding *const y = b;
	const int c = strcmp(x->path, y->path);

	return c != 0 ? c : (int)x->kind - (int)y->kind;
}

static int
conclude(const struct oms_report *r, struct err *e)
{
	const struct oms_finding *first = r->findings.v;

	if (r->refused == 0)
		return 0;
	while (!first->is_refused)
		first++;
	return err_set(e, ERR_DIGEST, "the model is not what was signed: \"%s\" is %s%s",
	               first->path, oms_finding_name(first->kind),
	               r->refused > 1 ? ", and more" : "");
}

int
oms_compare(struct oms_model *m, struct err *e)
{
	struct reading g = { .m = m, .sum = { .kind = m->list->hash } };
	int rc;

	if (m->files.n > 1)
		qsort(m->files.v, m->files.n, sizeof(*m->files.v), by_path);
	rc = stream_new(&g.stream, e);
	if (rc == 0) {
		g.block = xmalloc(BLOCK_SIZE);
		g.whole = hasher_new();
		g.sum.sha256 = hasher_new();
		rc = g.whole && g.sum.sha256
		             ? side_by_side(&g, m, e)
		             : err_set(e, ERR_SYS, "not enough memory for a digest");
	}
	hasher_free(g.sum.sha256);
	hasher_free(g.whole);
	free(g.block);
	stream_free(g.stream);
	if (m->report->findings.n > 1)
		qsort(m->report->findings.v, m->report->findings.n, sizeof(*m->report->findings.v),
		      by_finding);
	return rc < 0 ? rc : conclude(m->report, e);
}

void
oms_find(struct oms_model *m, enum oms_finding_kind kind, const char *path, bool is_refused)
{
	const struct oms_finding f = { kind, xstrdup(path), is_refused };

	vec_push(&m->report->findings, f);
	m->report->refused += is_refused;
}

void
oms_model_fini(struct oms_model *m)
{
	vec_foreach(f, &m->files)
		free(f->path);
	vec_fini(&m->files);
}

void
oms_report_fini(struct oms_report *r)
{
	vec_foreach(f, &r->findings)
		free(f->path);
	vec_fini(&r->findings);
}

const char *
oms_finding_name(enum oms_finding_kind k)
{
	static const char *const names[] = {
		[OMS_MISSING] = "missing",       [OMS_DIFFERENT] = "different",
		[OMS_EXTRA] = "extra",           [OMS_LINK] = "a link",
		[OMS_SPECIAL] = "special",       [OMS_IGNORED] = "ignored",
		[OMS_UNCOVERED] = "not covered",
	};

	_Static_assert(COUNT(names) == OMS_FINDING_COUNT, "a name for each");
	return names[k];
}
