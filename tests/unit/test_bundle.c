/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of a bundle and its files: index and manifest are the documented ones to the byte, each
 * document that was swapped or altered is refused, and so is each byte of the tar that is another.
 */
#include "registry/bundle.h"

#include "bundle_fixture.h"
#include "registry/bundle_tar.h"

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 31
#else
#define STRIDE 11
#endif

static void
hex_of(const struct digest *d, char ret[DIGEST_HEX_SIZE])
{
	digest_hex(d, ret);
}

/* --- index and manifest --- */

#define DESCRIPTOR   "\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define BUNDLE       "application/vnd.slipway.bundle.v1+json"

static void
expect_manifest(const struct bundle *b)
{
	static const char *const types[] = { "application/vnd.dsse.envelope.v1+json",
		                             "application/vnd.slipway.bundle-inventory.v1+json",
		                             "application/vnd.slipway.bundle-list.v1",
		                             "application/vnd.slipway.bundle-proof.v1+json" };
	cleanup_buf struct buf want = { 0 };
	char hex[DIGEST_HEX_SIZE];

	buf_adds(&want,
	         "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST
	         "\",\"artifactType\":\"" BUNDLE
	         "\",\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"
	         "\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","
	         "\"size\":2},\"layers\":[");
	for (size_t i = 0; i < COUNT(types); i++) {
		const struct buf *const text = &b->front[FRONT_ENVELOPE + i].text;
		struct digest d;

		digest_small(text->p, text->n, &d);
		hex_of(&d, hex);
		buf_addf(&want, "%s{" DESCRIPTOR "}", i > 0 ? "," : "", types[i], hex, text->n);
	}
	buf_adds(&want, "]}");
	cr_expect_str_eq(buf_cstr((struct buf *)(uintptr_t)&b->front[FRONT_MANIFEST].text),
	                 buf_cstr(&want));
}

/* names: of its versions, in their order */
static void
expect_index(const struct bundle *b, const char *const *names)
{
	const struct buf *const m = &b->front[FRONT_MANIFEST].text;
	cleanup_buf struct buf want = { 0 };
	char hex[DIGEST_HEX_SIZE];
	struct digest d;

	digest_small(m->p, m->n, &d);
	hex_of(&d, hex);
	buf_addf(&want,
	         "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
	         "\"manifests\":[{" DESCRIPTOR ",\"artifactType\":\"" BUNDLE
	         "\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"slipway-bundle\"}}",
	         OCI_MANIFEST, hex, m->n);
	for (size_t i = 0; i < b->inventory.versions_n; i++) {
		const struct bundle_version *const v = &b->inventory.versions[i];

		hex_of(&v->digest, hex);
		buf_addf(&want,
		         ",{" DESCRIPTOR
		         ",\"artifactType\":\"application/vnd.cncf.model.manifest.v1+json\","
		         "\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}",
		         OCI_MANIFEST, hex, (size_t)v->manifest_size, names[i]);
	}
	buf_adds(&want, "]}");
	cr_expect_str_eq(buf_cstr((struct buf *)(uintptr_t)&b->front[FRONT_INDEX].text),
	                 buf_cstr(&want));
}

static void
rename_versions(struct bundle *b, const char *const *models, const struct secret_key *by)
{
	for (size_t i = 0; i < b->inventory.versions_n; i++)
		(void)str_copy(b->inventory.versions[i].model,
		               sizeof b->inventory.versions[i].model, models[i]);
	remake(b, by);
}

