/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib, a piece after the other. Every member's own checksum and length are zlib's to
 * check; how much may come out is ours. Knows nothing of what is packed.
 */
#include "deploy/gunzip.h"

#include <stdbool.h>
#include <stdlib.h>

#define ZLIB_CONST /* next_in points to what is only read */
#include <zlib.h>

#include "registry/base/str.h"

#define IN_MOST   ((size_t)1 << 20)
#define OUT_SIZE  ((uInt)256 << 10)
#define GZIP_ONLY (15 + 16) /* the largest window; neither zlib's own header nor none */

struct gunzip {
	z_stream z;
	int (*take)(void *arg, const void *p, size_t n, struct err *e);
	void *arg;
	bool has_begun, is_between; /* zlib was started; a member has ended */
	uint64_t in, out;
	unsigned char piece[OUT_SIZE];
};

struct gunzip *
gunzip_new(int (*take)(void *arg, const void *p, size_t n, struct err *e), void *arg)
{
	struct gunzip *const g = xcalloc(1, sizeof *g);

	g->take = take;
	g->arg = arg;
	g->has_begun = inflateInit2(&g->z, GZIP_ONLY) == Z_OK;
	return g;
}

/* One piece of output at most. *ret_more: there is more in what zlib has. */
static int
step(struct gunzip *g, bool *ret_more, struct err *e)
{
	const uInt had = g->z.avail_in;
	size_t n;
	int z;

	g->z.next_out = g->piece;
	g->z.avail_out = OUT_SIZE;
	z = inflate(&g->z, Z_NO_FLUSH);
	if (z == Z_MEM_ERROR)
		return err_set(e, ERR_SYS, "not enough memory to unpack gzip");
	if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
		return err_set(e, ERR_MALFORMED, "it is no gzip, or damaged: %s",
		               g->z.msg ? g->z.msg : "no end of it makes sense");
	n = OUT_SIZE - g->z.avail_out;
	g->in += had - g->z.avail_in;
	g->out += n;
	if (g->out > GUNZIP_FREE && g->out / GUNZIP_RATIO > g->in) {
		err_set(e, ERR_TOO_BIG, "it unpacks to more than %u times its size", GUNZIP_RATIO);
		return err_hint(e, "if that is meant, unpack it and import the folder");
	}
	g->is_between = z == Z_STREAM_END;
	*ret_more = g->is_between ? g->z.avail_in > 0 : g->z.avail_out == 0;
	return n > 0 ? g->take(g->arg, g->piece, n, e) : 0;
}

int
gunzip_feed(struct gunzip *g, const void *p, size_t n, struct err *e)
{
	const unsigned char *at = p;
	int rc = 0;

	if (!g->has_begun)
		return err_set(e, ERR_SYS, "cannot start zlib");
	while (rc == 0 && n > 0) {
		const size_t some = n < IN_MOST ? n : IN_MOST;
		bool more = true;

		g->z.next_in = at;
		g->z.avail_in = (uInt)some;
		while (rc == 0 && more) {
			if (g->is_between)
				(void)inflateReset(&g->z);
			rc = step(g, &more, e);
		}
		at += some;
		n -= some;
	}
	return rc;
}

int
gunzip_finish(struct gunzip *g, struct err *e)
{
	return g->is_between ? 0 : err_set(e, ERR_MALFORMED, "it is gzip that ends too early");
}

void
gunzip_free(struct gunzip *g)
{
	if (!g)
		return;
	if (g->has_begun)
		(void)inflateEnd(&g->z);
	free(g);
}
