/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: what a file may say, which file wins, and how a mistake is named. */
#include "registry/base/conf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/buf.h"

struct parse_case {
	struct str text;
	const char *registry, *color, *output;
	const char *error; /* NULL: it is right */
};

#define T(lit) { (lit), sizeof(lit) - 1 }

static const struct parse_case cases[] = {
	{ T(""), NULL, NULL, NULL, NULL },
	{ T("# nothing\n\n   \n"), NULL, NULL, NULL, NULL },
	{ T("registry = /srv/models\ncolor=never\noutput = json"), "/srv/models", "never", "json",
	  NULL },
	{ T("\tregistry =  /srv/my models#1  # ours\r\n"), "/srv/my models#1", NULL, NULL, NULL },
	{ T("registry = a=b\nregistry = c\n"), "c", NULL, NULL, NULL },
	{ T("registry = a\nregistri = b\n"), "a", NULL, NULL, NULL },
	{ T("hook.job-done = true\n"), NULL, NULL, NULL,
	  "f:1: \"hook.job-done\" is \"true\", not the absolute path of a program" },
	{ T("\nregistry\n"), NULL, NULL, NULL, "f:2: is not \"key = value\"" },
	{ T("registry =  # none\n"), NULL, NULL, NULL, "f:1: \"registry\" has no value" },
	{ T("color = red\n"), NULL, NULL, NULL,
	  "f:1: \"color\" is \"red\", not auto, always or never" },
	{ T("output = xml\n"), NULL, NULL, NULL,
	  "f:1: \"output\" is \"xml\", not text, wide, tsv, name, json or ndjson" },
	{ T("registry = a\0b\n"), NULL, NULL, NULL, "f:1: has control characters or is not UTF-8" },
	{ T("registry = \xff\n"), NULL, NULL, NULL, "f:1: has control characters or is not UTF-8" },
	{ T("confirm-window = soon\n"), NULL, NULL, NULL,
	  "f:1: \"confirm-window\" is \"soon\", not a duration like 90s or 5m" },
	{ T("= x\n"), NULL, NULL, NULL, NULL },
};

static void
check_value(const char *got, const char *want, size_t i)
{
	cr_expect_eq(got == NULL, want == NULL, "case %zu", i);
	if (got && want)
		cr_expect_str_eq(got, want, "case %zu", i);
}

Test(conf, parse)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct parse_case *const want = &cases[i];
		struct conf c = { 0 };
		struct err e = { 0 };
		const int rc = conf_parse(&c, want->text, "f", &e);

		if (want->error) {
			cr_expect_eq(rc, -ERR_USAGE, "case %zu", i);
			cr_expect_str_eq(e.msg, want->error);
		} else {
			cr_expect_eq(rc, 0, "case %zu: %s", i, e.msg);
			check_value(c.registry, want->registry, i);
			check_value(c.color, want->color, i);
			check_value(c.output, want->output, i);
		}
		conf_fini(&c);
	}
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	cr_assert(fputs(text, f) >= 0);
	cr_assert_eq(fclose(f), 0);
}

