/* SPDX-License-Identifier: Apache-2.0 */
/* How far a console has seen a log is kept a registry each, and what is broken was never there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/str.h"
#include "registry/seen.h"

#define ID    "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	cr_assert_not_null(f, "%s", path);
	cr_assert(fputs(text, f) >= 0);
	cr_assert_eq(fclose(f), 0);
}

Test(seen, kept_a_registry_each)
{
	static const char *const broken[] = { "", "{", "[]", "{\"entries\":\"7\"}",
		                              "{\"entries\":-1}" };
	char home[] = "/tmp/slipway-seen-XXXXXX";
	struct seen s;

	cr_assert_not_null(mkdtemp(home));
	cr_assert_eq(setenv("XDG_STATE_HOME", home, 1), 0);
	cr_expect_not(seen_look(ID, &s));
	seen_save(ID, &(struct seen){ .entries = 7, .time_s = 1793000000 });
	seen_save(ID, &(struct seen){ .entries = 9, .time_s = 1793000001 });
	cr_assert(seen_look(ID, &s));
	cr_expect_eq(s.entries, 9);
	cr_expect_eq(s.time_s, 1793000001);
	cr_expect_not(seen_look(OTHER, &s));
	cleanup_free char *path = xasprintf("%s/slipway/console/" ID ".json", home);
	for (size_t i = 0; i < COUNT(broken); i++) {
		write_file(path, broken[i]);
		cr_expect_not(seen_look(ID, &s), "%s", broken[i]);
	}
	cr_expect_eq(unlink(path), 0);
	path[strlen(path) - strlen("/" ID ".json")] = '\0';
	cr_expect_eq(rmdir(path), 0, "nothing else was left there");
	path[strlen(path) - strlen("/console")] = '\0';
	cr_expect_eq(rmdir(path), 0);
	cr_expect_eq(rmdir(home), 0);
}
