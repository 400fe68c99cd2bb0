/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign text made safe. One scanner decides for each code point whether a person may see it as
 * it is; text_safe and text_json differ only in how they write the others. Where the locale is not
 * UTF-8 nothing beyond ASCII is shown raw. Knows nothing of terminals, columns or colours.
 */
#include "registry/base/text.h"

#include <langinfo.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#define MARKS_MAX 4u /* more in a row pile up over the lines above */

struct range {
	uint32_t lo, hi;
};

/* Sorted. What hides, reorders or has no glyph of its own; noncharacters are found by rule. */
static const struct range hidden[] = {
	{ 0x0080, 0x009f },   /* C1 */
	{ 0x00ad, 0x00ad },   /* soft hyphen */
	{ 0x034f, 0x034f },   /* grapheme joiner */
	{ 0x061c, 0x061c },   /* Arabic letter mark: bidi */
	{ 0x115f, 0x1160 },   /* Hangul fillers */
	{ 0x17b4, 0x17b5 },   /* Khmer inherent vowels */
	{ 0x180b, 0x180f },   /* Mongolian variation selectors */
	{ 0x200b, 0x200f },   /* zero width, bidi marks */
	{ 0x2028, 0x202e },   /* line and paragraph separator, bidi */
	{ 0x2060, 0x206f },   /* word joiner, invisible operators, bidi isolates */
	{ 0x3164, 0x3164 },   /* Hangul filler */
	{ 0xd800, 0xf8ff },   /* surrogates, private use */
	{ 0xfdd0, 0xfdef },   /* noncharacters */
	{ 0xfe00, 0xfe0f },   /* variation selectors */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xffa0, 0xffa0 },   /* halfwidth Hangul filler */
	{ 0xfff0, 0xfffb },   /* unassigned, interlinear annotation */
	{ 0x1bca0, 0x1bca3 }, /* shorthand format controls */
	{ 0x1d173, 0x1d17a }, /* musical format controls */
	{ 0xe0000, 0xe0fff }, /* tags, variation selectors */
	{ 0xf0000, 0x10ffff }, /* private use */
};

enum shown { SHOWN, AS_CODE, AS_BYTE };

struct scan {
	bool utf8;
	unsigned marks; /* in a row before this point; MARKS_MAX where nothing carries them */
};

static bool
locale_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool
is_hidden(uint32_t c)
{
	size_t lo = 0, hi = COUNT(hidden);

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		if (c > hidden[mid].hi)
			lo = mid + 1;
		else if (c < hidden[mid].lo)
			hi = mid;
		else
			return true;
	}
	return (c & 0xfffe) == 0xfffe;
}

/* Cells of a code point that may be shown, -1 of one that may not. */
static int
cells(uint32_t c, bool utf8)
{
	if (c < 0x80)
		return c < 0x20 || c == 0x7f ? -1 : 1;
	if (!utf8 || is_hidden(c))
		return -1;
	return wcwidth((wchar_t)c);
}

/* Length of the leading run of printable ASCII without backslash and quote, eight bytes at a time:
 * nearly all text is only this. */
static size_t
plain_run(const char *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t v;
		memcpy(&v, p + i, 8);
		const uint64_t backslash = v ^ (ones * '\\'), quote = v ^ (ones * '"');
		const uint64_t del = v ^ (ones * 0x7f);
		const uint64_t bad = v | (v - ones * 0x20) | (backslash - ones) | (quote - ones) |
				     (del - ones);
		/* a borrow may cry wolf, never hide one: the loop below decides */
		if (bad & high)
			break;
	}
	while (i < n) {
		const unsigned char c = (unsigned char)p[i];
		if (c < 0x20 || c >= 0x7f || c == '\\' || c == '"')
			break;
		i++;
	}
	return i;
}

bool
text_is_plain(struct str s)
{
	return plain_run(s.p, s.n) == s.n;
}

