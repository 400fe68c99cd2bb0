/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of an S3 answer, found by name. It knows no S3 and no tree. */
#include "deploy/s3_xml.h"

#include <string.h>

static const struct {
	const char *name;
	char c;
} entities[] = {
	{ "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' }
};

static bool
at_text(struct str s, size_t i, const char *text)
{
	const size_t n = strlen(text);

	return i <= s.n && s.n - i >= n && memcmp(s.p + i, text, n) == 0;
}

/* Where the first text from i on begins; s.n: nowhere. */
static size_t
find(struct str s, size_t i, const char *text)
{
	const char *const p = i < s.n ? memmem(s.p + i, s.n - i, text, strlen(text)) : NULL;

	return p ? (size_t)(p - s.p) : s.n;
}

static bool
ends_name(struct str s, size_t i)
{
	return i < s.n && strchr(" \t\r\n/>", s.p[i]) && s.p[i];
}

bool
s3_xml_is(struct str doc, const char *name)
{
	const size_t n = strlen(name);
	size_t i = 0;

	for (;;) {
		while (i < doc.n && doc.p[i] && strchr(" \t\r\n", doc.p[i]))
			i++;
		if (!at_text(doc, i, "<?"))
			break;
		i = find(doc, i, "?>");
		if (i == doc.n)
			return false;
		i += 2;
	}
	return at_text(doc, i, "<") && at_text(doc, i + 1, name) && ends_name(doc, i + 1 + n);
}

bool
s3_xml_next(struct str doc, const char *name, size_t *at, struct str *ret)
{
	cleanup_free char *open = xasprintf("<%s", name), *close = xasprintf("</%s>", name);
	size_t i = at ? *at : 0;

	for (;; i++) {
		size_t begin, end;

		i = find(doc, i, open);
		if (i >= doc.n)
			return false;
		if (!ends_name(doc, i + strlen(open)))
			continue;
		begin = find(doc, i, ">");
		if (begin == doc.n)
			return false;
		end = doc.p[begin - 1] == '/' ? begin + 1 : find(doc, begin + 1, close);
		if (end == doc.n && doc.p[begin - 1] != '/')
			return false;
		*ret = (struct str){ doc.p + begin + 1, end - begin - 1 };
		if (at)
			*at = end + (doc.p[begin - 1] == '/' ? 0 : strlen(close));
		return true;
	}
}

/* "&#10;" or "&#xA;", below 128 only: what we read is ASCII. Bytes taken; 0: none. */
static size_t
number(struct str s, size_t i, char *ret)
{
	const bool is_hex = at_text(s, i, "&#x");
	unsigned v = 0;
	size_t n = is_hex ? 3 : 2;

	if (!at_text(s, i, "&#"))
		return 0;
	for (; i + n < s.n && n < 9 && s.p[i + n] != ';'; n++) {
		static const char digits[] = "0123456789abcdef";
		const char c = s.p[i + n];
		const char *const d = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		if (!d || (!is_hex && d - digits > 9))
			return 0;
		v = v * (is_hex ? 16 : 10) + (unsigned)(d - digits);
	}
	if (i + n >= s.n || s.p[i + n] != ';' || v == 0 || v > 127)
		return 0;
	*ret = (char)v;
	return n + 1;
}

bool
s3_xml_text(struct str doc, const char *name, struct buf *ret)
{
	struct str s;

	if (!s3_xml_next(doc, name, NULL, &s) || (s.n > 0 && memchr(s.p, '<', s.n)))
		return false;
	for (size_t i = 0; i < s.n;) {
		char c = s.p[i];
		size_t n = 1;

		for (size_t k = 0; c == '&' && n == 1 && k < COUNT(entities); k++) {
			if (!at_text(s, i, entities[k].name))
				continue;
			c = entities[k].c;
			n = strlen(entities[k].name);
			break;
		}
		if (s.p[i] == '&' && n == 1) {
			n = number(s, i, &c);
			n = n ? n : 1;
		}
		buf_addc(ret, c);
		i += n;
	}
	return true;
}

void
s3_xml_escape(struct buf *ret, const char *text)
{
	for (const char *p = text; *p; p++) {
		size_t k = 0;

		while (k < COUNT(entities) && entities[k].c != *p)
			k++;
		if (k < COUNT(entities))
			buf_adds(ret, entities[k].name);
		else
			buf_addc(ret, *p);
	}
}
