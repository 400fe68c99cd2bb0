/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bundle carries in front. First byte 't': headers of a tar; 'l': a list; 'i': an inventory;
 * 'o': a proof, read as one that a bundle brought; 'd': envelope, inventory, list and proof with a
 * byte 0xff between them, completed and judged; 'f': a whole file, read as such and as a pipe.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/bundle_check.h"
#include "registry/bundle_source.h"
#include "registry/bundle_tar.h"

static void
read_header(struct str bytes)
{
	uint8_t block[TAR_HEADER_MAX] = { 0 }, made[TAR_HEADER_MAX] = { 0 };
	char name[TAR_NAME_SIZE] = "", again[TAR_NAME_SIZE] = "";
	uint64_t size = 0, same = 0;
	size_t n;

	if (bytes.n > 0)
		memcpy(block, bytes.p, bytes.n < sizeof block ? bytes.n : sizeof block);
	if (tar_claim(block, name, &size) < 0)
		return;
	PROMISE(name[0] != '\0' && strlen(name) < sizeof name && size <= TAR_SIZE_MAX);
	n = tar_header(name, size, made);
	PROMISE(n == tar_header_size(size) && n % TAR_BLOCK == 0);
	PROMISE(tar_claim(made, again, &same) == 0 && size == same && strcmp(name, again) == 0);
}

static void
read_list(struct str bytes)
{
	struct buf again = { 0 };
	struct bundle_list l = { 0 };
	struct err e = { 0 };
	int rc = bundle_list_parse(bytes, &l, &e);

	promise_err(rc, &e);
	if (rc == 0)
		bundle_list_write(&l, &again);
	PROMISE(rc < 0 || str_eq(bytes, buf_str(&again)));
	for (size_t i = 0; i < l.n; i++)
		PROMISE(bundle_list_find(&l, &l.v[i].digest) == &l.v[i]);
	bundle_list_fini(&l);
	buf_fini(&again);
}

static void
read_inventory(struct str bytes)
{
	struct buf again = { 0 };
	struct bundle_inventory v;
	struct err e = { 0 };
	int rc = bundle_inventory_parse(bytes, &v, &e);

	promise_err(rc, &e);
	if (rc == 0)
		bundle_inventory_write(&v, &again);
	PROMISE(rc < 0 || (str_eq(bytes, buf_str(&again)) && v.versions_n > 0));
	bundle_inventory_fini(&v);
	buf_fini(&again);
}

static void
ask_origin(const struct origin *o)
{
	struct tree_head old = o->trust.head;
	struct err e = { 0 };

	PROMISE(origin_newest(o) && o->trust.head.size > 0);
	PROMISE(o->proof.kind == PROOF_BUNDLE || o->proof.kind == PROOF_RECEIPT);
	PROMISE(origin_grew_from(o, &old, &e) == 0);
	old.root.b[0] ^= 1;
	for (old.size = 1; old.size <= o->trust.head.size && old.size < 64; old.size++) {
		e = (struct err){ 0 };
		int rc = origin_grew_from(o, &old, &e);

		promise_err(rc, &e);
	}
	for (size_t i = 0; i < o->proof.entries.n; i++) {
		struct audit_who who;

		e = (struct err){ 0 };
		int rc = origin_judge(o, &o->proof.entries.v[i].n, &who, &e);

		promise_err(rc, &e);
	}
}

static void
read_origin(struct str bytes)
{
	struct origin o;
	struct err e = { 0 };
	int rc = origin_check(bytes, NULL, &o, &e);

	promise_err(rc, &e);
	if (rc == 0)
		ask_origin(&o);
	origin_fini(&o);
}

static void
judge(const struct bundle *b)
{
	const struct bundle_expect x = { .root = NULL };
	struct bundle_judged j;
	struct err e = { 0 };
	int rc = bundle_judge(b, &x, &j, &e);

	promise_err(rc, &e);
	if (rc == 0) {
		struct bundle_contents *const c = bundle_contents_new(b, &j.origin);

		(void)bundle_contents_finish(c, NULL, NULL, &e);
		bundle_contents_free(c);
		bundle_judged_fini(&j);
	}
}

static void
read_documents(struct str bytes)
{
	struct bundle b = { 0 };
	struct err e = { 0 };
	int rc;

	for (size_t i = FRONT_ENVELOPE; i < FRONT_COUNT; i++) {
		const char *const end = bytes.n > 0 ? memchr(bytes.p, 0xff, bytes.n) : NULL;
		const size_t n = end ? (size_t)(end - bytes.p) : bytes.n;

		buf_add(&b.front[i].text, bytes.p, n);
		bytes.p += n + (end ? 1 : 0);
		bytes.n -= n + (end ? 1 : 0);
	}
	rc = bundle_complete(&b, &e);
	promise_err(rc, &e);
	if (rc == 0) {
		PROMISE(b.begin > 0 && b.size >= b.begin + TAR_END);
		judge(&b);
	}
	bundle_fini(&b);
}

/* The same bytes as a file and as a pipe: what is right in the one is so in the other. */
static void
read_file(struct str bytes)
{
	cleanup_close int fd = memfd_create("bundle", MFD_CLOEXEC);
	char path[64];
	const char *const paths[] = { path };
	struct bundle_source *s;
	struct bundle b;
	struct err e = { 0 };
	int rc, piped;

	PROMISE(fd >= 0 && fs_write_all(fd, bytes.p, bytes.n) == 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	PROMISE(bundle_source_open(paths, 1, &s, &e) == 0);
	rc = bundle_read_front(s, &b, &e);
	promise_err(rc, &e);
	PROMISE(rc < 0 || b.size == bytes.n);
	if (rc == 0)
		bundle_fini(&b);
	bundle_source_close(s);
	PROMISE(lseek(fd, 0, SEEK_SET) == 0);
	e = (struct err){ 0 };
	s = bundle_source_pipe(fd, "pipe");
	piped = bundle_read_front(s, &b, &e);
	promise_err(piped, &e);
	PROMISE(rc < 0 || piped == 0);
	if (piped == 0) {
		judge(&b);
		bundle_fini(&b);
	}
	bundle_source_close(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const readers[256])(struct str bytes) = {
		['t'] = read_header, ['l'] = read_list,      ['i'] = read_inventory,
		['o'] = read_origin, ['d'] = read_documents, ['f'] = read_file,
	};

	if (n > 0 && readers[p[0]])
		readers[p[0]](input(p + 1, n - 1));
	return 0;
}
