/* SPDX-License-Identifier: Apache-2.0 */
/* What others write: references, manifests and archives that are pulled. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "deploy/gunzip.h"
#include "deploy/oci_manifest.h"
#include "deploy/oci_reference.h"
#include "deploy/oci_untar.h"
#include "registry/base/buf.h"

TestSuite(oci_foreign);

#define D1 "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define D2 "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

Test(oci_foreign, references)
{
	static const struct {
		const char *text;
		int rc;
		const char *host, *repo, *tag;
		bool has_digest;
	} cases[] = {
		{ "oci://h/a", 0, "h", "a", "", false },
		{ "oci://h:5000/a/b-c:v1.2_3", 0, "h:5000", "a/b-c", "v1.2_3", false },
		{ "oci://[::1]:5000/a:X", 0, "[::1]:5000", "a", "X", false },
		{ "oci://h/a@" D1, 0, "h", "a", "", true },
		{ "oci://h/a:t@" D1, 0, "h", "a", "t", true },
		{ "oci://h/a:", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a:-x", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a:x/y", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a@sha512:00", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a@" D1 "0", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a/../b", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://u:p@h/a", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h%2f/a", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci:///a", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "oci://h/a\n", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "https://h/a", -ERR_USAGE, NULL, NULL, NULL, false },
		{ "", -ERR_USAGE, NULL, NULL, NULL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oci_reference r = { 0 };
		struct err e = { 0 };
		const int rc = oci_reference_parse(cases[i].text, &r, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %s", cases[i].text, e.msg);
		if (rc < 0 || cases[i].rc < 0)
			continue;
		cr_expect_str_eq(r.host, cases[i].host);
		cr_expect_str_eq(r.repo, cases[i].repo);
		cr_expect_str_eq(r.tag, cases[i].tag);
		cr_expect_eq(r.has_digest, cases[i].has_digest, "%s", cases[i].text);
		oci_reference_fini(&r);
	}
}

Test(oci_foreign, images_as_pods_name_them)
{
	static const struct {
		const char *text, *host, *repo, *tag; /* host NULL: no name of an image */
	} cases[] = {
		{ "server", "index.docker.io", "library/server", "" },
		{ "server:1", "index.docker.io", "library/server", "1" },
		{ "kserve/server:1", "index.docker.io", "kserve/server", "1" },
		{ "docker.io/server", "index.docker.io", "library/server", "" },
		{ "docker.io/kserve/a", "index.docker.io", "kserve/a", "" },
		{ "localhost/a", "localhost", "a", "" },
		{ "site:5000/a/b:2", "site:5000", "a/b", "2" },
		{ "reg.site/a@" D1, "reg.site", "a", "" },
		{ "Server", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ "site:5000/", NULL, NULL, NULL },
		{ "reg.site/a b", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oci_reference r = { 0 };
		struct err e = { 0 };
		const int rc = oci_image_parse(cases[i].text, &r, &e);

		cr_expect_eq(rc, cases[i].host ? 0 : -ERR_USAGE, "\"%s\": %s", cases[i].text,
		             e.msg);
		if (rc == 0 && cases[i].host) {
			cr_expect_str_eq(r.host, cases[i].host, "%s", cases[i].text);
			cr_expect_str_eq(r.repo, cases[i].repo, "%s", cases[i].text);
			cr_expect_str_eq(r.tag, cases[i].tag, "%s", cases[i].text);
		}
		oci_reference_fini(&r);
	}
}

#define CNCF       "application/vnd.cncf.model.weight.v1."
#define KIT        "application/vnd.kitops.modelkit.model.v1."
#define LAYER_     "application/vnd.oci.image.layer.v1."
#define IMAGE      "application/vnd.oci.image.config.v1+json"
#define FILE_(key) "\"annotations\":{\"" key "\":\"p/f\"}"
#define CNCF_PATH  FILE_("org.cncf.model.filepath")
#define CNAI_PATH  FILE_("org.cnai.model.filepath")
#define TITLE      FILE_("org.opencontainers.image.title")
#define UNPACK                                                       \
	"\"annotations\":{\"org.opencontainers.image.title\":\"p\"," \
	"\"io.deis.oras.content.unpack\":\"true\"}"

