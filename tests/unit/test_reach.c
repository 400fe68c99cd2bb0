/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's way to a target: kept, found again, refused when somebody else could have written it.
 */
#include "registry/reach.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define ID "0123456789abcdef0123456789abcdef"

static char home[64];

static void
make_home(void)
{
	(void)snprintf(home, sizeof home, "/tmp/reach.XXXXXX");
	cr_assert_not_null(mkdtemp(home));
	(void)setenv("XDG_CONFIG_HOME", home, 1);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void
remove_home(void)
{
	(void)nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(reach, .init = make_home, .fini = remove_home);

static struct reach
a_reach(void)
{
	return (struct reach){ .kubeconfig = xstrdup("/k"),
		               .context = xstrdup("arn:x/y z"),
		               .url = xstrdup("https://h:6443"),
		               .ca.b[0] = 7 };
}

Test(reach, kept_and_found)
{
	struct reach one = a_reach(), two = { 0 };
	bool changed = false;
	struct err e = { 0 };

	cr_assert_eq(reach_load(ID, "prod", &two, &e), -ERR_NOT_FOUND);
	cr_assert_eq(reach_save(ID, "prod", &one, &changed, &e), 0, "%s", e.msg);
	cr_expect(changed);
	cr_assert_eq(reach_save(ID, "prod", &one, &changed, &e), 0);
	cr_expect(!changed);
	cr_assert_eq(reach_load(ID, "prod", &two, &e), 0, "%s", e.msg);
	cr_expect_str_eq(two.kubeconfig, one.kubeconfig);
	cr_expect_str_eq(two.context, one.context);
	cr_expect_str_eq(two.url, one.url);
	cr_expect(digest_eq(&two.ca, &one.ca) && digest_is_zero(&two.plugin));
	/* of this registry and this name alone */
	reach_fini(&two);
	cr_expect_eq(reach_load(ID, "prod2", &two, &e), -ERR_NOT_FOUND);
	cr_expect_eq(reach_load("00" ID, "prod", &two, &e), -ERR_NOT_FOUND);
	reach_fini(&one);
}

Test(reach, names_are_no_paths)
{
	static const char *const bad[][2] = {
		{ ID, "../x" }, { ID, ".." },      { ID, "a/b" },
		{ ID, "" },     { "../" ID, "a" }, { "", "a" },
	};
	struct reach r = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(reach_load(bad[i][0], bad[i][1], &r, &e), -ERR_USAGE, "%zu", i);
}

Test(reach, files_of_others)
{
	cleanup_free char *path = xasprintf("%s/slipway/targets/" ID "/prod.json", home);
	cleanup_free char *aside = xasprintf("%s/aside", home);
	struct reach r = a_reach(), got = { 0 };
	bool changed;
	struct err e = { 0 };
	static const mode_t modes[] = { 0620, 0602, 0666 };

	cr_assert_eq(reach_save(ID, "prod", &r, &changed, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		cr_expect_eq(reach_load(ID, "prod", &got, &e), -ERR_DENIED, "%zu", i);
	}
	cr_assert_eq(chmod(path, 0600), 0);
	cr_assert_eq(rename(path, aside), 0);
	cr_assert_eq(symlink(aside, path), 0);
	cr_expect_lt(reach_load(ID, "prod", &got, &e), 0, "a link");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(reach_load(ID, "prod", &got, &e), -ERR_DENIED, "a FIFO");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(fs_write_at(AT_FDCWD, path, "{\"url\":1}", 9, 0600, &e), 0);
	cr_expect_eq(reach_load(ID, "prod", &got, &e), -ERR_MALFORMED);
	cr_expect_null(got.url);
	reach_fini(&r);
}
