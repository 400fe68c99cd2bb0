/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of an S3 server's answers, of a person's AWS files, and how a file is cut in parts.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "deploy/remote_s3.h"
#include "deploy/s3_xml.h"

TestSuite(s3);

Test(s3, elements)
{
	static const struct {
		const char *doc, *name, *text; /* text NULL: there is none */
	} cases[] = {
		{ "<Error><Code>SlowDown</Code></Error>", "Code", "SlowDown" },
		{ "<a x='1'>v</a>", "a", "v" },
		{ "<a/>", "a", "" },
		{ "<ab>x</ab><a>y</a>", "a", "y" },
		{ "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a>", "a", "<>&\"'AB" },
		{ "<a>&amp;lt;</a>", "a", "&lt;" },
		{ "<a>&#0;&#300;&#x;&no;&</a>", "a", "&#0;&#300;&#x;&no;&" },
		{ "<a>x<b>y</b></a>", "a", NULL },
		{ "<a>x</a", "a", NULL },
		{ "<a", "a", NULL },
		{ "<a>x</b>", "a", NULL },
		{ "", "a", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		const bool found = s3_xml_text(str_of(cases[i].doc), cases[i].name, &b);

		cr_expect_eq(found, cases[i].text != NULL, "%s", cases[i].doc);
		cr_expect_str_eq(buf_cstr(&b), cases[i].text ? cases[i].text : "", "%s",
		                 cases[i].doc);
	}
	cr_expect(s3_xml_is(STR("<?xml version='1.0'?>\n <Error>"), "Error"));
	cr_expect_not(s3_xml_is(STR("<Errors>"), "Error"));
	cr_expect_not(s3_xml_is(STR("<?xml <Error>"), "Error"));
	cr_expect_not(s3_xml_is(STR("x<Error>"), "Error"));
}

/* Each cut of an answer ends, and reads nothing beyond its end. */
Test(s3, answers_that_are_cut)
{
	static const char doc[] = "<?xml?><R><Part><N>1</N></Part><Part><N>&#50;</N></Part></R>";

	for (size_t n = 0; n < sizeof doc; n++) {
		cleanup_free char *copy = xmalloc(n ? n : 1);
		struct str s = { copy, n }, one;
		size_t at = 0, parts = 0;

		memcpy(copy, doc, n);
		while (s3_xml_next(s, "Part", &at, &one)) {
			cleanup_buf struct buf b = { 0 };

			cr_expect(s3_xml_text(one, "N", &b));
			cr_expect_str_eq(buf_cstr(&b), parts++ ? "2" : "1");
		}
		cr_expect_eq(parts, n >= 56 ? 2 : n >= 31 ? 1 : 0, "%zu: %zu", n, parts);
	}
}

Test(s3, profiles)
{
	static const struct {
		const char *text, *section;
		int rc;
		const char *key, *secret, *region;
	} cases[] = {
		{ "[default]\naws_access_key_id=A\naws_secret_access_key = S/+= \n", "default", 0,
		  "A", "S/+=", NULL },
		{ "[a]\naws_access_key_id=A\n[b]\naws_access_key_id=B\n", "b", 0, "B", NULL, NULL },
		{ "[ab]\naws_access_key_id=A\n", "a", 0, NULL, NULL, NULL },
		{ "# c\n[profile x]\r\nregion = eu\r\n", "profile x", 0, NULL, NULL, "eu" },
		{ "[d]\ns3 =\n  region = no\nregion = yes", "d", 0, NULL, NULL, "yes" },
		{ "[d]\nregion = 1\nregion = 2", "d", 0, NULL, NULL, "1" },
		{ "aws_access_key_id=A\n", "default", 0, NULL, NULL, NULL },
		{ "[d]\nwhat\n", "d", -1, NULL, NULL, NULL },
		{ "[d\n", "d", -1, NULL, NULL, NULL },
		{ "[c]\nwhat\n[d]\nregion=1", "d", 0, NULL, NULL, "1" },
		{ "", "d", 0, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct s3_profile p = { 0 };

		cr_expect_eq(s3_profile_parse(str_of(cases[i].text), cases[i].section, &p),
		             cases[i].rc, "%s", cases[i].text);
		cr_expect(streq(p.key, cases[i].key), "%s", cases[i].text);
		cr_expect(streq(p.secret, cases[i].secret), "%s", cases[i].text);
		cr_expect(streq(p.region, cases[i].region), "%s", cases[i].text);
		s3_profile_fini(&p);
	}
}

/* 10000 parts at most, whole MiB; the checksum of parts is one of checksums. */
Test(s3, parts)
{
	const uint64_t mib = (uint64_t)1 << 20, tib = mib << 20;
	struct digest d[2];
	char text[64];

	cr_expect_eq(s3_part_size(1), 16 * mib);
	cr_expect_eq(s3_part_size(4096 * mib), 16 * mib);
	cr_expect_eq(s3_part_size(160000 * mib), 16 * mib);
	cr_expect_eq(s3_part_size(160000 * mib + 1), 17 * mib);
	cr_expect_leq((5 * tib + s3_part_size(5 * tib) - 1) / s3_part_size(5 * tib), 10000);
	digest_small("hello", 5, &d[0]);
	digest_small("", 0, &d[1]);
	s3_checksum(&d[1], text);
	cr_expect_str_eq(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
	s3_composite(d, 2, text);
	cr_expect_str_eq(text, "b1bLcxXy79o5JPlm/+6KC1kFdIH/4oeHbIY9tE8uVoM=-2");
}

/* One reading gives the digest of each block and of all of them. */
Test(s3, a_reading_of_blocks)
{
	struct s3_object o = { .name = "f", .size = 10, .text = str_of("hellohello") };
	struct s3_reader r;
	struct digest hello, got;
	struct err e = { 0 };
	char p[8];

	digest_small("hello", 5, &hello);
	digest_small("hellohello", 10, &o.digest);
	cr_assert_eq(s3_reader_open(&r, &o, &e), 0);
	for (size_t i = 0; i < 2; i++) {
		cr_expect_eq(s3_reader_next(&r, p, 5, &got, &e), 0);
		cr_expect(digest_eq(&got, &hello), "block %zu", i);
	}
	cr_expect_eq(s3_reader_end(&r, &e), 0, "%s", e.msg);
	s3_reader_close(&r);

	o.digest = hello;
	cr_assert_eq(s3_reader_open(&r, &o, &e), 0);
	cr_expect_eq(s3_reader_next(&r, p, 5, NULL, &e), 0);
	cr_expect_eq(s3_reader_next(&r, p, 5, &got, &e), 0);
	cr_expect_eq(s3_reader_end(&r, &e), -ERR_DIGEST);
	s3_reader_close(&r);
}

Test(s3, where_requests_go)
{
	static const struct {
		const char *bucket, *option, *profile, *base; /* base NULL: USAGE */
		bool allow_plain;
	} cases[] = {
		{ "b", NULL, NULL, "https://b.s3.eu-west-3.amazonaws.com", false },
		{ "b.c", NULL, NULL, "https://s3.eu-west-3.amazonaws.com/b.c", false },
		{ "b", "https://h", NULL, "https://h/b", false },
		{ "b", "https://h:9000/", NULL, "https://h:9000/b", false },
		{ "b", NULL, "https://h", "https://h/b", false },
		{ "b", "https://h", "https://other", "https://h/b", false },
		{ "b", "https://{bucket}.h:9000", NULL, "https://b.h:9000", false },
		{ "b", "h", NULL, "https://h/b", false },
		{ "b", "h", NULL, "http://h/b", true },
		{ "b", "https://h/path", NULL, NULL, false },
		{ "b", "https://h?x", NULL, NULL, false },
		{ "b", "https://me@h", NULL, NULL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *bucket = xstrdup(cases[i].bucket);
		cleanup_free char *endpoint = cases[i].profile ? xstrdup(cases[i].profile) : NULL;
		struct s3 s = { .bucket = bucket,
			        .region = "eu-west-3",
			        .who = { .endpoint = endpoint },
			        .o = { .endpoint = cases[i].option,
			               .allow_plain = cases[i].allow_plain } };
		struct err e = { 0 };

		cr_expect_eq(s3_set_base(&s, &e), cases[i].base ? 0 : -(int)ERR_USAGE, "%zu: %s", i,
		             e.msg);
		if (cases[i].base)
			cr_expect_str_eq(s.base, cases[i].base, "%zu", i);
		free(s.base);
	}
}
