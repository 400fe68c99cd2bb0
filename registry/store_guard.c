/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of LMDB 0.9, checked by their own rules: a page says its number; the nodes of a page tile
 * the space behind `upper` without a gap; a branch leads inside the file; all leaves lie at the
 * depth that the meta page gives; records of free pages are sorted. The file is mapped a second
 * time for that, for reading. Nothing is repaired, and nothing is known of what the keys mean.
 */
#include "registry/store_guard.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "registry/base/fs.h"

#define PAGE       4096u
#define HEAD       16u /* number 8, pad 2, flags 2, lower 2, upper 2; or the count of pages 4 */
#define NODE_HEAD  8u  /* low 2, high 2, flags 2, key size 2 */
#define KEY_MAX    511u
#define DEPTH_MAX  32u
#define META_TRIES 3
#define NO_PAGE    UINT64_MAX

enum page_flag { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
#define NODE_BIG 1u /* the value is a page number */

/* A meta page behind its head: magic 0, version 4, page size 24, flags 28, two trees of 48 bytes
 * from 24 (pad 0, flags 4, depth 6, four counts, root 40), last page 120, transaction 128. */
#define META_SIZE        (HEAD + 136u)
#define META_MAGIC       0xBEEFC0DEu
#define META_VERSION     1u
#define META_INTEGER_KEY 8u /* of the tree of free pages, and of nothing else */

struct tree {
	uint64_t root;
	unsigned depth;
	bool is_free; /* numbers of transactions, with lists of pages */
};

struct meta {
	struct tree trees[2]; /* free pages, ours */
	uint64_t last_page, transaction;
	bool has_trees; /* inside the file's pages */
};

struct guard {
	int fd;
	const uint8_t *map;
	size_t mapped;
	struct meta meta;
	uint8_t *seen, *is_free; /* a bit a page */
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t
get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static int
damaged(struct err *e, const char *where, uint64_t page)
{
	err_set(e, ERR_STORE, "the database is damaged (page %" PRIu64 ": %s)", page, where);
	return err_hint(e, "slipway rebuild makes it anew from the log");
}

/* --- meta pages --- */

static int
tree_parse(const uint8_t *p, uint64_t last_page, bool is_free, struct tree *ret)
{
	ret->depth = get16(p + 6);
	ret->root = get64(p + 40);
	ret->is_free = is_free;
	if (get16(p + 4) != (is_free ? META_INTEGER_KEY : 0))
		return -1;
	if (ret->root == NO_PAGE)
		return ret->depth == 0 ? 0 : -1;
	return ret->root > 1 && ret->root <= last_page && ret->depth > 0 && ret->depth <= DEPTH_MAX
	               ? 0
	               : -1;
}

/* After a write of a meta page that failed, LMDB gives that page its old numbers and the new trees:
 * it is not in use, and the next commit writes it. So trees are asked for only of the page in use.
 */
static int
meta_parse(const uint8_t *page, unsigned number, struct meta *ret, struct err *e)
{
	const uint8_t *const p = page + HEAD;

	if (get64(page) != number || get16(page + 10) != PAGE_META || get32(p) != META_MAGIC ||
	    get32(p + 4) != META_VERSION || get32(p + 24) != PAGE)
		return damaged(e, "no meta page", number);
	ret->last_page = get64(p + 120);
	ret->transaction = get64(p + 128);
	if (ret->last_page < 1 || ret->last_page > INT64_MAX / PAGE - 1)
		return damaged(e, "no meta page", number);
	ret->has_trees = tree_parse(p + 24, ret->last_page, true, &ret->trees[0]) == 0 &&
	                 tree_parse(p + 72, ret->last_page, false, &ret->trees[1]) == 0;
	/* transactions take turns; both pages of a new file have 0 */
	if (ret->transaction != 0 && (ret->transaction & 1) != number)
		return damaged(e, "the transaction of another", number);
	return 0;
}

static int
meta_check(int fd, bool *ret_is_empty, struct err *e)
{
	struct meta newest = { .last_page = 1 };
	struct stat st;

	*ret_is_empty = false;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t page[META_SIZE];
		struct meta m;
		int rc;

		if (fs_pread_all(fd, page, sizeof page, (off_t)i * PAGE) != 0) {
			/* empty: made by a process that died before its first commit */
			*ret_is_empty = fstat(fd, &st) == 0 && st.st_size == 0;
			return *ret_is_empty ? 0 : damaged(e, "cut short", i);
		}
		rc = meta_parse(page, i, &m, e);
		if (rc < 0)
			return rc;
		if (m.transaction >= newest.transaction)
			newest = m;
	}
	if (!newest.has_trees)
		return damaged(e, "no meta page", newest.transaction & 1);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at the database");
	/* the last page may never have been written: taken and given back in one transaction */
	return newest.last_page * PAGE <= (uint64_t)st.st_size
	               ? 0
	               : damaged(e, "cut short", newest.last_page);
}

int
guard_meta(int fd, bool *ret_is_empty, struct err *e)
{
	int rc = meta_check(fd, ret_is_empty, e);

	/* a commit may have been half seen */
	for (int i = 0; rc < 0 && i < META_TRIES; i++)
		rc = meta_check(fd, ret_is_empty, e);
	if (rc == 0)
		err_clear(e);
	return rc;
}

struct guard *
guard_new(int fd)
{
	struct guard *const g = xcalloc(1, sizeof *g);

	g->fd = fd;
	return g;
}

static void
unmap(struct guard *g)
{
	if (g->map)
		(void)munmap((void *)(uintptr_t)g->map, g->mapped);
	g->map = NULL;
	g->mapped = 0;
}

void
guard_free(struct guard *g)
{
	if (!g)
		return;
	unmap(g);
	free(g->seen);
	free(g->is_free);
	free(g);
}

/* All of the file that there is now. */
static int
map(struct guard *g, struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(g->fd, &st) < 0)
		return err_sys(e, "look at the database");
	const size_t size = (size_t)st.st_size / PAGE * PAGE;
	if (g->map && g->mapped == size)
		return 0;
	unmap(g);
	if (size < 2 * PAGE)
		return damaged(e, "cut short", 1);
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, g->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map the database");
	g->map = p;
	g->mapped = size;
	return 0;
}

