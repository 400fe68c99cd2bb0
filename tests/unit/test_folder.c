/* SPDX-License-Identifier: Apache-2.0 */
/* The model repository folder: what is published, and what a hostile folder cannot make us do. */
#include "deploy/folder.h"

#include "folder_fixture.h"

#include <sched.h>
#include <sys/mount.h>

static struct folder *
folder_of(const struct site *s)
{
	struct folder *f = NULL;
	struct err e = { 0 };

	cr_assert_eq(folder_open(s->path, "m", true, &f, &e), 0, "%s", e.msg);
	return f;
}

Test(folder, entry_names)
{
	static const struct {
		const char *model, *object, *entry;
		int rc;
	} cases[] = {
		{ "face-detect", NULL, "face-detect", 0 },
		{ "risk/fraud-ranker", NULL, "risk__fraud-ranker", 0 },
		{ "a/b/c", NULL, "a__b__c", 0 },
		{ "a/b", "a__b", "a__b", 0 },
		{ "a/b", "other", NULL, -(int)ERR_USAGE },
		{ "a__b", NULL, NULL, -(int)ERR_USAGE },
		{ "", NULL, NULL, -(int)ERR_USAGE },
		{ "..", NULL, NULL, -(int)ERR_USAGE },
		{ "/etc", NULL, NULL, -(int)ERR_USAGE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct target t = { .name = "t", .object = cases[i].object };
		struct err e = { 0 };
		char entry[256] = "";

		cr_expect_eq(folder_entry_name(&t, cases[i].model, entry, &e), cases[i].rc,
		             "\"%s\"", cases[i].model);
		if (cases[i].entry)
			cr_expect_str_eq(entry, cases[i].entry);
	}
}

Test(folder, a_version_comes_and_goes_whole)
{
	struct site s;
	struct version v;
	struct err e = { 0 };
	uint64_t *held;
	size_t n;
	struct stat st;
	const mode_t old = umask(077);

	site_make(&s);
	version_make(&v, 7);
	struct folder *f = folder_of(&s);

	cr_assert_eq(folder_publish(f, 7, &e), -(int)ERR_NOT_FOUND);
	cr_assert_eq(folder_verify(f, 7, &v.source, &e), -(int)ERR_NOT_FOUND);
	for (int twice = 0; twice < 2; twice++) {
		cr_assert_eq(folder_hold(f, 7, &v.source, &e), 0, "%s", e.msg);
		cr_assert_not(site_has(&s, "m/slipway-incoming"));
		cr_assert(site_has(&s, "m/slipway-v7/assets/deep/vocab.txt"));
	}
	cr_assert_eq(v.progress, 3010, "progress ended at %llu", (unsigned long long)v.progress);
	for (int twice = 0; twice < 2; twice++) {
		cr_assert_eq(folder_publish(f, 7, &e), 0, "%s", e.msg);
		cr_assert_eq(folder_verify(f, 7, &v.source, &e), 0, "%s", e.msg);
		cr_assert_not(site_has(&s, "m/slipway-v7"));
	}

	/* a server under another user reads it, whatever our umask is; nothing shares its bytes */
	static const struct {
		const char *path;
		mode_t mode;
	} modes[] = { { "m", 0755 },
		      { "m/7", 0755 },
		      { "m/7/assets", 0755 },
		      { "m/7/assets/deep", 0755 },
		      { "m/7/model.bin", 0644 },
		      { "m/7/assets/deep/vocab.txt", 0644 } };
	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(fstatat(s.fd, modes[i].path, &st, 0), 0);
		cr_expect_eq(st.st_mode & 0777, modes[i].mode, "%s is %o", modes[i].path,
		             st.st_mode & 0777);
		if (S_ISREG(st.st_mode))
			cr_expect_eq(st.st_nlink, 1);
	}

	for (int twice = 0; twice < 2; twice++) {
		cr_assert_eq(folder_withdraw(f, 7, &e), 0, "%s", e.msg);
		cr_assert(site_has(&s, "m/slipway-v7/model.bin"));
		cr_assert_not(site_has(&s, "m/7"));
	}
	version_make(&v, 12);
	cr_assert_eq(folder_hold(f, 12, &v.source, &e), 0, "%s", e.msg);
	cr_assert_eq(folder_held(f, &held, &n, &e), 0);
	cr_assert_eq(n, 2);
	cr_assert(held[0] == 7 && held[1] == 12);
	free(held);
	for (int twice = 0; twice < 2; twice++)
		cr_assert_eq(folder_drop_held(f, 12, &e), 0, "%s", e.msg);
	cr_assert_not(site_has(&s, "m/slipway-v12"));

	folder_close(f);
	site_clear(&s, "m");
	site_remove(&s);
	umask(old);
}

