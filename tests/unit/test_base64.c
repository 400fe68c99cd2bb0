/* SPDX-License-Identifier: Apache-2.0 */
/* One spelling for each value, and no byte that is none of the alphabet. */
#include "crypto/base64.h"

#include <limits.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sodium.h>

#define ORIGINAL sodium_base64_VARIANT_ORIGINAL
#define URLSAFE  sodium_base64_VARIANT_URLSAFE

Test(base64, table)
{
	static const struct {
		const char *text, *ignore;
		int variant, rc;
		const char *want;
	} cases[] = {
		{ "", NULL, ORIGINAL, 0, "" },
		{ "YQ==", NULL, ORIGINAL, 0, "a" },
		{ "YWI=", NULL, ORIGINAL, 0, "ab" },
		{ "YWJj", NULL, ORIGINAL, 0, "abc" },
		{ "/+/+", NULL, ORIGINAL, 0, "\xff\xef\xfe" },
		{ "_-_-", NULL, URLSAFE, 0, "\xff\xef\xfe" },
		{ "_-_-", NULL, ORIGINAL, -1, "" },
		{ "/+/+", NULL, URLSAFE, -1, "" },
		{ "YWI", NULL, ORIGINAL, -1, "" },
		{ "YWI==", NULL, ORIGINAL, -1, "" },
		{ "YWJ=", NULL, ORIGINAL, -1, "" }, /* stray bits */
		{ "YR==", NULL, ORIGINAL, -1, "" },
		{ "Y", NULL, ORIGINAL, -1, "" },
		{ "YWJj\n", NULL, ORIGINAL, -1, "" },
		{ " YWJj", NULL, ORIGINAL, -1, "" },
		{ "YW\nJj\n", "\n", ORIGINAL, 0, "abc" },
		{ "YW\r\nI=\r\n", "\r\n", ORIGINAL, 0, "ab" },
		{ "YW Jj", "\n", ORIGINAL, -1, "" },
		{ "YW\xc3\xa9j", NULL, ORIGINAL, -1, "" },
		{ "YWJjYWJjYWJjYWJj", NULL, ORIGINAL, -1, "" }, /* more than 9 bytes */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t got[9];
		size_t n = 99;
		int rc = base64_read(got, sizeof got, &n, cases[i].text, strlen(cases[i].text),
		                     cases[i].ignore, cases[i].variant);

		cr_expect_eq(rc, cases[i].rc, "case %zu", i);
		if (rc == 0)
			cr_expect(n == strlen(cases[i].want) && memcmp(got, cases[i].want, n) == 0,
			          "case %zu", i);
	}
}

/* libsodium 1.0.18 takes half of all bytes for the last character of the alphabet. */
Test(base64, every_byte)
{
	static const char alphabet[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const int variants[] = { ORIGINAL, URLSAFE };

	for (size_t v = 0; v < 2; v++) {
		const char *more = v == 0 ? "+/" : "-_";

		for (int c = 0; c <= UCHAR_MAX; c++) {
			const char text[] = { 'A', (char)c, 'A', 'A' };
			const int is_in = c != 0 && (strchr(alphabet, c) || strchr(more, c));
			uint8_t got[3];
			size_t n;

			cr_expect_eq(base64_read(got, sizeof got, &n, text, 4, NULL, variants[v]),
			             is_in ? 0 : -1, "byte %02x", (unsigned)c);
			/* nor is any byte one to ignore that was not said to be */
			cr_expect_eq(base64_read(got, sizeof got, &n, text, 4, "\n", variants[v]),
			             is_in ? 0 : -1, "byte %02x", (unsigned)c);
		}
	}
}

Test(base64, nul_is_not_ignored)
{
	static const char text[] = "YW\0Jj";
	uint8_t got[9];
	size_t n;

	cr_expect_eq(base64_read(got, sizeof got, &n, text, sizeof text - 1, "\r\n", ORIGINAL), -1);
}