static bool
has_bit(const uint8_t *bits, uint64_t page)
{
	return bits[page / 8] & 1u << page % 8;
}

static void
set_bit(uint8_t *bits, uint64_t page)
{
	bits[page / 8] |= (uint8_t)(1u << page % 8);
}

int
guard_begin(struct guard *g, uint64_t transaction, struct err *e)
{
	const unsigned number = transaction & 1;
	int rc = map(g, e);

	if (rc == 0)
		rc = meta_parse(g->map + number * (size_t)PAGE, number, &g->meta, e);
	if (rc < 0)
		return rc;
	if (g->meta.transaction != transaction)
		return damaged(e, "not the last transaction", number);
	if (!g->meta.has_trees)
		return damaged(e, "no meta page", number);
	free(g->seen);
	free(g->is_free);
	const size_t pages =
	        (g->meta.last_page < g->mapped / PAGE ? g->mapped / PAGE : g->meta.last_page) + 1;
	g->seen = xcalloc(1, pages / 8 + 1);
	g->is_free = xcalloc(1, pages / 8 + 1);
	return 0;
}

/* --- pages --- */

static const uint8_t *
page_at(const struct guard *g, uint64_t number)
{
	if (number < 2 || number > g->meta.last_page || number >= g->mapped / PAGE)
		return NULL;
	return g->map + number * PAGE;
}

static unsigned
nodes_of(const uint8_t *page)
{
	return (get16(page + 12) - HEAD) / 2;
}

static const uint8_t *
node_at(const uint8_t *page, unsigned i)
{
	return page + get16(page + HEAD + 2 * i);
}

static struct str
key_of(const uint8_t *node)
{
	return (struct str){ (const char *)node + NODE_HEAD, get16(node + 6) };
}

static uint64_t
child_of(const uint8_t *node)
{
	return get32(node) | (uint64_t)get16(node + 4) << 32;
}