Test(folder, wrong_bytes_are_never_held)
{
	static const struct {
		const char *what, *path, *bytes;
		uint64_t size;
		int rc;
	} cases[] = {
		{ "other bytes", "config.json", "[]", 2, -(int)ERR_DIGEST },
		{ "too short", "config.json", "{", 2, -(int)ERR_DIGEST },
		{ "too long", "config.json", "{} ", 2, -(int)ERR_DIGEST },
		{ "a size that lies", "config.json", "{}", 3, -(int)ERR_DIGEST },
		{ "a way out", "../config.json", "{}", 2, -(int)ERR_DENIED },
		{ "a hidden way out", "assets/../../config.json", "{}", 2, -(int)ERR_DENIED },
		{ "the parent itself", "..", "{}", 2, -(int)ERR_DENIED },
		{ "twice the same path", "model.bin", "{}", 2, -(int)ERR_EXISTS },
		{ "a file as a folder", "model.bin/x", "{}", 2, -(int)ERR_DENIED },
	};
	struct site s;

	site_make(&s);
	struct folder *f = folder_of(&s);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct version v;
		struct err e = { 0 };

		version_make(&v, 1);
		v.bytes[1] = str_of(cases[i].bytes);
		v.files[1].path = cases[i].path;
		v.files[1].size = cases[i].size;
		const int rc = folder_hold(f, 1, &v.source, &e);

		/* EEXIST has no code of its own in err_sys: any refusal will do */
		if (cases[i].rc == -(int)ERR_EXISTS)
			cr_expect_lt(rc, 0, "%s", cases[i].what);
		else
			cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].what, rc, e.msg);
		cr_expect_not(site_has(&s, "m/slipway-v1"), "%s", cases[i].what);
		cr_expect_not(site_has(&s, "config.json") || site_has(&s, "m/config.json"), "%s",
		              cases[i].what);
	}
	folder_close(f);
	site_clear(&s, "m");
	site_remove(&s);
}

Test(folder, altered_copies_are_seen_and_replaced)
{
	static const struct {
		const char *what, *path, *text; /* path below the version; text NULL: see make */
		char make;                      /* 'f' FIFO, 'l' link, 'd' folder, '-' removed */
		int rc;
	} cases[] = {
		{ "other bytes", "config.json", "[]", 0, -(int)ERR_DIGEST },
		{ "truncated", "model.bin", "", 0, -(int)ERR_DIGEST },
		{ "one file more", "assets/more", "x", 0, -(int)ERR_DIGEST },
		{ "one file less", "assets/deep/vocab.txt", NULL, '-', -(int)ERR_DIGEST },
		{ "a link to the same bytes", "config.json", NULL, 'l', -(int)ERR_DENIED },
		{ "a FIFO", "pipe", NULL, 'f', -(int)ERR_DENIED },
		{ "an empty folder more", "nothing", NULL, 'd', 0 },
	};
	struct site s;
	struct version v;

	site_make(&s);
	version_make(&v, 3);
	struct folder *f = folder_of(&s);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		char path[128];

		cr_assert_eq(folder_hold(f, 3, &v.source, &e), 0, "%s", e.msg);
		cr_assert_eq(folder_publish(f, 3, &e), 0, "%s", e.msg);
		snprintf(path, sizeof(path), "m/3/%s", cases[i].path);
		if (cases[i].text)
			site_write(&s, path, cases[i].text);
		else if (cases[i].make == 'd')
			cr_assert_eq(mkdirat(s.fd, path, 0755), 0);
		else if (cases[i].make == 'f')
			cr_assert_eq(mkfifoat(s.fd, path, 0644), 0);
		else
			cr_assert_eq(unlinkat(s.fd, path, 0), 0);
		if (cases[i].make == 'l') {
			site_write(&s, "outside", "{}");
			cr_assert_eq(symlinkat("../../outside", s.fd, path), 0);
		}
		cr_expect_eq(folder_verify(f, 3, &v.source, &e), cases[i].rc, "%s: %s",
		             cases[i].what, e.msg);

		/* the damaged copy stays where it was until a whole one takes its place at once */
		cr_assert_eq(folder_hold(f, 3, &v.source, &e), 0, "%s", e.msg);
		cr_assert_eq(folder_replace(f, 3, &e), 0, "%s", e.msg);
		cr_expect_eq(folder_verify(f, 3, &v.source, &e), 0, "%s: %s", cases[i].what, e.msg);
		cr_expect_not(site_has(&s, "m/slipway-v3"));
		/* and the same for a damaged held one */
		cr_assert_eq(folder_withdraw(f, 3, &e), 0, "%s", e.msg);
		site_write(&s, "m/slipway-v3/config.json", "!!");
	}
	cr_expect(site_has(&s, "outside"), "removing a tree followed a link");
	folder_close(f);
	site_clear(&s, "m");
	site_clear(&s, "outside");
	site_remove(&s);
}

