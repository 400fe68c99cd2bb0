/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are an answer of an S3 server, or a person's AWS file. Nothing is read beyond the end,
 * what is escaped comes back as it was, and no secret is made of nothing.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/s3_profile.h"
#include "deploy/s3_xml.h"
#include "registry/base/buf.h"

static void
as_answer(struct str doc)
{
	static const char *const names[] = { "Error", "Code", "UploadId", "Part", "ETag", "a" };
	struct str one;

	for (size_t i = 0; i < COUNT(names); i++) {
		cleanup_buf struct buf text = { 0 };
		size_t at = 0, last = 0;

		(void)s3_xml_is(doc, names[i]);
		while (s3_xml_next(doc, names[i], &at, &one)) {
			PROMISE(at > last && at <= doc.n);
			PROMISE(one.n == 0 || (one.p >= doc.p && one.p + one.n <= doc.p + doc.n));
			last = at;
		}
		(void)s3_xml_text(doc, names[i], &text);
		PROMISE(text.n <= doc.n);
	}
}

/* Any text without a NUL, as the text of an element. */
static void
escaped(struct str s)
{
	cleanup_free char *text = xstrndup(s.n ? s.p : "", s.n ? strnlen(s.p, s.n) : 0);
	cleanup_buf struct buf doc = { 0 }, again = { 0 };

	buf_adds(&doc, "<a>");
	s3_xml_escape(&doc, text);
	buf_adds(&doc, "</a>");
	PROMISE(s3_xml_text(buf_str(&doc), "a", &again));
	PROMISE(again.n == strlen(text) && memcmp(buf_cstr(&again), text, again.n) == 0);
}

static void
as_file(struct str text)
{
	static const char *const sections[] = { "default", "profile site", "" };

	for (size_t i = 0; i < COUNT(sections); i++) {
		struct s3_profile p = { 0 };
		const int rc = s3_profile_parse(text, sections[i], &p);
		const char *const words[] = { p.key, p.secret, p.token, p.region, p.endpoint };

		PROMISE(rc == 0 || rc == -1);
		for (size_t k = 0; k < COUNT(words); k++)
			PROMISE(!words[k] || strlen(words[k]) <= text.n);
		s3_profile_fini(&p);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	as_answer(input(p, n));
	escaped(input(p, n));
	as_file(input(p, n));
	return 0;
}