static int
compare(struct str a, struct str b)
{
	const int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

/* The bytes that a node takes; 0: more than there are, or of no kind that we make. */
static size_t
node_size(const uint8_t *page, size_t at, bool is_leaf)
{
	const uint8_t *const node = page + at;
	size_t size;

	if (at + NODE_HEAD > PAGE || get16(node + 6) > KEY_MAX)
		return 0;
	size = NODE_HEAD + get16(node + 6);
	if (is_leaf && get16(node + 4) == NODE_BIG)
		size += sizeof(uint64_t);
	else if (is_leaf && get16(node + 4) != 0)
		return 0;
	else if (is_leaf)
		size += get32(node);
	size += size & 1;
	return at + size <= PAGE ? size : 0;
}

/* The nodes, wherever they lie, fill what is behind upper, each once. */
static bool
nodes_tile(const uint8_t *page, unsigned n, bool is_leaf)
{
	uint8_t starts[PAGE / 8] = { 0 };
	unsigned found = 0;
	size_t at = get16(page + 14);

	for (unsigned i = 0; i < n; i++) {
		const unsigned start = get16(page + HEAD + 2 * i);

		if (start >= PAGE)
			return false;
		starts[start / 8] |= (uint8_t)(1u << start % 8);
	}
	for (size_t size; at < PAGE; at += size, found++) {
		if (!(starts[at / 8] & 1u << at % 8))
			return false;
		size = node_size(page, at, is_leaf);
		if (size == 0)
			return false;
	}
	return found == n;
}

/* The first key of a branch stands for everything before the second. */
static bool
keys_ascend(const uint8_t *page, unsigned n, const struct tree *t, bool is_leaf)
{
	for (unsigned i = is_leaf ? 0 : 1; i < n; i++) {
		const struct str key = key_of(node_at(page, i));

		if (t->is_free && key.n != sizeof(uint64_t))
			return false;
		if (i <= (is_leaf ? 0 : 1))
			continue;
		const struct str before = key_of(node_at(page, i - 1));
		if (t->is_free ? get64((const uint8_t *)before.p) >= get64((const uint8_t *)key.p)
		               : compare(before, key) >= 0)
			return false;
	}
	return true;
}

/* A value in pages of its own. */
static bool
is_overflow(const struct guard *g, uint64_t number, uint64_t size)
{
	const uint8_t *const page = page_at(g, number);

	if (!page || has_bit(g->is_free, number) || get64(page) != number ||
	    get16(page + 10) != PAGE_OVERFLOW)
		return false;
	const uint64_t pages = get32(page + 12);
	/* more than it needs: a longer value was there before */
	return pages >= (HEAD + size + PAGE - 1) / PAGE && number + pages <= g->mapped / PAGE &&
	       number + pages <= g->meta.last_page + 1;
}

static bool
is_page_list(struct guard *g, const uint8_t *p, uint64_t size)
{
	if (size < sizeof(uint64_t) || get64(p) > size / sizeof(uint64_t) - 1)
		return false;
	for (uint64_t i = 1, n = get64(p), before = g->meta.last_page + 1; i <= n; i++) {
		const uint64_t page = get64(p + i * sizeof(uint64_t));

		if (page < 2 || page >= before || has_bit(g->is_free, page))
			return false;
		set_bit(g->is_free, page);
		before = page;
	}
	return true;
}

static bool
values_are_good(struct guard *g, const uint8_t *page, unsigned n, const struct tree *t)
{
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *const node = node_at(page, i);
		const uint8_t *value = node + NODE_HEAD + get16(node + 6);

		if (get16(node + 4) == NODE_BIG) {
			const uint64_t number = get64(value);

			if (!is_overflow(g, number, get32(node)))
				return false;
			value = page_at(g, number) + HEAD;
		}
		if (t->is_free && !is_page_list(g, value, get32(node)))
			return false;
	}
	return true;
}

static bool
is_good(struct guard *g, const uint8_t *page, const struct tree *t, bool is_leaf)
{
	const unsigned lower = get16(page + 12), upper = get16(page + 14);

	if (get16(page + 10) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH))
		return false;
	if (lower < HEAD + 2 || lower % 2 != 0 || lower > upper || upper > PAGE)
		return false;
	const unsigned n = nodes_of(page);
	return nodes_tile(page, n, is_leaf) && keys_ascend(page, n, t, is_leaf) &&
	       (!is_leaf || values_are_good(g, page, n, t));
}