Test(conf, load)
{
	char dir[] = "/tmp/slipway-conf-XXXXXX";
	struct conf c = { 0 };
	struct err e = { 0 };

	cr_assert_not_null(mkdtemp(dir));
	cleanup_free char *named = xasprintf("%s/named", dir);
	setenv("SLIPWAY_CONFIG", named, 1);
	cr_expect_eq(conf_load(&c, &e), -ERR_NOT_FOUND, "a file that was named must be there");
	cr_expect_not_null(strstr(e.msg, named), "%s", e.msg);

	write_file(named, "registry = /srv/named\neditor = ed\nconfirm-window = 5m\n");
	cr_assert_eq(conf_load(&c, &e), 0, "%s", e.msg);
	cr_expect_str_eq(c.registry, "/srv/named");
	cr_expect_str_eq(c.editor, "ed");
	cr_expect_eq(c.confirm_window_s, 300);
	conf_fini(&c);
	cr_expect_null(c.registry);

	write_file(named, "pager = less\nnonsense = 1\n");
	cr_assert_eq(conf_load(&c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.odd.n, 1);
	cr_expect_str_eq(c.odd.v[0].key, "nonsense");
	cr_expect(has_suffix(c.odd.v[0].where, "/named:2"), "%s", c.odd.v[0].where);
	conf_fini(&c);

	write_file(named, "pager = less\ncolor = red\n");
	cr_expect_eq(conf_load(&c, &e), -ERR_USAGE);
	cr_expect_null(c.pager, "nothing is left of a file that is refused");

	unsetenv("SLIPWAY_CONFIG");
	setenv("XDG_CONFIG_HOME", dir, 1);
	cr_expect_eq(conf_load(&c, &e), 0, "no file is no error: %s", e.msg);
	conf_fini(&c);
	(void)unlink(named);
	(void)rmdir(dir);
}

/* A program that runs by itself is named only by a file that nobody else could have written. */
Test(conf, hooks_of_a_file_of_others)
{
	static const struct {
		mode_t mode;
		bool is_kept;
	} modes[] = { { 0600, true }, { 0644, true }, { 0660, false }, { 0666, false } };
	char path[] = "/tmp/slipway-conf-XXXXXX";
	struct conf c = { 0 };
	struct err e = { 0 };
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	write_file(path, "hook.job-done = /bin/true\npager = less\n");
	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(fchmod(fd, modes[i].mode), 0);
		cr_assert_eq(conf_load_file(path, &c, &e), 0, "%s", e.msg);
		cr_expect_eq(c.hooks[CONF_HOOK_JOB_DONE] != NULL, modes[i].is_kept, "%o",
			     modes[i].mode);
		cr_expect_str_eq(c.pager, "less", "the other settings stay");
		conf_fini(&c);
	}
	if (geteuid() == 0) {
		cr_assert_eq(fchmod(fd, 0600), 0);
		cr_assert_eq(fchown(fd, 12345, 12345), 0);
		cr_assert_eq(conf_load_file(path, &c, &e), 0, "%s", e.msg);
		cr_expect_null(c.hooks[CONF_HOOK_JOB_DONE], "owned by somebody else");
		conf_fini(&c);
	}
	close(fd);
	(void)unlink(path);
}

static const struct {
	const char *was, *key, *value, *is; /* value NULL: unset; is NULL: unchanged */
} edits[] = {
	{ "", "pager", "less", "pager = less\n" },
	{ "# mine\n", "pager", "less", "# mine\npager = less\n" },
	{ "color = auto", "pager", "less", "color = auto\npager = less\n" },
	{ "# a\npager=more # b\n\neditor = vi\n", "pager", "less",
	  "# a\npager= less # b\n\neditor = vi\n" },
	{ "\tpager  =  more\r\nx\n", "pager", "less", "\tpager  =  less\r\nx\n" },
	{ "pager = a\n# c\npager = b\n", "pager", "less", "pager = a\n# c\npager = less\n" },
	{ "pager = less\n", "pager", "less", NULL },
	{ "#pager = less\n", "pager", "less", "#pager = less\npager = less\n" },
	{ "pager = a\n# c\npager = b\nq = 1", "pager", NULL, "# c\nq = 1" },
	{ "page = a\n", "pager", NULL, NULL },
	{ "pager =\n", "pager", "less", "pager = less \n" },
	{ "pager = # none\n", "pager", "less", "pager = less # none\n" },
};

Test(conf, edit)
{
	for (size_t i = 0; i < COUNT(edits); i++) {
		cleanup_buf struct buf is = { 0 };
		const bool changed =
			conf_edit(str_of(edits[i].was), edits[i].key, edits[i].value, &is);

		cr_expect_eq(changed, edits[i].is != NULL, "case %zu", i);
		cr_expect_str_eq(buf_cstr(&is), edits[i].is ? edits[i].is : edits[i].was,
				 "case %zu", i);
	}
}

Test(conf, check)
{
	static const char *const bad[] = { "", " a", "a ", "a #b", "#a", "a\nb", "\xff", "a\x1b" };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(conf_check("pager", bad[i], &e), -ERR_USAGE, "case %zu", i);
	cr_expect_eq(conf_check("pager", "less -R#1", &e), 0, "%s", e.msg);
	cr_expect_eq(conf_check("color", "red", &e), -ERR_USAGE);
	cr_expect_eq(conf_check("hook.job-done", "bin/x", &e), -ERR_USAGE);
}
