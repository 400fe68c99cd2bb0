/* SPDX-License-Identifier: Apache-2.0 */
/* Models compared with what was signed: every way in which a folder or a stored version differs is
 * named, and nothing that is named as wrong passes. */
#include "registry/oms_tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "tests/unit/oms_keys.h"

TestSuite(oms_tree, .init = oms_test_init);

struct place {
	char dir[64];
	struct oms oms;
	struct oms_report report;
	struct err e;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void
place_init(struct place *p)
{
	*p = (struct place){ .dir = "/tmp/slipway-oms-XXXXXX" };
	cr_assert_not_null(mkdtemp(p->dir));
}

static void
place_fini(struct place *p)
{
	oms_report_fini(&p->report);
	oms_fini(&p->oms);
	(void)nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *
at(const struct place *p, const char *name)
{
	return xasprintf("%s/%s", p->dir, name);
}

static void
put(const struct place *p, const char *name, const char *bytes)
{
	cleanup_free char *path = at(p, name);
	struct err e = { 0 };

	for (char *slash = strchr(path + strlen(p->dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		cr_assert_eq(fs_mkdirs(path, 0755, &e), 0, "%s", e.msg);
		*slash = '/';
	}
	cr_assert_eq(fs_write_at(AT_FDCWD, path, bytes, strlen(bytes), 0644, &e), 0, "%s", e.msg);
}

static void
sign(struct place *p, const char *payload)
{
	cleanup_free char *pem = public_of(p256);
	const struct oms_trust t = { .key = str_of(pem) };
	cleanup_buf struct buf b = { 0 };

	bundle_of(IN_TOTO, payload, &b);
	cr_assert_eq(oms_verify(buf_str(&b), &t, &p->oms, &p->e), 0, "%s", p->e.msg);
}

static int
check(struct place *p, const char *bundle, unsigned allow)
{
	oms_report_fini(&p->report);
	p->report = (struct oms_report){ 0 };
	p->e = (struct err){ 0 };
	return oms_check_path(&p->oms, p->dir, bundle, allow, NULL, &p->report, &p->e);
}

/* "kind path!" for each finding, with the mark where it is refused. */
static const char *
findings(const struct place *p, struct buf *ret)
{
	buf_clear(ret);
	for (size_t i = 0; i < p->report.findings.n; i++) {
		const struct oms_finding *const f = &p->report.findings.v[i];

		buf_addf(ret, "%s%s %s%s", i > 0 ? ", " : "", oms_finding_name(f->kind), f->path,
		         f->is_refused ? "!" : "");
	}
	return buf_cstr(ret);
}

#define A  RESOURCE("a", "sha256", SUM_A)
#define B  RESOURCE("d/b", "sha256", SUM_B)
#define AB STATEMENT(ROOT_AB, A "," B, FILES)

static void
as_signed(struct place *p, const char *payload)
{
	place_init(p);
	put(p, "a", "a");
	put(p, "d/b", "b");
	sign(p, payload);
}

Test(oms_tree, as_it_was_signed)
{
	struct place p;

	as_signed(&p, AB);
	cr_expect_eq(check(&p, NULL, 0), 0, "%s", p.e.msg);
	cr_expect(p.report.files == 2 && p.report.bytes == 2 && p.report.findings.n == 0);
	place_fini(&p);
}

/* One thing changed at a time. */
Test(oms_tree, findings_of_a_folder)
{
	static const struct {
		const char *name, *bytes; /* bytes NULL: removed; "->x": a link; "|": a FIFO */
		unsigned allow;
		const char *findings;
	} cases[] = {
		{ "a", "x", 0, "different a!" },
		{ "a", "aa", 0, "different a!" },
		{ "a", "", 0, "different a!" },
		{ "a", NULL, 0, "missing a!" },
		{ "d/b", NULL, 0, "missing d/b!" },
		{ "c", "", 0, "extra c!" },
		{ "c", "x", OMS_ALLOW_EXTRA, "extra c" },
		{ "c", "x", OMS_ALLOW_IGNORED, "extra c!" },
		{ "d/d/c", "x", 0, "extra d/d/c!" },
		{ "a", "->d/b", 0, "missing a!, a link a!" },
		{ "c", "->a", 0, "a link c!" },
		{ "c", "->/etc/passwd", OMS_ALLOW_EXTRA, "a link c!" },
		{ "c", "->d", 0, "a link c!" },
		{ "c", "->nowhere", 0, "a link c!" },
		{ "c", "|", OMS_ALLOW_EXTRA, "special c!" },
		{ "a", "|", 0, "missing a!, special a!" },
		{ "\xff", "x", OMS_ALLOW_EXTRA, "special \xff!" },
		{ ".gitignore", "x", 0, "not covered .gitignore" },
		{ ".git/config", "x", 0, "not covered .git" },
		{ "d/.gitignore", "x", 0, "extra d/.gitignore!" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		cleanup_free char *path = NULL;
		struct place p;
		int rc;

		as_signed(&p, AB);
		path = at(&p, cases[i].name);
		if (!cases[i].bytes || *cases[i].bytes == '-' || *cases[i].bytes == '|')
			(void)unlink(path);
		if (cases[i].bytes && *cases[i].bytes == '-')
			cr_assert_eq(symlink(cases[i].bytes + 2, path), 0);
		else if (cases[i].bytes && *cases[i].bytes == '|')
			cr_assert_eq(mkfifo(path, 0600), 0);
		else if (cases[i].bytes)
			put(&p, cases[i].name, cases[i].bytes);
		rc = check(&p, NULL, cases[i].allow);
		cr_expect_eq(rc, strchr(cases[i].findings, '!') ? -ERR_DIGEST : 0, "%zu: %d %s", i,
		             rc, p.e.msg);
		cr_expect_str_eq(findings(&p, &text), cases[i].findings, "%zu", i);
		place_fini(&p);
	}
}

Test(oms_tree, ignored)
{
	static const struct {
		const char *serialization, *name;
		unsigned allow;
		const char *findings;
	} cases[] = {
		{ FILES ",\"ignore_paths\":[\"c\"]", "c", 0, "ignored c!" },
		{ FILES ",\"ignore_paths\":[\"c\"]", "c", OMS_ALLOW_IGNORED, "ignored c" },
		{ FILES ",\"ignore_paths\":[\"c\"]", "c/x/y", 0, "ignored c!" },
		{ FILES ",\"ignore_paths\":[\"c\"]", "cc", 0, "extra cc!" },
		{ FILES ",\"ignore_paths\":[\"d/c\"]", "d/c", 0, "ignored d/c!" },
		{ FILES ",\"ignore_paths\":[\"c\"]", "x/c", 0, "extra x/c!" },
		{ FILES ",\"ignore_paths\":[\".git\",\"*\"]", "c", 0, "extra c!" },
		{ FILES ",\"ignore_paths\":[\".git\"]", ".git/x", 0, "not covered .git" },
		{ FILES ",\"ignore_paths\":[\".git\"]", ".github/x", 0, "extra .github/x!" },
		{ FILES ",\"ignore_paths\":[]", ".gitignore", 0, "extra .gitignore!" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		static const char head[] = STATEMENT(ROOT_AB, A "," B, "%s");
		cleanup_free char *payload = NULL;
		cleanup_buf struct buf text = { 0 };
		const char *const mark = strstr(head, "%s");
		struct place p;

		payload = xasprintf("%.*s%s%s", (int)(mark - head), head, cases[i].serialization,
		                    mark + 2);
		as_signed(&p, payload);
		put(&p, cases[i].name, "x");
		cr_expect_eq(check(&p, NULL, cases[i].allow),
		             strchr(cases[i].findings, '!') ? -ERR_DIGEST : 0, "%zu", i);
		cr_expect_str_eq(findings(&p, &text), cases[i].findings, "%zu", i);
		place_fini(&p);
	}
}

/* The bundle is no part of what it signs, under the very path that was given. */
Test(oms_tree, the_bundle_itself)
{
	cleanup_free char *bundle = NULL;
	cleanup_buf struct buf text = { 0 };
	struct place p;

	as_signed(&p, AB);
	put(&p, "model.sig", "x");
	put(&p, "other.sig", "x");
	bundle = at(&p, "d/../model.sig");
	cr_expect_eq(check(&p, bundle, 0), -ERR_DIGEST);
	cr_expect_str_eq(findings(&p, &text), "extra other.sig!");
	place_fini(&p);
}

#define SIZE2         SHARDS ",\"shard_size\":2.0"
#define S(range, sum) RESOURCE("s" range, "sha256-sharded-2", sum)

/* "aabba" in shards of two bytes. */
Test(oms_tree, shards)
{
	static const struct {
		const char *bytes;
		int rc;
	} cases[] = {
		{ "aabba", 0 },           { "aabbb", -ERR_DIGEST },
		{ "aabb", -ERR_DIGEST },  { "aabbaa", -ERR_DIGEST },
		{ "bbaaa", -ERR_DIGEST }, { "", -ERR_DIGEST },
	};
	cleanup_free char *payload = NULL;
	char aa[DIGEST_HEX_SIZE], bb[DIGEST_HEX_SIZE], root[DIGEST_HEX_SIZE];
	struct digest d[3];
	struct digest r;

	digest_small("aa", 2, &d[0]);
	digest_small("bb", 2, &d[1]);
	digest_small("a", 1, &d[2]);
	digest_small(d, sizeof(d), &r);
	digest_hex(&d[0], aa);
	digest_hex(&d[1], bb);
	digest_hex(&r, root);
	payload = xasprintf(
	        STATEMENT("%s", S(":0:2", "%s") "," S(":2:4", "%s") "," S(":4:5", SUM_A), SIZE2),
	        root, aa, bb);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		struct place p;

		place_init(&p);
		sign(&p, payload);
		put(&p, "s", cases[i].bytes);
		cr_expect_eq(check(&p, NULL, 0), cases[i].rc, "%zu: %s", i, p.e.msg);
		cr_expect_str_eq(findings(&p, &text), cases[i].rc ? "different s!" : "", "%zu", i);
		/* a list of shards says nothing of files without bytes */
		put(&p, "empty", "");
		cr_expect_eq(check(&p, NULL, 0), cases[i].rc);
		cr_expect(strstr(findings(&p, &text), "not covered empty") != NULL);
		place_fini(&p);
	}
}

/* BLAKE2b-512 and BLAKE3 of "a", the other hashes that models are signed with. */
Test(oms_tree, other_hashes)
{
	static const struct {
		const char *name, *sum;
	} cases[] = {
		{ "blake2b", "333fcb4ee1aa7c115355ec66ceac917c8bfd815bf7587d325aec1864edd24e34"
		             "d5abe2c6b1b5ee3face62fed78dbef802f2a85cb91d455a8f5249d330853cb3c" },
		{ "blake3", "17762fddd969a453925d65717ac3eea21320b66b54342fde15128d6caf21215f" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const name = cases[i].name;
		cleanup_free char *payload = NULL;
		char root[DIGEST_HEX_SIZE];
		uint8_t sum[OMS_SUM_MAX];
		struct digest d;
		struct place p;
		size_t n;

		cr_assert_eq(sodium_hex2bin(sum, sizeof(sum), cases[i].sum, strlen(cases[i].sum),
		                            NULL, &n, NULL),
		             0);
		digest_small(sum, n, &d);
		digest_hex(&d, root);
		payload = xasprintf(STATEMENT("%s", RESOURCE("a", "%s", "%s"),
		                              "\"method\":\"files\",\"hash_type\":\"%s\","
		                              "\"allow_symlinks\":true"),
		                    root, name, cases[i].sum, name);
		place_init(&p);
		sign(&p, payload);
		put(&p, "a", "a");
		cr_expect_eq(check(&p, NULL, 0), 0, "%s: %s", name, p.e.msg);
		put(&p, "a", "b");
		cr_expect_eq(check(&p, NULL, 0), -ERR_DIGEST, "%s", name);
		place_fini(&p);
	}
}

Test(oms_tree, one_file)
{
	static const struct {
		const char *payload, *file;
		int rc;
	} cases[] = {
		{ STATEMENT(ROOT_A, A, FILES), "a", 0 },
		{ STATEMENT(ROOT_A, RESOURCE(".", "sha256", SUM_A), FILES), "a", 0 },
		{ STATEMENT(ROOT_A, RESOURCE("b", "sha256", SUM_A), FILES), "a", -ERR_DIGEST },
		{ STATEMENT(ROOT_A, RESOURCE(".", "sha256", SUM_A), FILES), "d/b", -ERR_DIGEST },
		{ AB, "a", -ERR_DIGEST },
		{ STATEMENT(ROOT_A, A, FILES), "link", -ERR_USAGE },
		{ STATEMENT(ROOT_A, A, FILES), "none", -ERR_NOT_FOUND },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *link = NULL;
		cleanup_free char *path = NULL;
		struct place p;

		as_signed(&p, cases[i].payload);
		link = at(&p, "link");
		path = at(&p, cases[i].file);
		cr_assert_eq(symlink("a", link), 0);
		cr_expect_eq(oms_check_path(&p.oms, path, NULL, 0, NULL, &p.report, &p.e),
		             cases[i].rc, "%zu: %s", i, p.e.msg);
		place_fini(&p);
	}
}

/* --- stored versions --- */

static int
check_stored(struct place *p, struct blobs *b, const struct manifest *m, unsigned allow)
{
	oms_report_fini(&p->report);
	p->report = (struct oms_report){ 0 };
	p->e = (struct err){ 0 };
	return oms_check_version(&p->oms, b, m, allow, NULL, &p->report, &p->e);
}

static void
add_stored(struct manifest *m, struct blobs *b, const char *path, const char *bytes)
{
	struct err e = { 0 };
	struct digest d;

	cr_assert_eq(blob_put_mem(b, bytes, strlen(bytes), &d, NULL, &e), 0, "%s", e.msg);
	manifest_add(m, path, strlen(bytes), &d);
}

Test(oms_tree, stored_versions)
{
	static const struct {
		const char *a, *b, *more; /* bytes of the files; NULL: there is none */
		unsigned allow;
		const char *findings;
	} cases[] = {
		{ "a", "b", NULL, 0, "" },
		{ "x", "b", NULL, 0, "different a!" },
		{ NULL, "b", NULL, 0, "missing a!" },
		{ "a", "b", "c", 0, "extra c!" },
		{ "a", "b", "c", OMS_ALLOW_EXTRA, "extra c!" }, /* one to one */
		{ "a", "b", ".gitignore", 0, "not covered .gitignore" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		cleanup_free char *house = NULL;
		struct manifest m = { 0 };
		struct blobs *b = NULL;
		struct place p;
		int fd;

		place_init(&p);
		sign(&p, AB);
		house = at(&p, "blobs/sha256");
		cr_assert_eq(fs_mkdirs(house, 0700, &p.e), 0);
		fd = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)mkdirat(fd, "incoming", 0700);
		cr_assert_eq(blobs_open(fd, &b, &p.e), 0, "%s", p.e.msg);
		if (cases[i].a)
			add_stored(&m, b, "a", cases[i].a);
		add_stored(&m, b, "d/b", cases[i].b);
		if (cases[i].more)
			add_stored(&m, b, cases[i].more, "more");
		cr_assert_eq(manifest_sort(&m, &p.e), 0);
		cr_expect_eq(check_stored(&p, b, &m, cases[i].allow),
		             strchr(cases[i].findings, '!') ? -ERR_DIGEST : 0, "%zu: %s", i,
		             p.e.msg);
		cr_expect_str_eq(findings(&p, &text), cases[i].findings, "%zu", i);
		manifest_fini(&m);
		blobs_close(b);
		close(fd);
		place_fini(&p);
	}
}

/* The digests agree and the bytes under their names do not; or there are none. */
Test(oms_tree, damaged_blobs)
{
	static const char *const names[] = { "blobs/sha256/" SUM_A, "blobs/sha256/" SUM_B };
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *house = NULL;
	struct manifest m = { 0 };
	struct blobs *b = NULL;
	struct place p;
	int fd;

	place_init(&p);
	sign(&p, AB);
	house = at(&p, "blobs/sha256");
	cr_assert_eq(fs_mkdirs(house, 0700, &p.e), 0);
	fd = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(fd, "incoming", 0700);
	cr_assert_eq(blobs_open(fd, &b, &p.e), 0, "%s", p.e.msg);
	add_stored(&m, b, "a", "a");
	add_stored(&m, b, "d/b", "b");
	add_stored(&m, b, ".gitignore", "g");
	cr_assert_eq(manifest_sort(&m, &p.e), 0);
	cr_assert_eq(fs_write_at(fd, names[0], "x", 1, 0600, &p.e), 0, "%s", p.e.msg);
	cr_assert_eq(unlinkat(fd, names[1], 0), 0);
	cr_assert_eq(blob_unlink(b, &m.files[0].digest, &p.e), 0);
	cr_expect_eq(check_stored(&p, b, &m, OMS_ALLOW_IGNORED), -ERR_DIGEST);
	cr_expect_str_eq(findings(&p, &text),
	                 "missing .gitignore!, not covered .gitignore, different a!, missing d/b!");
	manifest_fini(&m);
	blobs_close(b);
	close(fd);
	place_fini(&p);
}

/* The bytes are those that the bundle lists, and not those that the manifest names: the manifest is
 * the authority, whatever the hash of the list. */
Test(oms_tree, blobs_under_another_name)
{
	static const char blake3[] =
	        "17762fddd969a453925d65717ac3eea21320b66b54342fde15128d6caf21215f";
	char root[DIGEST_HEX_SIZE];
	struct digest sum;
	struct digest d;

	cr_assert_eq(digest_parse(&sum, blake3, 64), 0);
	digest_small(sum.b, sizeof(sum.b), &d);
	digest_hex(&d, root);
	for (int i = 0; i < 2; i++) {
		cleanup_free char *payload =
		        i == 0 ? xstrdup(STATEMENT(ROOT_A, A, FILES))
		               : xasprintf(STATEMENT("%s", RESOURCE("a", "blake3", "%s"),
		                                     "\"method\":\"files\",\"hash_type\":"
		                                     "\"blake3\",\"allow_symlinks\":false"),
		                           root, blake3);
		cleanup_buf struct buf text = { 0 };
		cleanup_free char *house = NULL;
		struct manifest m = { 0 };
		struct blobs *b = NULL;
		struct place p;
		int fd;

		place_init(&p);
		sign(&p, payload);
		house = at(&p, "blobs/sha256");
		cr_assert_eq(fs_mkdirs(house, 0700, &p.e), 0);
		fd = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)mkdirat(fd, "incoming", 0700);
		cr_assert_eq(blobs_open(fd, &b, &p.e), 0, "%s", p.e.msg);
		add_stored(&m, b, "a", "b");
		cr_assert_eq(fs_write_at(fd, "blobs/sha256/" SUM_B, "a", 1, 0600, &p.e), 0);
		cr_expect_eq(check_stored(&p, b, &m, 0), -ERR_DIGEST, "%d", i);
		cr_expect_str_eq(findings(&p, &text), "different a!", "%d", i);
		manifest_fini(&m);
		blobs_close(b);
		close(fd);
		place_fini(&p);
	}
}
