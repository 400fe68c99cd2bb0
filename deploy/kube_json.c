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

int64_t
kube_time(const json_t *o, const char *path)
{
	char text[CLOCK_TEXT_SIZE];
	const char *s = kube_text(o, path);
	const size_t n = strcspn(s, ".Z");
	int64_t t;

	if (n + 2 > sizeof text)
		return 0;
	memcpy(text, s, n);
	memcpy(text + n, "Z", 2);
	return clock_parse(text, &t) == 0 ? t : 0;
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