/* Runs every call on a folder where name is not what it should be. */
static int
all_calls(struct site *s, struct version *v, struct err *e)
{
	struct folder_stamp stamp = { .registry_id = "r", .number = 1, .version = v->id };
	struct folder *f = NULL;
	int rc;

	rc = folder_open(s->path, "m", false, &f, e);
	if (rc == 0)
		rc = folder_hold(f, 1, &v->source, e);
	if (rc == 0)
		rc = folder_stamp_write(f, &stamp, e);
	if (rc == 0)
		rc = folder_stamp_read(f, &stamp, e);
	if (rc == 0)
		rc = folder_publish(f, 1, e);
	if (rc == 0)
		rc = folder_withdraw(f, 1, e);
	folder_close(f);
	return rc;
}

Test(folder, a_hostile_folder)
{
	static const struct {
		const char *path; /* where the thing lies */
		char make; /* 'l' link to a folder outside, 'k' link to a file outside, 'f' FIFO,
		              'd', 'r' */
		int rc;
	} cases[] = {
		{ "m", 'l', -(int)ERR_DENIED },
		{ "m", 'r', -(int)ERR_DENIED },
		{ "m", 'f', -(int)ERR_DENIED },
		{ "m/slipway-incoming", 'l', -(int)ERR_DENIED },
		{ "m/slipway-incoming", 'f', -(int)ERR_DENIED },
		{ "m/slipway-incoming", 'r', -(int)ERR_DENIED },
		{ "m/slipway-incoming", 'd', 0 }, /* of a run that died */
		{ "m/slipway-v1", 'l', -(int)ERR_DENIED },
		{ "m/slipway-v1", 'f', -(int)ERR_DENIED },
		{ "m/slipway-v1", 'd', 0 },
		{ "m/1", 'l', -(int)ERR_DENIED },
		{ "m/1", 'r', -(int)ERR_DENIED },
		{ "m/1", 'f', -(int)ERR_DENIED },
		{ "m/.slipway.json", 'k', -(int)ERR_DENIED },
		{ "m/.slipway.json", 'f', -(int)ERR_DENIED },
		{ "m/.slipway.json", 'd', -(int)ERR_DENIED },
		{ "m/.slipway.json.new", 'k',
		  0 }, /* the name is taken, what it names is not touched */
		{ "m/.slipway.json.new", 'f', 0 },
		{ "m/.slipway.json.new", 'd', -(int)ERR_DENIED },
	};
	struct site s;
	struct version v;

	site_make(&s);
	version_make(&v, 1);
	cr_assert_eq(mkdirat(s.fd, "away", 0755), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *path = cases[i].path;
		struct err e = { 0 };
		int rc = 0;

		site_write(&s, "away/keep", "keep");
		if (!streq(path, "m"))
			cr_assert_eq(mkdirat(s.fd, "m", 0755), 0);
		switch (cases[i].make) {
		case 'l':
			rc = symlinkat(streq(path, "m") ? "away" : "../away", s.fd, path);
			break;
		case 'k':
			rc = symlinkat("../away/keep", s.fd, path);
			break;
		case 'f':
			rc = mkfifoat(s.fd, path, 0644);
			break;
		case 'd':
			rc = mkdirat(s.fd, path, 0755);
			break;
		default:
			site_write(&s, path, "a file");
		}
		cr_assert_eq(rc, 0, "%s: %s", path, strerror(errno));
		rc = all_calls(&s, &v, &e);
		cr_expect_eq(rc, cases[i].rc, "%s '%c': %d %s", path, cases[i].make, rc, e.msg);
		if (rc < 0)
			cr_expect_not_null(strstr(e.msg, path), "\"%s\" does not name %s", e.msg,
			                   path);

		cleanup_buf struct buf kept = { 0 };
		cr_expect_eq(fs_read_at(s.fd, "away/keep", 100, &kept, &e), 0, "%s is gone", path);
		cr_expect_str_eq(buf_cstr(&kept), "keep");
		cr_expect_not(site_has(&s, "away/model.bin") || site_has(&s, "away/slipway-v1"));
		site_clear(&s, "m");
	}
	site_clear(&s, "away");
	site_remove(&s);
}