Test(oci_foreign, what_a_layer_is)
{
	static const struct {
		const char *config, *type, *more;
		int rc;
		enum oci_layer_kind kind;
		const char *path; /* or what the error says */
	} cases[] = {
		{ "x", CNCF "raw", CNCF_PATH, 0, OCI_FILE, "p/f" },
		{ "x", "application/vnd.cnai.model.weight.v1.raw", CNAI_PATH, 0, OCI_FILE, "p/f" },
		{ "x", CNCF "tar", CNCF_PATH, 0, OCI_TAR, NULL },
		{ "x", CNCF "tar+gzip", CNCF_PATH, 0, OCI_TAR_GZIP, NULL },
		{ "x", CNCF "tar+zstd", CNCF_PATH, -ERR_USAGE, 0, "compressed archive" },
		{ "x", KIT "tar", TITLE, 0, OCI_TAR, NULL },
		{ "x", KIT "tar+gzip", TITLE, 0, OCI_TAR_GZIP, NULL },
		{ "x", KIT "tar+bzip2", TITLE, -ERR_USAGE, 0, "compressed archive" },
		/* oras gives files the type of an image's layer */
		{ "x", LAYER_ "tar", TITLE, 0, OCI_FILE, "p/f" },
		{ "x", LAYER_ "tar+gzip", TITLE, 0, OCI_FILE, "p/f" },
		{ "x", LAYER_ "tar+gzip", UNPACK, 0, OCI_TAR_GZIP, NULL },
		{ "x", "text/plain", "\"annotations\":{}", -ERR_USAGE, 0, "has no name" },
		{ "x", "text/plain", "\"annotations\":7", -ERR_USAGE, 0, "has no name" },
		{ IMAGE, LAYER_ "tar", TITLE, 0, OCI_TAR, NULL },
		{ IMAGE, LAYER_ "tar+gzip", TITLE, 0, OCI_TAR_GZIP, NULL },
		{ IMAGE, LAYER_ "tar+zstd", TITLE, -ERR_USAGE, 0, "compressed archive" },
		{ "application/vnd.docker.container.image.v1+json",
		  "application/vnd.docker.image.rootfs.diff.tar.gzip", TITLE, 0, OCI_TAR_GZIP,
		  NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *text =
		        xasprintf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\","
		                  "\"digest\":\"" D2 "\",\"size\":9},\"layers\":"
		                  "[{\"mediaType\":\"%s\",\"digest\":\"" D1 "\",\"size\":5,%s}]}",
		                  cases[i].config, cases[i].type, cases[i].more);
		struct oci_manifest m = { 0 };
		struct err e = { 0 };
		const int rc = oci_manifest_parse(str_of(text), &m, &e);

		cr_assert_eq(rc, cases[i].rc, "%zu: %d %s", i, rc, e.msg);
		if (rc < 0) {
			cr_expect(strstr(e.msg, cases[i].path), "%zu: %s", i, e.msg);
			continue;
		}
		cr_expect_eq(m.n, 1);
		cr_expect_eq(m.layers[0].kind, cases[i].kind, "%zu", i);
		cr_expect(streq(m.layers[0].path, cases[i].path), "%zu", i);
		cr_expect_eq(m.bytes, 5);
		cr_expect_eq(m.has_packed, cases[i].kind == OCI_TAR_GZIP, "%zu", i);
		cr_expect_eq(m.config_size, m.has_packed ? 9 : 0, "%zu", i);
		oci_manifest_fini(&m);
	}
}

#define LAYER(size) "{\"mediaType\":\"t\",\"digest\":\"" D1 "\",\"size\":" size "," TITLE "}"

#define PACKED "{\"mediaType\":\"" CNCF "tar+gzip\",\"digest\":\"" D1 "\",\"size\":5," CNCF_PATH "}"

