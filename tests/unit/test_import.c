/* SPDX-License-Identifier: Apache-2.0 */
/* Folders in and out: what is taken, what is refused and why, and that the way there and back
 * is exact. */
#include "registry/import.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/export.h"

struct place {
	char path[64];
	int fd;
	struct blobs *blobs;
};

static struct place
fresh(void)
{
	struct place p = { .path = "/tmp/slipway-import-XXXXXX", .fd = -1 };
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(p.path));
	cr_assert_eq(fs_open_dir(AT_FDCWD, p.path, &p.fd, &e), 0);
	cr_assert_eq(mkdirat(p.fd, "reg", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "reg/blobs", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "reg/blobs/sha256", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "reg/incoming", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "in", 0755), 0);
	int root = -1;
	cr_assert_eq(fs_open_dir(p.fd, "reg", &root, &e), 0);
	cr_assert_eq(blobs_open(root, &p.blobs, &e), 0, "%s", e.msg);
	cr_assert_eq(chdir(p.path), 0);
	return p;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static void
leave(struct place *p)
{
	blobs_close(p->blobs);
	(void)close(p->fd);
	cr_assert_eq(chdir("/"), 0);
	(void)nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t
entries(const char *dir)
{
	DIR *const d = opendir(dir);
	size_t n = 0;

	cr_assert_not_null(d, "%s", dir);
	for (const struct dirent *de = readdir(d); de; de = readdir(d))
		n += !streq(de->d_name, ".") && !streq(de->d_name, "..");
	closedir(d);
	return n;
}

/* A step that builds a tree: "f path=bytes", "d path", "l path=target", "p path" FIFO, "s
 * path" socket. */
static void
build(const char *root, const char *step)
{
	cleanup_free char *text = xstrdup(step + 2);
	char *const eq = strchr(text, '=');
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	int fd;

	if (eq)
		*eq = '\0';
	cleanup_free char *path = xasprintf("%s/%s", root, text);
	switch (step[0]) {
	case 'f':
		cr_assert_eq(fs_write_at(AT_FDCWD, path, eq + 1, strlen(eq + 1), 0644, &e), 0, "%s",
		             e.msg);
		break;
	case 'd':
		cr_assert_eq(mkdir(path, 0755), 0, "%s", path);
		break;
	case 'l':
		cr_assert_eq(symlink(eq + 1, path), 0, "%s", path);
		break;
	case 'p':
		cr_assert_eq(mkfifo(path, 0644), 0);
		break;
	default:
		cr_assert_eq(str_copy(un.sun_path, sizeof(un.sun_path), path), 0);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
		(void)close(fd);
	}
}

Test(import, what_is_taken_and_what_is_refused)
{
	static const struct {
		const char *steps[7];
		int rc;
		const char *paths; /* what the manifest lists, or a word of the message */
	} cases[] = {
		{ { "f b=1", "d a", "f a/z=2", "f a.b=3", "f .h=4" }, 0, ".h a.b a/z b" },
		{ { "d sub", "d .git", "f .git/x=1", "f sub/.git=1", "f a=1" }, 0, "a" },
		{ { "d sub", "f sub/.gitignore=1", "d empty" }, 0, "sub/.gitignore" },
		{ { "f a=1", "l b=a", "d s", "l s/c=../a" }, 0, "a b s/c" },
		{ { "d s", "f s/a=1", "l t=s" }, 0, "s/a t/a" },
		{ { "f e=" }, 0, "e" },
		{ { "d e" }, -(int)ERR_USAGE, "no file" },
		{ { "f a=1", "l b=../out" }, -(int)ERR_USAGE, "leads out" },
		{ { "f a=1", "l b=/etc/passwd" }, -(int)ERR_USAGE, "leads out" },
		{ { "d s", "l s/b=../../out", "f a=1" }, -(int)ERR_USAGE, "leads out" },
		{ { "f a=1", "l b=.." }, -(int)ERR_USAGE, "leads out" },
		{ { "f a=1", "l b=none" }, -(int)ERR_USAGE, "nowhere" },
		{ { "f a=1", "l b=c", "l c=b" }, -(int)ERR_USAGE, "itself" },
		{ { "d s", "f s/a=1", "l s/up=.." }, -(int)ERR_USAGE, "contains it" },
		{ { "d s", "d t", "l s/t=../t", "l t/s=../s" }, -(int)ERR_USAGE, "contains it" },
		{ { "f a=1", "p b" }, -(int)ERR_USAGE, "FIFO" },
		{ { "f a=1", "s b" }, -(int)ERR_USAGE, "socket" },
		{ { "f a=1", "l n=/dev/null" }, -(int)ERR_USAGE, "leads out" },
		{ { "f a=1", "f b\xff=1" }, -(int)ERR_USAGE, "UTF-8" },
		{ { "f model=1", "f a=1", "f Model=2" }, -(int)ERR_USAGE, "in case only" },
		{ { "d S", "d s", "f S/a=1", "f s/b=1" }, -(int)ERR_USAGE, "in case only" },
		{ { "d s", "f s/a=1", "f S=1" }, -(int)ERR_USAGE, "in case only" },
		{ { "f \u00c4=1", "f \u00e4=1" }, -(int)ERR_USAGE, "in case only" },
		{ { "d S", "d t", "f S/a=1", "f t/A=1", "f t/b=1" }, 0, "S/a t/A t/b" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place p = fresh();
		cleanup_buf struct buf paths = { 0 };
		struct import_tree t = { 0 };
		struct err e = { 0 };

		build(".", "f out=secret");
		for (size_t k = 0; k < 7 && cases[i].steps[k]; k++)
			build("in", cases[i].steps[k]);
		cr_expect_eq(import_tree(p.blobs, "in", NULL, &t, &e), cases[i].rc, "%zu: %s", i,
		             e.msg);
		if (cases[i].rc == 0) {
			for (size_t k = 0; k < t.manifest.n; k++)
				buf_addf(&paths, "%s%s", k ? " " : "", t.manifest.files[k].path);
			cr_expect_str_eq(buf_cstr(&paths), cases[i].paths);
		} else {
			cr_expect_not_null(strstr(e.msg, cases[i].paths), "%zu: %s", i, e.msg);
			cr_expect_not_null(strstr(e.msg, "in"), "%s", e.msg);
			cr_expect_str_neq(e.hint, "");
			cr_expect_eq(entries("reg/blobs/sha256"), 0);
			cr_expect_eq(entries("reg/incoming"), 0);
		}
		import_tree_fini(&t);
		leave(&p);
	}
}

static void
note_message(void *arg, enum message_level level, const char *text)
{
	buf_addf(arg, "%s\n", text);
}

Test(import, equal_paths_and_bytes_give_an_equal_digest)
{
	struct place p = fresh();
	cleanup_buf struct buf notes = { 0 };
	struct import_tree t[3] = { 0 };
	struct err e = { 0 };
	static const char *const dirs[] = { "in", "again/", "./third/" };

	cr_assert_eq(mkdirat(p.fd, "again", 0700), 0);
	cr_assert_eq(mkdirat(p.fd, "third", 0700), 0);
	message_sink(note_message, &notes);
	for (size_t i = 0; i < 3; i++) {
		if (i == 1)
			build(dirs[i], "d .git");
		build(dirs[i], i == 1 ? "f b=two" : "f a=one");
		build(dirs[i], i == 1 ? "f a=one" : "f b=two");
		build(dirs[i], i == 2 ? "l c=a" : "f c=one");
		cr_assert_eq(import_tree(p.blobs, dirs[i], NULL, &t[i], &e), 0, "%s", e.msg);
		cr_expect(digest_eq(&t[i].manifest_digest, &t[0].manifest_digest));
		cr_expect_eq(t[i].manifest.bytes, 9);
		cr_expect_eq(t[i].new_bytes > 0, i == 0, "%zu", i);
		cr_expect(blob_exists(p.blobs, &t[i].manifest_digest, NULL));
		cr_expect(blob_exists(p.blobs, &t[i].manifest.config, NULL));
	}
	cr_expect_eq(entries("reg/blobs/sha256"), 4);
	cr_expect_eq(entries("reg/incoming"), 0);
	cr_expect_str_eq(buf_cstr(&notes), "left out \".git\" of \"again/\"\n");
	for (size_t i = 0; i < 3; i++)
		import_tree_fini(&t[i]);
	leave(&p);
}

Test(import, a_single_file)
{
	static const struct {
		const char *path;
		int rc;
		const char *name;
	} cases[] = {
		{ "in/m.onnx", 0, "m.onnx" },
		{ "./in/link", 0, "link" },
		{ "in/none", -(int)ERR_NOT_FOUND, NULL },
		{ "in/fifo", -(int)ERR_USAGE, NULL },
		{ "in/bad\xff", -(int)ERR_USAGE, NULL },
	};
	struct place p = fresh();

	build("in", "f m.onnx=x");
	build("in", "l link=../in/m.onnx");
	build("in", "p fifo");
	build("in", "f bad\xff=x");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct import_tree t = { 0 };
		struct err e = { 0 };

		cr_expect_eq(import_tree(p.blobs, cases[i].path, NULL, &t, &e), cases[i].rc, "%s",
		             e.msg);
		if (cases[i].rc == 0) {
			cr_assert_eq(t.manifest.n, 1);
			cr_expect_str_eq(t.manifest.files[0].path, cases[i].name);
		}
		import_tree_fini(&t);
	}
	leave(&p);
}

/* A registry takes in neither itself nor what holds it, by whatever name. */
Test(import, the_registry_itself_is_refused)
{
	static const struct {
		const char *path;
		int rc;
	} cases[] = {
		{ "reg", -(int)ERR_USAGE },  { "reg/blobs", -(int)ERR_USAGE },
		{ ".", -(int)ERR_USAGE },    { "reg/blobs/sha256/x", -(int)ERR_USAGE },
		{ "in/..", -(int)ERR_USAGE }, { "to-reg", -(int)ERR_USAGE },
		{ "to-x", -(int)ERR_USAGE }, { "reg/../in", 0 },
		{ "reg2", 0 },               { "reg2/y", 0 },
	};
	struct place p = fresh();

	build("reg", "f blobs/sha256/x=x");
	build(".", "l to-reg=reg/blobs");
	build(".", "l to-x=reg/blobs/sha256/x");
	build("in", "f a=x");
	build(".", "d reg2");
	build(".", "f reg2/y=x");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct import_tree t = { 0 };
		struct err e = { 0 };

		cr_expect_eq(import_tree(p.blobs, cases[i].path, NULL, &t, &e), cases[i].rc,
		             "%s: %s", cases[i].path, e.msg);
		cr_expect_eq(strstr(e.msg, "registry that it would") != NULL, cases[i].rc < 0);
		import_tree_fini(&t);
	}
	leave(&p);
}