size_t
text_decode(const char *p, size_t n, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)p;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	if (n == 0)
		return 0;
	c = u[0];
	if (c < 0x80) {
		*ret = c;
		return 1;
	}
	if (c < 0xc2 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

int
text_is_utf8(struct str s)
{
	size_t i = 0;

	while (i < s.n) {
		uint32_t c;
		size_t len = plain_run(s.p + i, s.n - i);
		if (len == 0)
			len = text_decode(s.p + i, s.n - i, &c);
		if (len == 0)
			return 0;
		i += len;
	}
	return 1;
}

/* The next code point, or the one byte that starts none. */
static enum shown
scan_next(struct scan *t, const char *p, size_t n, size_t *ret_n, uint32_t *ret_c)
{
	int w;

	*ret_n = text_decode(p, n, ret_c);
	if (*ret_n == 0) {
		*ret_n = 1;
		*ret_c = (unsigned char)*p;
		t->marks = MARKS_MAX;
		return AS_BYTE;
	}
	w = cells(*ret_c, t->utf8);
	if (w < 0) {
		t->marks = MARKS_MAX;
		return *ret_c < 0x80 ? AS_BYTE : AS_CODE;
	}
	if (w == 0 && t->marks >= MARKS_MAX)
		return AS_CODE;
	t->marks = w == 0 ? t->marks + 1 : 0;
	return SHOWN;
}

static void
add_byte(struct buf *ret, uint32_t c)
{
	static const char hex[] = "0123456789abcdef";
	const char esc[4] = { '\\', 'x', hex[c >> 4 & 15], hex[c & 15] };

	buf_add(ret, esc, sizeof(esc));
}

static void
safe(struct buf *ret, struct str s, bool keep_lf)
{
	struct scan t = { .marks = MARKS_MAX };
	size_t i = plain_run(s.p, s.n);

	buf_add(ret, s.p, i);
	if (i == s.n)
		return; /* most text, before the locale is asked */
	t.utf8 = locale_is_utf8();
	t.marks = i > 0 ? 0 : MARKS_MAX;
	while (i < s.n) {
		uint32_t c;
		size_t len = plain_run(s.p + i, s.n - i);
		if (len > 0) {
			buf_add(ret, s.p + i, len);
			t.marks = 0;
			i += len;
			continue;
		}
		switch (scan_next(&t, s.p + i, s.n - i, &len, &c)) {
		case SHOWN:
			buf_add(ret, s.p + i, len);
			if (c == '\\') {
				buf_addc(ret, '\\');
				t.marks = MARKS_MAX;
			}
			break;
		case AS_BYTE:
			if (keep_lf && c == '\n')
				buf_addc(ret, '\n');
			else
				add_byte(ret, c);
			break;
		case AS_CODE:
			buf_addf(ret, "\\u{%x}", c);
			break;
		}
		i += len;
	}
}

void
text_safe(struct buf *ret, struct str s)
{
	safe(ret, s, false);
}

void
text_safe_lines(struct buf *ret, struct str s)
{
	safe(ret, s, true);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the escape at p (which is a backslash) and the value it stands for; 0: it is none. */
static size_t
escape_length(const char *p, size_t n, uint32_t *ret, enum shown *ret_kind)
{
	size_t i = 3;
	uint32_t c = 0;

	if (n >= 2 && p[1] == '\\') {
		*ret = '\\';
		*ret_kind = AS_BYTE;
		return 2;
	}
	if (n >= 4 && p[1] == 'x' && hex_value(p[2]) >= 0 && hex_value(p[3]) >= 0) {
		*ret = (uint32_t)(hex_value(p[2]) << 4 | hex_value(p[3]));
		*ret_kind = AS_BYTE;
		return 4;
	}
	if (n < 6 || p[1] != 'u' || p[2] != '{' || p[3] == '0')
		return 0;
	for (; i < n && i < 9 && hex_value(p[i]) >= 0; i++)
		c = c << 4 | (uint32_t)hex_value(p[i]);
	if (i >= n || p[i] != '}' || c < 0x80 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	*ret_kind = AS_CODE;
	return i + 1;
}

static void
add_code(struct buf *ret, uint32_t c)
{
	char u[4];
	size_t n = 0;

	if (c < 0x800) {
		u[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		u[n++] = (char)(0xe0 | c >> 12);
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		u[n++] = (char)(0xf0 | c >> 18);
		u[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	u[n++] = (char)(0x80 | (c & 0x3f));
	buf_add(ret, u, n);
}

int
text_unescape(struct buf *ret, struct str s)
{
	cleanup_buf struct buf b = { 0 };
	size_t i = 0;

	while (i < s.n) {
		enum shown kind = SHOWN;
		uint32_t c = 0;
		size_t len;

		if (s.p[i] == '\\')
			len = escape_length(s.p + i, s.n - i, &c, &kind);
		else
			len = text_decode(s.p + i, s.n - i, &c);
		if (len == 0 || (kind == SHOWN && (c < 0x20 || c == 0x7f)))
			return -1;
		if (kind == SHOWN)
			buf_add(&b, s.p + i, len);
		else if (kind == AS_BYTE)
			buf_addc(&b, (char)c);
		else
			add_code(&b, c);
		i += len;
	}
	buf_add(ret, b.p, b.n);
	return 0;
}

/* What must stay together: an escape, or a character with the marks above it. */
static size_t
unit_next(const char *p, size_t n, bool utf8, size_t *ret_width)
{
	enum shown kind;
	uint32_t c = 0;
	size_t len, more;
	int w;

	if (*p == '\\') {
		len = escape_length(p, n, &c, &kind);
		*ret_width = len > 0 ? len : 1;
		return *ret_width;
	}
	len = text_decode(p, n, &c);
	w = len > 0 ? cells(c, utf8) : 1;
	*ret_width = w < 0 ? 1 : (size_t)w; /* our own ellipsis where wcwidth does not know it */
	len = len > 0 ? len : 1;
	while (len < n && (unsigned char)p[len] >= 0x80) {
		more = text_decode(p + len, n - len, &c);
		if (more == 0 || cells(c, utf8) != 0)
			break;
		len += more;
	}
	return len;
}

size_t
text_width(struct str safe)
{
	size_t i = plain_run(safe.p, safe.n), width = i;
	bool utf8;

	if (i == safe.n)
		return width;
	utf8 = locale_is_utf8();
	while (i < safe.n) {
		size_t w;
		i += unit_next(safe.p + i, safe.n - i, utf8, &w);
		width += w;
	}
	return width;
}

/* Bytes of the longest head that fits, and its width. */
static size_t
head_fitting(struct str s, size_t width, bool utf8, size_t *ret_width)
{
	size_t i = 0, used = 0;

	while (i < s.n) {
		size_t w;
		const size_t len = unit_next(s.p + i, s.n - i, utf8, &w);
		if (used + w > width)
			break;
		used += w;
		i += len;
	}
	*ret_width = used;
	return i;
}

static void
pad_to(struct buf *ret, size_t used, size_t width)
{
	if (used >= width)
		return;
	memset(buf_reserve(ret, width - used), ' ', width - used);
	ret->n += width - used;
	ret->p[ret->n] = '\0';
}

void
text_fit(struct buf *ret, struct str safe, size_t width, enum text_cut cut, int pad, int ascii)
{
	const size_t total = text_width(safe);
	const bool utf8 = locale_is_utf8();
	size_t head, used, i, left;

	if (total <= width) {
		buf_add(ret, safe.p, safe.n);
		pad_to(ret, total, pad ? width : 0);
		return;
	}
	if (width == 0)
		return;
	left = cut == TEXT_CUT_MIDDLE ? width / 2 : width - 1;
	head = head_fitting(safe, left, utf8, &used);
	buf_add(ret, safe.p, head);
	buf_adds(ret, ascii || !utf8 ? "~" : "\xe2\x80\xa6");
	left = total - used;
	used++;
	for (i = head; i < safe.n && used + left > width;) {
		size_t w;
		i += unit_next(safe.p + i, safe.n - i, utf8, &w);
		left -= w;
	}
	if (cut == TEXT_CUT_MIDDLE) {
		buf_add(ret, safe.p + i, safe.n - i);
		used += left;
	}
	pad_to(ret, used, pad ? width : 0);
}

static void
add_json_unit(struct buf *ret, uint32_t c)
{
	static const char hex[] = "0123456789abcdef";
	const char esc[6] = { '\\', 'u', hex[c >> 12 & 15], hex[c >> 8 & 15], hex[c >> 4 & 15],
			      hex[c & 15] };

	buf_add(ret, esc, sizeof(esc));
}

static void
add_json_escape(struct buf *ret, uint32_t c)
{
	if (c == '\n')
		buf_adds(ret, "\\n");
	else if (c == '\t')
		buf_adds(ret, "\\t");
	else if (c == '\r')
		buf_adds(ret, "\\r");
	else if (c < 0x10000)
		add_json_unit(ret, c);
	else {
		add_json_unit(ret, 0xd800 + ((c - 0x10000) >> 10));
		add_json_unit(ret, 0xdc00 + ((c - 0x10000) & 0x3ff));
	}
}

void
text_json(struct buf *ret, struct str s)
{
	struct scan t = { .marks = MARKS_MAX };
	size_t i = plain_run(s.p, s.n);

	buf_add(ret, s.p, i);
	if (i == s.n)
		return;
	t.utf8 = locale_is_utf8();
	t.marks = i > 0 ? 0 : MARKS_MAX;
	while (i < s.n) {
		uint32_t c;
		size_t len = plain_run(s.p + i, s.n - i);
		if (len > 0) {
			buf_add(ret, s.p + i, len);
			t.marks = 0;
			i += len;
			continue;
		}
		switch (scan_next(&t, s.p + i, s.n - i, &len, &c)) {
		case SHOWN:
			if (c == '\\' || c == '"')
				buf_addc(ret, '\\');
			buf_add(ret, s.p + i, len);
			break;
		case AS_BYTE:
			add_json_escape(ret, c < 0x80 ? c : 0xfffd);
			break;
		case AS_CODE:
			add_json_escape(ret, c);
			break;
		}
		i += len;
	}
}

/* "12", or "1.2" of 12 tenths, and the mark: snprintf would be most of the price of a list. */
static void
write_short(char ret[16], unsigned v, bool tenths, char mark)
{
	char digits[10];
	size_t n = 0, at = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0) {
		if (tenths && n == 1)
			ret[at++] = '.';
		ret[at++] = digits[--n];
	}
	ret[at++] = mark;
	ret[at] = '\0';
}

void
text_size(char ret[16], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths, whole;
	unsigned u = 0, shift = 10;

	if (bytes < 1000) {
		write_short(ret, (unsigned)bytes, false, 'B');
		return;
	}
	for (;; u++, shift += 10) {
		const uint64_t part = (bytes >> (shift - 10) & 1023) * 10;
		tenths = (bytes >> shift) * 10 + (part + 512) / 1024;
		whole = (bytes >> shift) + (bytes >> (shift - 1) & 1);
		if (whole < 1000)
			break;
	}
	write_short(ret, (unsigned)(tenths < 100 ? tenths : whole), tenths < 100, units[u]);
}

void
text_age(char ret[16], int64_t then_s, int64_t now_s)
{
	static const struct {
		int64_t below, unit;
		char mark;
	} steps[] = {
		{ 60, 1, 's' }, { 3600, 60, 'm' }, { 86400, 3600, 'h' },
		{ INT64_C(730) * 86400, 86400, 'd' }, { INT64_MAX, INT64_C(365) * 86400, 'y' },
	};
	int64_t age;

	if (__builtin_sub_overflow(now_s, then_s, &age) || age <= 0) {
		(void)str_copy(ret, 16, "now");
		return;
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (age < steps[i].below || i + 1 == COUNT(steps)) {
			const int64_t v = age / steps[i].unit;
			write_short(ret, (unsigned)(v < 9999 ? v : 9999), false, steps[i].mark);
			return;
		}
	}
}

void
text_took(char ret[16], uint64_t seconds)
{
	if (seconds == 0)
		(void)str_copy(ret, 16, "<1s");
	else
		text_age(ret, 0, (int64_t)seconds);
}