Test(folder, numbers_as_servers_see_them)
{
	static const struct {
		const char *folders[4], *file;
		uint64_t stamp, highest, n, foreign;
	} cases[] = {
		{ { NULL }, NULL, 0, 0, 0, 0 },
		{ { "1" }, NULL, 1, 1, 1, 0 },
		{ { "1", "2" }, NULL, 2, 2, 2, 1 },
		{ { "1", "2", "30" }, NULL, 2, 30, 3, 30 },
		{ { "9", "10" }, NULL, 10, 10, 2, 9 },
		{ { "slipway-v3", "v4", "5a", "-6" }, NULL, 1, 0, 0, 0 },
		{ { "007" }, NULL, 7, 7, 1, 7 },
		{ { "0" }, NULL, 0, 0, 1, UINT64_MAX },
		{ { "99999999999999999999999" }, NULL, 1, UINT64_MAX, 1, UINT64_MAX },
		{ { "1" }, "2", 1, 2, 2, 2 },
		{ { NULL }, "1", 1, 1, 1, 1 },
		{ { "1" }, "config.pbtxt", 1, 1, 1, 0 },
	};
	struct site s;

	site_make(&s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct folder_stamp stamp = { .exists = cases[i].stamp > 0,
			                            .number = cases[i].stamp };
		struct folder *f = folder_of(&s);
		cleanup_buf struct buf config = { 0 };
		struct folder_look look;
		struct err e = { 0 };
		char path[64];

		for (size_t k = 0; k < COUNT(cases[i].folders) && cases[i].folders[k]; k++) {
			snprintf(path, sizeof(path), "m/%s", cases[i].folders[k]);
			cr_assert_eq(mkdirat(s.fd, path, 0755), 0);
		}
		if (cases[i].file) {
			snprintf(path, sizeof(path), "m/%s", cases[i].file);
			site_write(&s, path, "x");
		}
		cr_assert_eq(folder_look(f, &stamp, &look, &e), 0, "%s", e.msg);
		cr_expect_eq(look.highest, cases[i].highest, "case %zu", i);
		cr_expect_eq(look.numeric_n, cases[i].n, "case %zu", i);
		cr_expect_eq(look.foreign, cases[i].foreign, "case %zu", i);
		cr_expect_eq(look.has_config, streq(cases[i].file, "config.pbtxt"), "case %zu", i);
		cr_expect_eq(folder_config(f, &config, &e),
		             look.has_config ? 0 : -(int)ERR_NOT_FOUND);
		folder_close(f);
		site_clear(&s, "m");
	}
	site_remove(&s);
}

#define HEX "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