Test(oci_foreign, manifests_that_are_none)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "", -ERR_MALFORMED },
		{ "<html>", -ERR_MALFORMED },
		{ "[]", -ERR_MALFORMED },
		{ "{}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":1,\"layers\":[" LAYER("5") "]}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":2}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"layers\":[]}", -ERR_USAGE },
		{ "{\"schemaVersion\":2,\"layers\":[7]}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"layers\":[" LAYER("-5") "]}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"layers\":[" LAYER("9223372036854775807") "," LAYER(
		          "1") "]}",
		  -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"annotations\":{\"dev.slipway.version\":7},\"layers\":"
		  "[" LAYER("5") "]}",
		  -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"layers\":[" LAYER("5") "]}", 0 },
		/* of a packed layer the config says what it is unpacked */
		{ "{\"schemaVersion\":2,\"layers\":[" PACKED "]}", -ERR_MALFORMED },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D2
		  "\",\"size\":4194305},\"layers\":[" PACKED "]}",
		  -ERR_TOO_BIG },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oci_manifest m = { 0 };
		struct err e = { 0 };

		cr_expect_eq(oci_manifest_parse(str_of(cases[i].text), &m, &e), cases[i].rc,
		             "%zu: %s", i, e.msg);
		oci_manifest_fini(&m);
	}
}

Test(oci_foreign, what_layers_are_unpacked)
{
	static const struct {
		const char *text;
		bool is_image;
		int rc;
		bool says;
	} cases[] = {
		{ "{\"rootfs\":{\"diff_ids\":[\"" D1 "\",\"" D2 "\"]}}", true, 0, true },
		{ "{\"modelfs\":{\"diffIds\":[\"" D1 "\",\"" D2 "\"]}}", false, 0, true },
		{ "{}", false, 0, false },
		{ "{}", true, -ERR_MALFORMED, false },
		{ "{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]}}", true, -ERR_MALFORMED, false },
		{ "{\"modelfs\":{\"diffIds\":7}}", false, -ERR_MALFORMED, false },
		{ "{\"rootfs\":{\"diff_ids\":[\"" D1 "\",7]}}", true, -ERR_MALFORMED, false },
		{ "{\"rootfs\":{\"diff_ids\":[\"" D1 "\",\"sha256:00\"]}}", true, -ERR_MALFORMED,
		  false },
		{ "[", false, -ERR_MALFORMED, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct oci_manifest m = { .is_image = cases[i].is_image, .n = 2 };
		cleanup_free struct digest *d = NULL;
		struct digest want;
		struct err e = { 0 };

		cr_expect_eq(oci_config_diffs(str_of(cases[i].text), &m, &d, &e), cases[i].rc,
		             "%zu: %s", i, e.msg);
		cr_assert_eq(d != NULL, cases[i].says, "%zu", i);
		cr_assert_eq(digest_parse(&want, D2 + 7, 64), 0);
		if (d)
			cr_expect(digest_eq(&d[1], &want), "%zu", i);
	}
}

#define ENTRY(d, os) "{\"digest\":\"" d "\",\"platform\":{\"os\":\"" os "\"}}"

Test(oci_foreign, lists)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "{\"layers\":[]}", 0 },
		{ "{\"manifests\":[" ENTRY(D1, "linux") "," ENTRY(D2, "unknown") "]}", 1 },
		{ "{\"manifests\":[{\"digest\":\"" D1 "\"}]}", 1 },
		{ "{\"manifests\":[" ENTRY(D1, "linux") "," ENTRY(D2, "linux") "]}",
		  -ERR_AMBIGUOUS },
		{ "{\"manifests\":[" ENTRY(D2, "unknown") "]}", -ERR_USAGE },
		{ "{\"manifests\":[7]}", -ERR_MALFORMED },
		{ "{\"manifests\":[", -ERR_MALFORMED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct digest d = { 0 }, want;
		struct err e = { 0 };

		cr_expect_eq(oci_index_pick(str_of(cases[i].text), &d, &e), cases[i].rc, "%zu: %s",
		             i, e.msg);
		cr_assert_eq(digest_parse(&want, D1 + 7, 64), 0);
		if (cases[i].rc == 1)
			cr_expect(digest_eq(&d, &want), "%zu", i);
	}
}