struct meddler {
	const char *step; /* taken at the first progress of the first file */
	uint64_t done, total;
};

static void
meddle(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct meddler *const m = arg;

	cr_expect_geq(done, m->done);
	m->done = done;
	m->total = total;
	if (m->step)
		build("in", steal(&m->step));
}

Test(import, a_file_that_changes_is_refused)
{
	static const struct {
		const char *step;
		int rc;
	} cases[] = {
		{ NULL, 0 },
		{ "f other=1", 0 }, /* not of this import: seen by the next one */
		{ "f a=longer", -(int)ERR_CONFLICT },
		{ "f a=on", -(int)ERR_CONFLICT },
		{ "f b=owt", -(int)ERR_CONFLICT },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place p = fresh();
		struct meddler m = { .step = cases[i].step };
		const struct progress pr = { meddle, &m };
		struct import_tree t = { 0 };
		struct err e = { 0 };

		build("in", "f a=one");
		build("in", "f b=two");
		cr_expect_eq(import_tree(p.blobs, "in", &pr, &t, &e), cases[i].rc, "%zu: %s", i,
		             e.msg);
		cr_expect_eq(m.total, 6);
		if (cases[i].rc == 0)
			cr_expect_eq(m.done, 6);
		import_tree_fini(&t);
		leave(&p);
	}
}

