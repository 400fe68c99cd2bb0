/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with three states: a header block is collected, an entry's bytes go by, its padding
 * does. What a pax header or a GNU long name says is kept for the next entry. Knows no files.
 */
#include "deploy/oci_untar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/buf.h"

#define BLOCK          512u
#define EXTRA_MAX      (64u << 10) /* bytes of a pax header or a long name */
#define NAME_MAX_BYTES 4096u

enum state { HEADER, BYTES, PADDING };

struct untar {
	struct untar_sink sink;
	enum state state;
	char head[BLOCK];
	size_t head_n;
	char type;
	uint64_t left; /* bytes of the entry */
	size_t padding;
	struct buf extra; /* of 'x' or 'L' */
	struct buf path;  /* from them, for the next entry */
	bool has_path, has_size, has_ended;
	uint64_t size;
};

struct untar *
untar_new(const struct untar_sink *sink)
{
	struct untar *const u = xcalloc(1, sizeof *u);

	u->sink = *sink;
	return u;
}

void
untar_free(struct untar *u)
{
	if (!u)
		return;
	buf_fini(&u->extra);
	buf_fini(&u->path);
	free(u);
}

static bool
is_extra(char type)
{
	return type == 'x' || type == 'L' || type == 'g' || type == 'K';
}

static int
malformed(struct err *e)
{
	return err_set(e, ERR_MALFORMED, "an archive in it is malformed");
}

/* Octal with blanks around it, or base 256 with the first bit set. */
static int
number(const char *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	if ((unsigned char)p[0] == 0x80) {
		for (i = 1; i < n; i++) {
			if (v >> 55)
				return -1;
			v = v << 8 | (unsigned char)p[i];
		}
		*ret = v;
		return 0;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (v >> 60)
			return -1;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	if (i < n && p[i] != ' ' && p[i] != '\0')
		return -1;
	*ret = v;
	return 0;
}

static bool
is_sum_right(const char *head)
{
	uint64_t sum = 0, said;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)head[i];
	return number(head + 148, 8, &said) == 0 && said == sum;
}

static bool
is_zero(const char *head)
{
	for (size_t i = 0; i < BLOCK; i++) {
		if (head[i] != '\0')
			return false;
	}
	return true;
}

static void
path_of(const char *head, struct buf *ret)
{
	const size_t n = strnlen(head, 100), prefix = strnlen(head + 345, 155);

	if (memcmp(head + 257, "ustar", 6) == 0 && prefix > 0) {
		buf_add(ret, head + 345, prefix);
		buf_addc(ret, '/');
	}
	buf_add(ret, head, n);
}

/* "27 path=some/name\n", as many as there are. */
static int
read_pax(struct untar *u, struct err *e)
{
	const char *p = u->extra.p, *const end = p + u->extra.n;

	while (p < end) {
		const char *const blank = memchr(p, ' ', (size_t)(end - p));
		uint64_t n = 0;

		if (!blank || parse_u64_n(p, (size_t)(blank - p), EXTRA_MAX, &n) < 0 ||
		    n > (uint64_t)(end - p) || p + n <= blank + 1 || p[n - 1] != '\n')
			return malformed(e);
		const struct str row = { blank + 1, (size_t)(p + n - 1 - (blank + 1)) };
		if (row.n > 5 && memcmp(row.p, "path=", 5) == 0) {
			buf_clear(&u->path);
			buf_add(&u->path, row.p + 5, row.n - 5);
			u->has_path = true;
		} else if (row.n > 5 && memcmp(row.p, "size=", 5) == 0) {
			if (parse_u64_n(row.p + 5, row.n - 5, INT64_MAX, &u->size) < 0)
				return malformed(e);
			u->has_size = true;
		} else if (row.n > 11 && memcmp(row.p, "GNU.sparse.", 11) == 0) {
			return err_set(e, ERR_USAGE,
			               "an archive in it has files with holes, which "
			               "are not read here");
		}
		p += n;
	}
	return 0;
}