Test(folder, stamps)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t number;
	} cases[] = {
		{ "{\"number\":\"2\",\"plan\":\"p\",\"registry\":\"r\",\"version\":\"" HEX "\"}\n",
		  0, 2 },
		{ "{\"number\":\"0\",\"plan\":\"\",\"registry\":\"r\"}", 0, 0 },
		{ "{\"number\":\"2\",\"plan\":\"p\",\"registry\":\"r\"}", -(int)ERR_MALFORMED, 0 },
		{ "{\"number\":2,\"plan\":\"p\",\"registry\":\"r\",\"version\":\"" HEX "\"}",
		  -(int)ERR_MALFORMED, 0 },
		{ "{\"number\":\"-2\",\"plan\":\"p\",\"registry\":\"r\",\"version\":\"" HEX "\"}",
		  -(int)ERR_MALFORMED, 0 },
		{ "{\"number\":\"2\",\"plan\":\"p\",\"registry\":"
		  "\"0123456789012345678901234567890123456789"
		  "0123456789012345678901234\",\"version\":\"" HEX "\"}",
		  -(int)ERR_MALFORMED, 0 },
		{ "[]", -(int)ERR_MALFORMED, 0 },
		{ "", -(int)ERR_MALFORMED, 0 },
		{ "{\"number\":\"2\"", -(int)ERR_MALFORMED, 0 },
		{ NULL, -(int)ERR_MALFORMED, 0 }, /* 5000 bytes */
	};
	struct folder_stamp stamp, wrote = { .registry_id = "reg", .plan_id = "abc", .number = 9 };
	struct site s;
	struct err e = { 0 };
	char long_text[5001];

	site_make(&s);
	struct folder *f = folder_of(&s);

	cr_assert_eq(folder_stamp_read(f, &stamp, &e), 0);
	cr_assert_not(stamp.exists);
	memset(long_text, ' ', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	for (size_t i = 0; i < COUNT(cases); i++) {
		site_write(&s, "m/.slipway.json", cases[i].text ? cases[i].text : long_text);
		const int rc = folder_stamp_read(f, &stamp, &e);

		cr_expect_eq(rc, cases[i].rc, "case %zu: %d %s", i, rc, e.msg);
		cr_expect_eq(stamp.exists, rc == 0, "case %zu", i);
		cr_expect_eq(stamp.number, cases[i].number, "case %zu", i);
	}
	digest_small("x", 1, &wrote.version);
	for (uint64_t number = 0; number < 2; number++) {
		wrote.number = number ? UINT64_MAX : 0;
		cr_assert_eq(folder_stamp_write(f, &wrote, &e), 0, "%s", e.msg);
		cr_assert_eq(folder_stamp_read(f, &stamp, &e), 0, "%s", e.msg);
		cr_expect_eq(stamp.number, wrote.number);
		cr_expect_str_eq(stamp.plan_id, "abc");
		cr_expect_str_eq(stamp.registry_id, "reg");
		cr_expect_eq(digest_eq(&stamp.version, &wrote.version), number > 0);
	}
	cr_expect_not(site_has(&s, "m/.slipway.json.new"));
	folder_close(f);
	site_clear(&s, "m");
	site_remove(&s);
}

Test(folder, a_full_disk)
{
	struct site s;
	struct version v;
	struct err e = { 0 };
	cleanup_free char *big = xcalloc(1, 4u << 20);

	site_make(&s);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", s.path, "tmpfs", 0, "size=2m") < 0) {
		site_remove(&s);
		cr_skip_test("needs root to mount a small tmpfs");
	}
	close_quietly(s.fd);
	s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	version_make(&v, 1);
	struct folder *f = folder_of(&s);

	cr_assert_eq(folder_hold(f, 1, &v.source, &e), 0, "%s", e.msg);
	cr_assert_eq(folder_publish(f, 1, &e), 0, "%s", e.msg);
	v.bytes[0] = (struct str){ big, 4u << 20 };
	v.files[0].size = v.bytes[0].n;
	digest_small(big, v.bytes[0].n, &v.files[0].digest);
	cr_expect_eq(folder_hold(f, 2, &v.source, &e), -(int)ERR_NO_SPACE, "%s", e.msg);
	/* the disk is given back, what was there is whole */
	cr_expect_not(site_has(&s, "m/slipway-incoming"));
	cr_expect_not(site_has(&s, "m/slipway-v2"));
	version_make(&v, 1);
	cr_expect_eq(folder_verify(f, 1, &v.source, &e), 0, "%s", e.msg);
	cr_expect_eq(folder_hold(f, 2, &v.source, &e), 0, "%s", e.msg);
	folder_close(f);
	close_quietly(s.fd);
	cr_assert_eq(umount(s.path), 0);
	cr_assert_eq(rmdir(s.path), 0);
}
