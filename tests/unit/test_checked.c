/* SPDX-License-Identifier: Apache-2.0 */
/* What was checked is remembered for each registry and version apart; what cannot be read is not
 * checked. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/checked.h"

static char home[] = "/tmp/slipway-checked-XXXXXX";

static void
begin(void)
{
	cr_assert_not_null(mkdtemp(home));
	cr_assert_eq(setenv("XDG_STATE_HOME", home, 1), 0);
}

static void
end(void)
{
	const char *const words[] = { "rm", "-rf", home, NULL };

	if (fork() == 0)
		execvp("rm", (char *const *)(uintptr_t)words);
}

Test(checked, what_was_found_is_found_again, .init = begin, .fini = end)
{
	struct digest a, b;
	struct checked c;
	struct err why = { 0 };

	digest_small("a", 1, &a);
	digest_small("b", 1, &b);
	cr_assert_not(checked_look("r1", "m", &a, &c));
	checked_save("r1", "m", &a, 7, 5, NULL);
	cr_assert(checked_look("r1", "m", &a, &c));
	cr_assert(c.is_good);
	cr_assert_eq(c.size, 7);
	cr_assert_eq(c.policy, 5);
	cr_assert_gt(c.time_s, 0);
	cr_assert_not(checked_look("r1", "m", &b, &c), "another version");
	cr_assert_not(checked_look("r1", "n", &a, &c), "the same bytes of another model");
	cr_assert_not(checked_look("r2", "m", &a, &c), "another registry");
	cr_assert_not(checked_look("r1", NULL, NULL, &c), "the log");

	(void)err_set(&why, ERR_DIGEST, "file \"w\" was changed");
	checked_save("r1", "m", &a, 7, 5, &why);
	cr_assert(checked_look("r1", "m", &a, &c));
	cr_assert_not(c.is_good);
	cr_assert_str_eq(c.why, "file \"w\" was changed");
}

Test(checked, a_damaged_file_is_no_check, .init = begin, .fini = end)
{
	cleanup_free char *path = xasprintf("%s/slipway/checked/r1/log.json", home);
	struct checked c;
	struct err e = { 0 };

	checked_save("r1", NULL, NULL, 3, 5, NULL);
	cr_assert(checked_look("r1", NULL, NULL, &c));
	cr_assert_eq(fs_write_at(AT_FDCWD, path, "{\"good\":true", 12, 0600, &e), 0);
	cr_assert_not(checked_look("r1", NULL, NULL, &c));
	cr_assert_not(c.is_good);
	cr_assert_eq(fs_write_at(AT_FDCWD, path, "{\"good\":true}", 13, 0600, &e), 0);
	cr_assert_not(checked_look("r1", NULL, NULL, &c), "no time: who knows when");
}
