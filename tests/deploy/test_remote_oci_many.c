/* SPDX-License-Identifier: Apache-2.0 */
/* Many small blobs, several at a time: what becomes of them when it fails. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "deploy/remote_oci.h"
#include "tests/deploy/server.h"

TestSuite(remote_oci_many);

#define TEXT "hello"

struct asked {
	unsigned inside, most, all, enough;
};

static int
check_one(void *arg, struct err *e)
{
	struct asked *const a = arg;
	const unsigned n = __atomic_add_fetch(&a->inside, 1, __ATOMIC_SEQ_CST);
	const struct timespec t = { .tv_nsec = 1000000 };

	if (n > a->most)
		a->most = n;
	(void)nanosleep(&t, NULL);
	(void)__atomic_sub_fetch(&a->inside, 1, __ATOMIC_SEQ_CST);
	return ++a->all < a->enough ? 0 : err_set(e, ERR_CANCELLED, "enough");
}

/* Several ways, one error: nobody listens, or the caller, who is asked by one of them at a time,
 * has enough. */
Test(remote_oci_many, that_fail)
{
	static const struct {
		unsigned enough;
		int rc;
	} cases[] = { { 100000, -ERR_UNREACHABLE }, { 1, -ERR_CANCELLED }, { 9, -ERR_CANCELLED } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct asked asked = { .enough = cases[i].enough };
		const struct remote_options o = { .check = check_one, .arg = &asked };
		struct blob b[40] = { 0 };
		struct oci s = { 0 };
		struct remote_put put = { 0 };
		struct err e = { 0 };
		char url[64];

		server_nobody(url, sizeof url);
		for (size_t k = 0; k < COUNT(b); k++) {
			b[k] = (struct blob){ .name = "f", .size = 5, .text = str_of(TEXT) };
			digest_small(TEXT, strlen(TEXT), &b[k].digest);
		}
		cr_assert_eq(oci_connect(&s, url + strlen("http://"), "m", &o, &e), 0, "%s", e.msg);
		cr_assert_eq(oci_use(&s, "m", &e), 0, "%s", e.msg);
		cr_expect_eq(oci_put_blobs(&s, "m", b, COUNT(b), &put, &e), cases[i].rc, "%zu: %s",
		             i, e.msg);
		cr_expect_eq(asked.most, 1, "%zu: %u", i, asked.most);
		cr_expect_eq(put.sent + put.present, 0);
		oci_disconnect(&s);
	}
}
