/* SPDX-License-Identifier: Apache-2.0 */
/* A kept passphrase: how long it is there, what is said of it, and that it is gone afterwards. */
#include <criterion/criterion.h>

#include "registry/base/clock.h"
#include "tui/console_secret.h"
#include "tui/term/keys.h"

static struct secret secret;
static struct line typed;

static const char *
left(void)
{
	static struct buf b;

	buf_clear(&b);
	return secret_left(&secret, &b) ? buf_cstr(&b) : "nothing";
}

static void
keep(uint64_t ms)
{
	line_set(&typed, "open sesame");
	cr_assert(secret_keep(&secret, &typed), "no locked memory here");
	secret.until_ms = clock_mono_ms() + ms;
}

Test(secret, kept_for_five_minutes)
{
	cr_expect_str_eq(left(), "nothing");
	cr_expect_eq(secret_wait_ms(&secret), -1);
	line_set(&typed, "open sesame");
	cr_assert(secret_keep(&secret, &typed));
	cr_expect_str_eq(secret_get(&secret), "open sesame");
	cr_expect(streq(left(), "5m") || streq(left(), "4m"), "%s", left());
	cr_expect(secret.until_ms <= clock_mono_ms() + SECRET_KEEP_S * 1000u);
	line_set(&typed, "another");
	cr_assert(secret_keep(&secret, &typed), "the newer one counts");
	cr_expect_str_eq(secret_get(&secret), "another");
	secret_forget(&secret);
	cr_expect_null(secret_get(&secret));
	cr_expect_str_eq(left(), "nothing");
	secret_forget(&secret);
}

Test(secret, its_time_is_over)
{
	keep(0);
	cr_expect_str_eq(left(), "nothing", "before anybody asked for it");
	cr_expect_eq(secret_wait_ms(&secret), 0);
	cr_expect_null(secret_get(&secret));
	cr_expect_null(secret.kept, "gone, not hidden");
	cr_expect_eq(secret_wait_ms(&secret), -1);
}

/* What is said changes when the wait is over, not before and not much later. */
Test(secret, counts_down)
{
	keep(125000);
	cr_expect_str_eq(left(), "2m");
	cr_expect(secret_wait_ms(&secret) > 4000 && secret_wait_ms(&secret) <= 5000);
	keep(55000);
	cr_expect_str_eq(left(), "60s");
	cr_expect(secret_wait_ms(&secret) > 4000 && secret_wait_ms(&secret) <= 5000);
	keep(8000);
	cr_expect_str_eq(left(), "10s");
	cr_expect(secret_wait_ms(&secret) > 7000 && secret_wait_ms(&secret) <= 8000);
	secret_forget(&secret);
}
