/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: what a file may say, which file wins, and how a mistake is named. */
#include "registry/base/conf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
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
	{ T("registry = a\nregistri = b\n"), NULL, NULL, NULL, "f:2: unknown key \"registri\"" },
	{ T("\nregistry\n"), NULL, NULL, NULL, "f:2: is not \"key = value\"" },
	{ T("registry =  # none\n"), NULL, NULL, NULL, "f:1: \"registry\" has no value" },
	{ T("color = red\n"), NULL, NULL, NULL,
	  "f:1: \"color\" is \"red\", not auto, always or never" },
	{ T("output = xml\n"), NULL, NULL, NULL,
	  "f:1: \"output\" is \"xml\", not text, wide, tsv, name, json or ndjson" },
	{ T("registry = a\0b\n"), NULL, NULL, NULL, "f:1: has control characters or is not UTF-8" },
	{ T("registry = \xff\n"), NULL, NULL, NULL, "f:1: has control characters or is not UTF-8" },
	{ T("confirm-window = soon\n"), NULL, NULL, NULL,
	  "f:1: \"soon\" is no duration like 90s or 5m" },
	{ T("= x\n"), NULL, NULL, NULL, "f:1: unknown key \"\"" },
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
	cr_expect_eq(conf_load(&c, &e), -ERR_USAGE);
	cr_expect_not_null(strstr(e.msg, "/named:2: unknown key \"nonsense\""), "%s", e.msg);
	cr_expect_null(c.pager, "nothing is left of a file that is refused");

	unsetenv("SLIPWAY_CONFIG");
	setenv("XDG_CONFIG_HOME", dir, 1);
	cr_expect_eq(conf_load(&c, &e), 0, "no file is no error: %s", e.msg);
	conf_fini(&c);
	(void)unlink(named);
	(void)rmdir(dir);
}
