/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading objects of a cluster: members by path, conditions by type, times, text made safe. Knows
 * their common shape and no kind of them.
 */
#include "deploy/kube_look.h"

#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"

const json_t *
kube_at(const json_t *o, const char *path)
{
	char key[128];

	while (o && *path) {
		const size_t n = strcspn(path, ".");

		if (n >= sizeof key)
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		o = json_object_get(o, key);
		path += n + (path[n] == '.');
	}
	return o;
}

const char *
kube_text(const json_t *o, const char *path)
{
	const char *s = json_string_value(kube_at(o, path));

	return s ? s : "";
}

int64_t
kube_number(const json_t *o, const char *path, int64_t absent)
{
	const json_t *v = kube_at(o, path);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : absent;
}

const json_t *
kube_condition(const json_t *o, const char *type)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(o, "status.conditions"), i,
	                   one) if (streq(json_opt_string(one, "type"), type)) return one;
	return NULL;
}

/* "Z" or "+02:00". */
static bool
zone(const char *s, int64_t *ret)
{
	static const char digits[] = "0123456789";
	int64_t minutes;

	*ret = 0;
	if (streq(s, "Z"))
		return true;
	if ((*s != '+' && *s != '-') || strlen(s) != 6 || s[3] != ':' ||
	    strspn(s + 1, digits) != 2 || strspn(s + 4, digits) != 2)
		return false;
	minutes = ((s[1] - '0') * 10 + s[2] - '0') * 60 + (s[4] - '0') * 10 + s[5] - '0';
	*ret = minutes * (*s == '-' ? -60 : 60);
	return true;
}

int64_t
kube_time(const json_t *o, const char *path)
{
	const size_t n = strlen("2026-11-27T01:02:03");
	char text[CLOCK_TEXT_SIZE];
	const char *s = kube_text(o, path);
	int64_t t, offset;

	if (strlen(s) <= n || n + 2 > sizeof text)
		return 0;
	memcpy(text, s, n);
	memcpy(text + n, "Z", 2);
	s += n;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	return clock_parse(text, &t) == 0 && zone(s, &offset) ? t - offset : 0;
}

void
kube_safe(char *ret, size_t size, const char *foreign)
{
	cleanup_buf struct buf b = { 0 };
	size_t n;

	text_safe(&b, str_of(foreign));
	n = b.n < size - 1 ? b.n : size - 1;
	memcpy(ret, b.n ? b.p : "", n);
	while (n > 0 && n < b.n && ((unsigned char)b.p[n] & 0xC0) == 0x80)
		n--; /* not in the middle of a character */
	ret[n] = '\0';
}