/* --- archives --- */

static int
begin(void *arg, const char *path, char type, uint64_t size, struct err *e)
{
	(void)e;
	buf_addf(arg, "%c %s %llu [", type, path, (unsigned long long)size);
	return 0;
}

static int
data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(arg, p, n);
	return 0;
}

static int
end(void *arg, struct err *e)
{
	(void)e;
	buf_adds(arg, "]\n");
	return 0;
}

static void
octal(char *at, int digits, unsigned v)
{
	for (; digits-- > 0; v >>= 3)
		at[digits] = (char)('0' + (v & 7));
}

/* A header and its bytes, padded. */
static void
add_entry(struct buf *b, const char *name, char type, const char *text)
{
	const size_t n = strlen(text);
	char h[512] = { 0 };
	unsigned sum = 0;

	memcpy(h, name, strlen(name));
	octal(h + 124, 11, (unsigned)n);
	h[156] = type;
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 6, sum);
	buf_add(b, h, sizeof h);
	buf_add(b, text, n);
	memset(h, 0, sizeof h);
	buf_add(b, h, (512 - n % 512) % 512);
}

static int
read_in_pieces(const struct buf *tar, size_t piece, struct buf *ret, struct err *e)
{
	const struct untar_sink sink = { begin, data, end, ret };
	struct untar *const u = untar_new(&sink);
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < tar->n; at += piece)
		rc = untar_feed(u, tar->p + at, tar->n - at < piece ? tar->n - at : piece, e);
	if (rc == 0)
		rc = untar_finish(u, e);
	untar_free(u);
	return rc;
}

Test(oci_foreign, archives_in_pieces)
{
	static const char want[] = "5 d/ 0 []\n0 d/f 5 [hello]\n0 empty 0 []\n"
	                           "0 a/long/one 1 [x]\n0 by/gnu 1 [y]\n2 link 0 []\n";
	static const size_t pieces[] = { 1, 7, 511, 512, 513, 100000 };
	cleanup_buf struct buf tar = { 0 };
	const char zeroes[1024] = { 0 };

	add_entry(&tar, "d/", '5', "");
	add_entry(&tar, "g", 'g', "18 path=not/this\n");
	add_entry(&tar, "d/f", '0', "hello");
	add_entry(&tar, "empty", '\0', "");
	add_entry(&tar, "x", 'x', "19 path=a/long/one\n");
	add_entry(&tar, "short", '0', "x");
	add_entry(&tar, "L", 'L', "by/gnu");
	add_entry(&tar, "short", '0', "y");
	add_entry(&tar, "link", '2', "");
	buf_add(&tar, zeroes, sizeof zeroes);
	buf_adds(&tar, "what follows the end is no entry");
	for (size_t i = 0; i < COUNT(pieces); i++) {
		cleanup_buf struct buf got = { 0 };
		struct err e = { 0 };

		cr_expect_eq(read_in_pieces(&tar, pieces[i], &got, &e), 0, "%s", e.msg);
		cr_expect_str_eq(buf_cstr(&got), want, "pieces of %zu: %s", pieces[i],
		                 buf_cstr(&got));
	}
}