Test(bundle, index_and_manifest_are_as_documented)
{
	char longest[202], cut[128];
	struct bundle_draft d;
	struct bundle b;
	struct pair p;

	pair_make(&p);
	build(&p, want_all, 3, 0, &d);
	expect_manifest(&d.bundle);
	char hex[3][DIGEST_HEX_SIZE], names[3][128];
	for (size_t i = 0; i < 3; i++)
		hex_of(&d.bundle.inventory.versions[i].digest, hex[i]);
	(void)snprintf(names[2], sizeof names[2], "team-face-%.12s-v1", hex[2]);
	expect_index(&d.bundle, (const char *[]){ "face-detect-v1", "face-detect-v2", names[2] });
	cr_expect_str_eq(d.bundle.front[FRONT_LAYOUT].name, "oci-layout");
	cr_expect_str_eq(buf_cstr(&d.bundle.front[FRONT_LAYOUT].text),
	                 "{\"imageLayoutVersion\":\"1.0.0\"}\n");
	cr_expect_str_eq(d.bundle.front[FRONT_INDEX].name, "index.json");
	cr_expect_str_eq(buf_cstr(&d.bundle.front[FRONT_EMPTY].text), "{}");

	/* two models that a tag would write alike, and one that is too long for one */
	memset(longest, 'z', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	copy_bundle(&d.bundle, &b);
	rename_versions(&b, (const char *[]){ "a-b", "a/b", longest }, p.hq.ana);
	(void)snprintf(names[1], sizeof names[1], "a-b-%.12s-v2", hex[1]);
	(void)snprintf(cut, sizeof cut, "%.80s-%.12s-v1", longest, hex[2]);
	expect_index(&b, (const char *[]){ "a-b-v1", names[1], cut });
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* --- documents --- */

static void
refuse_complete(struct bundle *b, enum err_code code, const char *words)
{
	struct err e = { 0 };

	bundle_inventory_fini(&b->inventory);
	bundle_list_fini(&b->list);
	cr_expect_eq(bundle_complete(b, &e), -(int)code, "%s: %s", words, e.msg);
	cr_expect(strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
	bundle_fini(b);
}

static void
swap_text(struct bundle *b, enum bundle_front i, const struct bundle *from)
{
	buf_clear(&b->front[i].text);
	buf_add(&b->front[i].text, from->front[i].text.p, from->front[i].text.n);
}

Test(bundle, documents_of_another)
{
	struct bundle_draft one, two;
	struct bundle b;
	struct pair p;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &one);
	build(&p, want_v2, 1, 0, &two);
	copy_bundle(&one.bundle, &b);
	swap_text(&b, FRONT_INVENTORY, &two.bundle);
	refuse_complete(&b, ERR_DIGEST, "another list of blobs");
	copy_bundle(&one.bundle, &b);
	swap_text(&b, FRONT_LIST, &two.bundle);
	refuse_complete(&b, ERR_DIGEST, "another list of blobs");
	copy_bundle(&one.bundle, &b);
	swap_text(&b, FRONT_PROOF, &two.bundle);
	refuse_complete(&b, ERR_DIGEST, "another proof");
	copy_bundle(&one.bundle, &b);
	buf_clear(&b.front[FRONT_INVENTORY].text);
	refuse_complete(&b, ERR_MALFORMED, "");
	copy_bundle(&one.bundle, &b);
	buf_addc(&b.front[FRONT_LIST].text, '\n');
	refuse_complete(&b, ERR_MALFORMED, "list of blobs is none");
	copy_bundle(&one.bundle, &b);
	buf_addc(&b.front[FRONT_PROOF].text, '\n');
	refuse_complete(&b, ERR_DIGEST, "another proof");
	bundle_draft_fini(&one);
	bundle_draft_fini(&two);
	pair_leave(&p);
}

/* Signed again, by somebody who counts wrongly on purpose. */
Test(bundle, numbers_that_are_not_so)
{
	static const char *const words[] = { "another list of blobs", "another list of blobs",
		                             "another proof",         "another number of bytes",
		                             "another list of blobs", "another proof" };
	struct bundle_draft d;
	struct pair p;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	for (size_t i = 0; i < COUNT(words); i++) {
		struct bundle b;

		copy_bundle(&d.bundle, &b);
		struct bundle_inventory *const v = &b.inventory;
		v->blobs_n += i == 0;
		v->list_size += i == 1;
		v->proof_size += i == 2;
		v->bytes += i == 3;
		v->list.b[0] ^= i == 4;
		v->proof.b[0] ^= i == 5;
		buf_clear(&b.front[FRONT_INVENTORY].text);
		bundle_inventory_write(v, &b.front[FRONT_INVENTORY].text);
		refuse_complete(&b, ERR_DIGEST, words[i]);
	}
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* A blob of the list that is also a document would stand there twice. */
Test(bundle, a_blob_that_is_a_document)
{
	struct bundle_draft d;
	struct pair p;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	for (int i = 0; i < 2; i++) {
		struct bundle_list more = { xcalloc(8, sizeof *more.v), 0 };
		struct bundle b;
		struct err e = { 0 };

		copy_bundle(&d.bundle, &b);
		for (; more.n < b.list.n; more.n++)
			more.v[more.n] = b.list.v[more.n];
		more.v[more.n].digest = b.front[i == 0 ? FRONT_EMPTY : FRONT_PROOF].digest;
		more.v[more.n++].size = 2;
		bundle_list_sort(&more);
		buf_clear(&b.front[FRONT_LIST].text);
		bundle_list_write(&more, &b.front[FRONT_LIST].text);
		b.inventory.blobs_n++;
		b.inventory.bytes += 2;
		cr_expect_eq(try_remake(&b, p.hq.ana, &e), -(int)ERR_MALFORMED);
		cr_expect(strstr(e.msg, "twice"), "%s", e.msg);
		bundle_list_fini(&more);
		bundle_fini(&b);
	}
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* --- the file --- */

struct file {
	char *path;
	struct buf bytes;
};

static void
put_file(const char *path, const void *bytes, size_t n)
{
	struct err e = { 0 };

	ok(fs_write_at(AT_FDCWD, path, bytes, n, 0600, &e), &e, path);
}

static void
carry_file(struct pair *p, const struct bundle *b, struct file *ret)
{
	struct err e = { 0 };

	bundle_source_close(carry(p, b, "b.tar"));
	*ret = (struct file){ .path = xasprintf("%s/b.tar", p->hq.path) };
	ok(fs_read_at(AT_FDCWD, ret->path, 1u << 20, &ret->bytes, &e), &e, "read");
	cr_assert_eq(ret->bytes.n, b->size);
}

static int
end_blob(void *arg, size_t i, uint64_t offset, const struct err *why, struct err *e)
{
	if (!why)
		return 0;
	*e = *why;
	return -(int)e->code;
}

/* Front, judgement, blobs: what verify does. Closes s. */
static int
verify_source(const struct pair *p, struct bundle_source *s, struct err *e)
{
	const struct bundle_walk w = { .end = end_blob, .hashes = true };
	const struct bundle_expect x = { .root = &p->root, .now_s = NOW_S };
	struct bundle_judged j;
	struct bundle b;
	int rc = bundle_read_front(s, &b, e);

	if (rc == 0) {
		rc = bundle_judge(&b, &x, &j, e);
		if (rc == 0) {
			rc = bundle_walk(s, &b, &w, e);
			bundle_judged_fini(&j);
		}
		bundle_fini(&b);
	}
	bundle_source_close(s);
	cr_expect_eq(rc, -(int)e->code);
	return rc;
}

static int
verify_paths(const struct pair *p, const char *const *paths, size_t n, struct err *e)
{
	struct bundle_source *s = NULL;
	int rc;

	*e = (struct err){ 0 };
	rc = bundle_source_open(paths, n, &s, e);
	return rc < 0 ? rc : verify_source(p, s, e);
}

static int
verify_bytes(const struct pair *p, const struct file *f, struct err *e)
{
	put_file(f->path, f->bytes.p, f->bytes.n);
	return verify_paths(p, (const char *const[]){ f->path }, 1, e);
}

/* The same in one pass. */
static int
read_pipe(const struct pair *p, const struct file *f, struct err *e)
{
	cleanup_close int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	*e = (struct err){ 0 };
	return verify_source(p, bundle_source_pipe(fd, "pipe"), e);
}

static int
verify_pipe(const struct pair *p, const struct file *f, struct err *e)
{
	put_file(f->path, f->bytes.p, f->bytes.n);
	return read_pipe(p, f, e);
}

/* That byte is another in the file, which is not written whole for it. */
static void
refuse_byte(const struct pair *p, const struct file *f, int fd, size_t i)
{
	const char was = f->bytes.p[i], is = (char)(was ^ (i % 2 ? 1 : 0x20));
	struct err e;

	cr_assert_eq(pwrite(fd, &is, 1, (off_t)i), 1);
	cr_expect_lt(verify_paths(p, (const char *const[]){ f->path }, 1, &e), 0, "byte %zu", i);
	cr_expect_lt(read_pipe(p, f, &e), 0, "byte %zu", i);
	cr_assert_eq(pwrite(fd, &was, 1, (off_t)i), 1);
}

Test(bundle, every_byte, .timeout = 300)
{
	struct bundle_draft d;
	struct file f;
	struct pair p;
	struct err e;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	carry_file(&p, &d.bundle, &f);
	cr_assert_eq(verify_bytes(&p, &f, &e), 0, "%s", e.msg);
	cr_assert_eq(verify_pipe(&p, &f, &e), 0, "%s", e.msg);
	cleanup_close int fd = open(f.path, O_WRONLY | O_CLOEXEC);
	/* the first header whole: it has few bytes, and the stride may miss a field */
	for (size_t i = 0; i < f.bytes.n; i += i < TAR_BLOCK ? 1 : STRIDE)
		refuse_byte(&p, &f, fd, i);
	cr_expect_eq(verify_paths(&p, (const char *const[]){ f.path }, 1, &e), 0, "%s", e.msg);
	free(f.path);
	buf_fini(&f.bytes);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

Test(bundle, what_stands_in_front_and_behind)
{
	struct bundle_draft d;
	struct file f;
	struct pair p;
	struct err e;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	carry_file(&p, &d.bundle, &f);
	const size_t whole = f.bytes.n;
	const uint64_t begin = d.bundle.begin;
	static const struct {
		int64_t n; /* from the end when negative or 0 */
		const char *words;
	} cuts[] = {
		{ 0, "" },
		{ -1, "ends in the middle" },
		{ -512, "ends in the middle" },
		{ -1024, "ends in the middle" },
		{ 1, "ends in the middle" },
		{ 512, "ends in the middle" },
		{ 5000, "ends in the middle" },
	};
	for (size_t i = 1; i < COUNT(cuts); i++) {
		f.bytes.n =
		        cuts[i].n > 0 ? (size_t)cuts[i].n : (size_t)((int64_t)whole + cuts[i].n);
		cr_expect_eq(verify_bytes(&p, &f, &e), -(int)ERR_MALFORMED);
		cr_expect(strstr(e.msg, cuts[i].words), "%s", e.msg);
		cr_expect_eq(verify_pipe(&p, &f, &e), -(int)ERR_MALFORMED);
	}
	f.bytes.n = whole;
	buf_addc(&f.bytes, '\0');
	cr_expect_eq(verify_pipe(&p, &f, &e), -(int)ERR_MALFORMED);
	cr_expect(strstr(e.msg, "bytes behind the end"), "%s", e.msg);
	cr_expect_eq(verify_bytes(&p, &f, &e), -(int)ERR_MALFORMED);
	cr_expect(strstr(e.msg, "bytes behind the end"), "%s", e.msg);
	f.bytes.n = whole;
	f.bytes.p[whole - 1] = 'x';
	cr_expect_eq(verify_bytes(&p, &f, &e), -(int)ERR_MALFORMED);
	cr_expect(strstr(e.msg, "no end where"), "%s", e.msg);
	cr_expect_eq(verify_pipe(&p, &f, &e), -(int)ERR_MALFORMED);
	cr_expect(strstr(e.msg, "no end where"), "%s", e.msg);
	f.bytes.p[whole - 1] = '\0';

	/* behind "{}", in the first document's header, behind the last blob, and in a blob */
	static const char *const words[] = { "behind a file is not empty", "another header",
		                             "behind a file is not empty", "other bytes than",
		                             "another header" };
	const size_t places[] = {
		(size_t)(tar_room(30) + tar_room(d.bundle.front[FRONT_INDEX].text.n) +
		         tar_room(d.bundle.front[FRONT_MANIFEST].text.n) + 512 + 10),
		300, whole - TAR_END - 1, (size_t)begin + 512, (size_t)begin
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		f.bytes.p[places[i]] ^= 1;
		cr_expect_lt(verify_bytes(&p, &f, &e), 0, "%zu", i);
		cr_expect(strstr(e.msg, words[i]), "%zu: %s", i, e.msg);
		f.bytes.p[places[i]] ^= 1;
	}
	cr_expect_eq(verify_bytes(&p, &f, &e), 0, "%s", e.msg);
	free(f.path);
	buf_fini(&f.bytes);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* A document that claims to be larger than it may be is not read. */
Test(bundle, documents_that_claim_too_much)
{
	struct bundle_draft d;
	struct file f;
	struct pair p;
	struct err e;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	carry_file(&p, &d.bundle, &f);
	static const uint64_t sizes[] = { 0, 65, UINT64_C(1) << 30, UINT64_C(8) << 30 };
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint8_t h[TAR_HEADER_MAX];

		(void)tar_header("oci-layout", sizes[i], h);
		memcpy(f.bytes.p, h, TAR_BLOCK);
		cr_expect_eq(verify_bytes(&p, &f, &e), -(int)ERR_MALFORMED);
		cr_expect(strstr(e.msg, i == 3 ? "no header that" : "too large, or empty"), "%s",
		          e.msg);
	}
	free(f.path);
	buf_fini(&f.bytes);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* --- parts --- */

static size_t
part_size(const struct file *f)
{
	return f->bytes.n / 3 + 1;
}

/* 1, 2 and 3; more: a byte more or less of that part */
static void
cut_parts(const struct file *f, char *paths[3], int at, int more)
{
	const size_t size = part_size(f);

	for (size_t i = 0; i < 3; i++) {
		const size_t n =
		        (i < 2 ? size : f->bytes.n - 2 * size) + (size_t)(at == (int)i ? more : 0);
		put_file(paths[i], f->bytes.p + i * size, n);
	}
}

Test(bundle, parts)
{
	struct bundle_draft d;
	struct file f;
	struct pair p;
	struct err e;
	char *paths[3];

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	carry_file(&p, &d.bundle, &f);
	buf_addc(&f.bytes, '\0'); /* for a part that has a byte too much */
	f.bytes.n--;
	for (size_t i = 0; i < 3; i++)
		paths[i] = xasprintf("%s/b.%03zu", p.hq.path, i + 1);
	const struct {
		const char *paths[4];
		size_t n;
		int at, more;
		int rc;
		const char *words;
	} cases[] = {
		{ { paths[0], paths[1], paths[2] }, 3, -1, 0, 0, "" },
		{ { paths[2], paths[0], paths[1] }, 3, -1, 0, 0, "" },
		{ { paths[0] }, 1, -1, 0, 0, "" }, /* the others beside it */
		{ { paths[0], paths[1] }, 2, -1, 0, -ERR_NOT_FOUND, "part 3 of" },
		{ { paths[0], paths[2] }, 2, -1, 0, -ERR_NOT_FOUND, "part 2 of" },
		{ { paths[1], paths[2] }, 2, -1, 0, -ERR_NOT_FOUND, "part 1 of" },
		{ { paths[0], paths[1], paths[1] }, 3, -1, 0, -ERR_USAGE, "part 2 is given twice" },
		{ { paths[0], paths[1], f.path }, 3, -1, 0, -ERR_USAGE, "is no part" },
		{ { paths[0], paths[1], paths[2] }, 3, 1, -1, -ERR_MALFORMED, "of another bundle" },
		{ { paths[0], paths[1], paths[2] }, 3, 1, 1, -ERR_MALFORMED, "of another bundle" },
		{ { paths[0], paths[1], paths[2] },
		  3,
		  2,
		  -1,
		  -ERR_MALFORMED,
		  "ends in the middle" },
		{ { paths[0], paths[1], paths[2] }, 3, 2, 1, -ERR_MALFORMED, "behind the end" },
		{ { p.hq.path }, 1, -1, 0, -ERR_MALFORMED, "no plain file" },
		{ { "/nonexistent" }, 1, -1, 0, -ERR_NOT_FOUND, "/nonexistent" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc;

		cut_parts(&f, paths, cases[i].at, cases[i].more);
		rc = verify_paths(&p, cases[i].paths, cases[i].n, &e);
		cr_expect(rc == cases[i].rc || (rc < 0 && i == COUNT(cases) - 1), "%zu: %s", i,
		          e.msg);
		cr_expect(strstr(e.msg, cases[i].words), "%zu: %s", i, e.msg);
	}
	/* which part a place lies in */
	struct bundle_source *s;
	unsigned part;
	cut_parts(&f, paths, -1, 0);
	ok(bundle_source_open((const char *const *)paths, 3, &s, &e), &e, "open");
	cr_expect_str_eq(bundle_source_at(s, part_size(&f) - 1, &part), paths[0]);
	cr_expect_str_eq(bundle_source_at(s, part_size(&f), &part), paths[1]);
	cr_expect_eq(part, 2);
	cr_expect_eq(bundle_source_parts(s), 3);
	cr_expect_eq(bundle_source_size(s), f.bytes.n);
	bundle_source_close(s);
	for (size_t i = 0; i < 3; i++)
		free(paths[i]);
	free(f.path);
	buf_fini(&f.bytes);
	bundle_draft_fini(&d);
	pair_leave(&p);
}