Test(import, exports_what_was_imported)
{
	struct place p = fresh();
	struct import_tree t = { 0 };
	struct import_tree back = { 0 };
	struct err e = { 0 };
	struct stat st;
	const mode_t old = umask(077);

	build("in", "f a=one");
	build("in", "d deep");
	build("in", "d deep/er");
	build("in", "f deep/er/x.json={}");
	build("in", "f deep/y=");
	build("in", "l z=deep/y");
	cr_assert_eq(import_tree(p.blobs, "in", NULL, &t, &e), 0, "%s", e.msg);
	cr_assert_eq(export_tree(p.blobs, &t.manifest, "out", NULL, &e), 0, "%s", e.msg);
	cr_assert_eq(import_tree(p.blobs, "out", NULL, &back, &e), 0, "%s", e.msg);
	cr_expect(digest_eq(&t.manifest_digest, &back.manifest_digest));
	cr_expect_eq(back.new_bytes, 0);
	cr_assert_eq(stat("out/deep/er", &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0755);
	cr_assert_eq(stat("out", &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0755);
	cr_assert_eq(lstat("out/z", &st), 0);
	cr_expect(S_ISREG(st.st_mode));
	cr_expect_eq(st.st_mode & 07777, 0644);
	(void)umask(old);
	import_tree_fini(&t);
	import_tree_fini(&back);
	leave(&p);
}

Test(import, export_refuses_and_leaves_nothing)
{
	static const struct {
		const char *prepare, *dir;
		bool damage;
		int rc;
	} cases[] = {
		{ NULL, "new", false, 0 },
		{ NULL, "new/", false, 0 },
		{ "d new", "new", false, 0 },
		{ "d new", "./new//", false, 0 },
		{ "f new=1", "new", false, -(int)ERR_EXISTS },
		{ NULL, "in", false, -(int)ERR_EXISTS },
		{ NULL, ".", false, -(int)ERR_EXISTS },
		{ NULL, "", false, -(int)ERR_USAGE },
		{ NULL, "none/new", false, -(int)ERR_NOT_FOUND },
		{ NULL, "new", true, -(int)ERR_DIGEST },
		{ "d new", "new", true, -(int)ERR_DIGEST },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place p = fresh();
		struct import_tree t = { 0 };
		struct err e = { 0 };
		char hex[DIGEST_HEX_SIZE];

		build("in", "d s");
		build("in", "d s/t");
		build("in", "f s/t/b=two");
		build("in", "f s/z=one");
		cr_assert_eq(import_tree(p.blobs, "in", NULL, &t, &e), 0, "%s", e.msg);
		if (cases[i].prepare)
			build(".", cases[i].prepare);
		digest_hex(&t.manifest.files[1].digest, hex);
		cleanup_free char *blob = xasprintf("reg/blobs/sha256/%s", hex);
		if (cases[i].damage)
			cr_assert_eq(fs_write_at(AT_FDCWD, blob, "eno", 3, 0440, &e), 0);
		const size_t before = entries(".");
		cr_expect_eq(export_tree(p.blobs, &t.manifest, cases[i].dir, NULL, &e), cases[i].rc,
		             "%zu: %s", i, e.msg);
		cr_expect_eq(entries("."), before + (cases[i].rc == 0 && !cases[i].prepare), "%zu",
		             i);
		if (cases[i].rc == 0)
			cr_expect_eq(entries("new/s"), 2);
		import_tree_fini(&t);
		leave(&p);
	}
}