/* NULL with the error: no page that LMDB could be given. */
static const uint8_t *
page_get(struct guard *g, const struct tree *t, uint64_t number, unsigned depth, struct err *e)
{
	const uint8_t *const page = page_at(g, number);

	if (!page || get64(page) != number) {
		(void)damaged(e, "no such page", number);
		return NULL;
	}
	if (has_bit(g->is_free, number)) {
		(void)damaged(e, "free and in use", number);
		return NULL;
	}
	/* flags again, even if seen: as a leaf it is good, and maybe met where a branch should be
	 */
	const bool is_leaf = depth == t->depth;
	if (get16(page + 10) == (is_leaf ? PAGE_LEAF : PAGE_BRANCH) && has_bit(g->seen, number))
		return page;
	if (!is_good(g, page, t, is_leaf)) {
		(void)damaged(e, is_leaf ? "no leaf" : "no branch", number);
		return NULL;
	}
	set_bit(g->seen, number);
	return page;
}

/* Where a branch leads for a key. */
static unsigned
branch_find(const uint8_t *page, struct str key)
{
	unsigned low = 0, high = nodes_of(page);

	while (high - low > 1) {
		const unsigned middle = low + (high - low) / 2;

		if (compare(key, key_of(node_at(page, middle))) >= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Down the left edge: merging a branch asks for the first key below it. */
static int
edge(struct guard *g, const struct tree *t, uint64_t number, unsigned depth, struct err *e)
{
	for (;; depth++) {
		const uint8_t *const page = page_get(g, t, number, depth, e);

		if (!page)
			return -ERR_STORE;
		if (depth == t->depth)
			return 0;
		number = child_of(node_at(page, 0));
	}
}

int
guard_key(struct guard *g, struct str key, struct err *e)
{
	const struct tree *const t = &g->meta.trees[1];
	uint64_t number = t->root;
	int rc = 0;

	for (unsigned depth = 1; rc == 0 && depth <= t->depth; depth++) {
		const uint8_t *const page = page_get(g, t, number, depth, e);

		if (!page)
			return -ERR_STORE;
		if (depth == t->depth)
			return 0;
		const unsigned at = branch_find(page, key), n = nodes_of(page);
		if (at > 0)
			rc = edge(g, t, child_of(node_at(page, at - 1)), depth + 1, e);
		if (rc == 0 && at + 1 < n)
			rc = edge(g, t, child_of(node_at(page, at + 1)), depth + 1, e);
		number = child_of(node_at(page, at));
	}
	return rc;
}

/* Each page of a tree; *left bounds what a circle of branches could cost. */
static int
walk(struct guard *g, const struct tree *t, uint64_t *left, struct err *e)
{
	struct {
		const uint8_t *page;
		unsigned next;
	} stack[DEPTH_MAX];
	unsigned depth = 0;
	uint64_t number = t->root;

	if (t->depth == 0)
		return 0;
	for (;;) {
		if ((*left)-- == 0)
			return damaged(e, "reached twice", number);
		stack[depth].page = page_get(g, t, number, depth + 1, e);
		stack[depth].next = 0;
		if (!stack[depth].page)
			return -ERR_STORE;
		/* up from leaves and from branches that are through, to the next that is not */
		while (depth + 1 == t->depth || stack[depth].next == nodes_of(stack[depth].page)) {
			if (depth == 0)
				return 0;
			depth--;
		}
		number = child_of(node_at(stack[depth].page, stack[depth].next++));
		depth++;
	}
}

int
guard_free_pages(struct guard *g, struct err *e)
{
	uint64_t left = g->meta.last_page, again = left;
	int rc = walk(g, &g->meta.trees[0], &left, e);

	/* is any of the pages that hold the records in one of them? */
	return rc < 0 ? rc : walk(g, &g->meta.trees[0], &again, e);
}

int
guard_all(struct guard *g, struct err *e)
{
	uint64_t left = g->meta.last_page;
	int rc = guard_free_pages(g, e);

	return rc < 0 ? rc : walk(g, &g->meta.trees[1], &left, e);
}