Test(oci_foreign, archives_that_are_none)
{
	static const struct {
		char type;
		const char *text;
		size_t cut;   /* bytes that are left away at the end */
		size_t spoil; /* this byte is another; 0: none */
		int rc;
	} cases[] = {
		{ '0', "hello", 0, 0, 0 },
		{ '0', "hello", 508, 0, -ERR_MALFORMED },
		{ '0', "hello", 900, 0, -ERR_MALFORMED },
		{ '0', "hello", 0, 5, -ERR_MALFORMED },
		{ '0', "hello", 0, 130, -ERR_MALFORMED },
		{ 'x', "99 path=a\n", 0, 0, -ERR_MALFORMED },
		{ 'x', "10 path=a", 0, 0, -ERR_MALFORMED },
		{ 'x', "x path=a\n", 0, 0, -ERR_MALFORMED },
		{ 'x', "10 size=x\n", 0, 0, -ERR_MALFORMED },
		{ 'x', "22 GNU.sparse.major=1\n", 0, 0, -ERR_USAGE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf tar = { 0 }, got = { 0 };
		struct err e = { 0 };

		add_entry(&tar, "name", cases[i].type, cases[i].text);
		tar.n -= cases[i].cut;
		if (cases[i].spoil > 0)
			tar.p[cases[i].spoil] ^= 1;
		cr_expect_eq(read_in_pieces(&tar, 64, &got, &e), cases[i].rc, "%zu: %s", i, e.msg);
	}
}

/* --- gzip --- */

/* "hello" and " you", each a member */
#define HELLO                                              \
	"\037\213\010\000\000\000\000\000\002\003\313\110" \
	"\315\311\311\007\000\206\246\020\066\005\000\000\000"
#define YOU                                                \
	"\037\213\010\000\000\000\000\000\002\003\123\250" \
	"\314\057\005\000\046\321\134\030\004\000\000\000"
#define ZLIB "\170\234\313\110\315\311\311\007\000\006\054\002\025"

static int
keep(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(arg, p, n);
	return 0;
}

static int
unpack(struct str s, size_t piece, struct buf *ret, struct err *e)
{
	struct gunzip *const g = gunzip_new(keep, ret);
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < s.n; at += piece)
		rc = gunzip_feed(g, s.p + at, s.n - at < piece ? s.n - at : piece, e);
	if (rc == 0)
		rc = gunzip_finish(g, e);
	gunzip_free(g);
	return rc;
}

#define BYTES(text)                   \
	{                             \
		text, sizeof text - 1 \
	}

Test(oci_foreign, gzip_in_pieces)
{
	static const struct {
		struct str packed;
		const char *text; /* NULL: it is none */
	} cases[] = {
		{ BYTES(HELLO), "hello" },     { BYTES(HELLO YOU), "hello you" },
		{ BYTES(""), NULL },           { BYTES(HELLO "x"), NULL },
		{ BYTES(HELLO "\0\0"), NULL }, { BYTES(ZLIB), NULL },
		{ BYTES("hello"), NULL },
	};
	static const size_t pieces[] = { 1, 3, 25, 1000 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t k = 0; k < COUNT(pieces); k++) {
			cleanup_buf struct buf got = { 0 };
			struct err e = { 0 };
			const int rc = unpack(cases[i].packed, pieces[k], &got, &e);

			cr_expect_eq(rc, cases[i].text ? 0 : -ERR_MALFORMED, "%zu: %s", i, e.msg);
			if (cases[i].text)
				cr_expect_str_eq(buf_cstr(&got), cases[i].text, "%zu", i);
		}
	}
}

/* Cut anywhere, or with its checksum or its length changed. */
Test(oci_foreign, gzip_that_is_damaged)
{
	static const char whole[] = HELLO;

	for (size_t n = 0; n < sizeof whole - 1; n++) {
		cleanup_buf struct buf got = { 0 };
		struct err e = { 0 };

		cr_expect_eq(unpack((struct str){ whole, n }, 4, &got, &e), -ERR_MALFORMED,
		             "cut at %zu", n);
	}
	for (size_t at = sizeof whole - 9; at < sizeof whole - 1; at++) {
		cleanup_buf struct buf got = { 0 };
		struct err e = { 0 };
		char other[sizeof whole];

		memcpy(other, whole, sizeof whole);
		other[at] ^= 1;
		cr_expect_eq(unpack((struct str){ other, sizeof whole - 1 }, 4, &got, &e),
		             -ERR_MALFORMED, "byte %zu", at);
	}
}