static int
end_extra(struct untar *u, struct err *e)
{
	if (u->type == 'x')
		return read_pax(u, e);
	if (u->type == 'L') {
		buf_clear(&u->path);
		buf_add(&u->path, u->extra.p, strnlen(u->extra.p, u->extra.n));
		u->has_path = true;
	}
	return 0;
}

static int
end_entry(struct untar *u, struct err *e)
{
	const int rc = is_extra(u->type) ? end_extra(u, e) : u->sink.end(u->sink.arg, e);

	u->state = PADDING;
	return rc;
}

static int
begin_entry(struct untar *u, struct err *e)
{
	if (u->has_size)
		u->left = u->size;
	if (!u->has_path) {
		buf_clear(&u->path);
		path_of(u->head, &u->path);
	}
	if (u->path.n > NAME_MAX_BYTES || (u->path.n > 0 && memchr(u->path.p, '\0', u->path.n)))
		return malformed(e);
	u->has_path = u->has_size = false;
	/* what is no file has no bytes, whatever its size says */
	if (strchr("12346", u->type))
		u->left = 0;
	return u->sink.begin(u->sink.arg, buf_cstr(&u->path), u->type, u->left, e);
}

static int
read_head(struct untar *u, struct err *e)
{
	int rc = 0;

	u->head_n = 0;
	if (is_zero(u->head)) {
		u->has_ended = true; /* whatever follows is no entry */
		return 0;
	}
	if (!is_sum_right(u->head) || number(u->head + 124, 12, &u->left) < 0 ||
	    u->left > INT64_MAX)
		return malformed(e);
	u->type = u->head[156] == '\0' || u->head[156] == '7' ? '0' : u->head[156];
	if (is_extra(u->type)) {
		buf_clear(&u->extra);
		if (u->left > EXTRA_MAX)
			return err_set(e, ERR_TOO_BIG, "an archive in it has a name of %llu bytes",
			               (unsigned long long)u->left);
	} else {
		rc = begin_entry(u, e);
	}
	u->padding = (size_t)((BLOCK - u->left % BLOCK) % BLOCK);
	u->state = BYTES;
	return rc == 0 && u->left == 0 ? end_entry(u, e) : rc;
}

static int
step(struct untar *u, const char *p, size_t n, size_t *ret_n, struct err *e)
{
	int rc = 0;

	switch (u->state) {
	case HEADER:
		*ret_n = n < BLOCK - u->head_n ? n : BLOCK - u->head_n;
		memcpy(u->head + u->head_n, p, *ret_n);
		u->head_n += *ret_n;
		return u->head_n == BLOCK ? read_head(u, e) : 0;
	case BYTES:
		*ret_n = n < u->left ? n : (size_t)u->left;
		if (is_extra(u->type))
			buf_add(&u->extra, p, *ret_n);
		else
			rc = u->sink.data(u->sink.arg, p, *ret_n, e);
		u->left -= *ret_n;
		return rc == 0 && u->left == 0 ? end_entry(u, e) : rc;
	case PADDING:
		*ret_n = n < u->padding ? n : u->padding;
		u->padding -= *ret_n;
		if (u->padding == 0)
			u->state = HEADER;
		return 0;
	}
	return malformed(e);
}

int
untar_feed(struct untar *u, const void *p, size_t n, struct err *e)
{
	const char *at = p;

	while (n > 0 && !u->has_ended) {
		size_t took = 0;
		const int rc = step(u, at, n, &took, e);

		if (rc < 0)
			return rc;
		at += took;
		n -= took;
	}
	return 0;
}

int
untar_finish(struct untar *u, struct err *e)
{
	const bool is_whole = u->has_ended || (u->state == HEADER && u->head_n == 0) ||
	                      (u->state == PADDING && u->padding == 0);

	return is_whole ? 0 : err_set(e, ERR_MALFORMED, "an archive in it ends in the middle");
}
