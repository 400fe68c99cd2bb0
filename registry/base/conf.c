/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings. A table of keys says where each value goes and which values it may have; a file that is
 * not there is empty, unless the environment names it. Flags and their precedence are the caller's.
 */
#include "registry/base/conf.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/base/out.h"
#include "registry/base/text.h"

#define CONF_MAX  ((size_t)64 * 1024)
#define CONF_SITE "/etc/slipway/config"

struct key {
	const char *name;
	size_t offset;
	bool (*is_valid)(const char *value); /* NULL: any */
	const char *expected;
};

static bool
is_color(const char *value)
{
	return streq(value, "auto") || streq(value, "always") || streq(value, "never");
}

static bool
is_output(const char *value)
{
	enum out_format f;

	return out_parse_format(value, &f) == 0;
}

/* clang-format off */
static const struct key keys[] = {
	{ "registry", offsetof(struct conf, registry), NULL,      NULL },
	{ "color",    offsetof(struct conf, color),    is_color,  "auto, always or never" },
	{ "output",   offsetof(struct conf, output),   is_output,
	  "text, wide, tsv, name, json or ndjson" },
	{ "editor",   offsetof(struct conf, editor),   NULL,      NULL },
	{ "pager",    offsetof(struct conf, pager),    NULL,      NULL },
};
/* clang-format on */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct str
trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* "#" begins a comment at the start of a line or behind a blank: a path may have one inside. */
static struct str
without_comment(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#' && (i == 0 || is_blank(line.p[i - 1])))
			return (struct str){ line.p, i };
	}
	return line;
}

static bool
is_clean(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		const unsigned char c = (unsigned char)value.p[i];
		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return text_is_utf8(value);
}

static int
set_duration(struct conf *c, const char *value, const char *where, struct err *e)
{
	uint64_t ms;

	if (parse_duration_ms(value, &ms) < 0 || ms / 1000 > INT_MAX)
		return err_set(e, ERR_USAGE, "%s: \"%s\" is no duration like 90s or 5m", where,
			       value);
	c->confirm_window_s = (int)(ms / 1000);
	return 0;
}

static int
set(struct conf *c, const char *key, const char *value, const char *where, struct err *e)
{
	if (streq(key, "confirm-window"))
		return set_duration(c, value, where, e);
	for (size_t i = 0; i < COUNT(keys); i++) {
		const struct key *const k = &keys[i];
		char **const member = (char **)(void *)((char *)c + k->offset);

		if (!streq(key, k->name))
			continue;
		if (k->is_valid && !k->is_valid(value))
			return err_set(e, ERR_USAGE, "%s: \"%s\" is \"%s\", not %s", where, key,
				       value, k->expected);
		free(*member);
		*member = xstrdup(value);
		return 0;
	}
	return err_set(e, ERR_USAGE, "%s: unknown key \"%s\"", where, key);
}

static int
parse_line(struct conf *c, struct str line, const char *where, struct err *e)
{
	cleanup_free char *key = NULL;
	cleanup_free char *value = NULL;
	const char *equals;
	struct str k, v;

	line = trim(without_comment(line));
	if (line.n == 0)
		return 0;
	if (!is_clean(line))
		return err_set(e, ERR_USAGE, "%s: has control characters or is not UTF-8", where);
	equals = memchr(line.p, '=', line.n);
	if (!equals)
		return err_set(e, ERR_USAGE, "%s: is not \"key = value\"", where);
	k = trim((struct str){ line.p, (size_t)(equals - line.p) });
	v = trim((struct str){ equals + 1, line.n - (size_t)(equals - line.p) - 1 });
	key = xstrndup(k.p, k.n);
	if (v.n == 0)
		return err_set(e, ERR_USAGE, "%s: \"%s\" has no value", where, key);
	value = xstrndup(v.p, v.n);
	return set(c, key, value, where, e);
}

int
conf_parse(struct conf *c, struct str text, const char *name, struct err *e)
{
	size_t number = 0;

	while (text.n > 0) {
		const char *const lf = memchr(text.p, '\n', text.n);
		const size_t n = lf ? (size_t)(lf - text.p) : text.n;
		cleanup_free char *where = xasprintf("%s:%zu", name, ++number);
		int rc;

		rc = parse_line(c, (struct str){ text.p, n }, where, e);
		if (rc < 0)
			return rc;
		text.p += n + (lf ? 1 : 0);
		text.n -= n + (lf ? 1 : 0);
	}
	return 0;
}

static int
load_file(struct conf *c, const char *path, bool must_exist, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc;

	rc = fs_read_at(AT_FDCWD, path, CONF_MAX, &text, e);
	if (rc == -ERR_NOT_FOUND && !must_exist) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return err_prefix(e, "settings");
	return conf_parse(c, buf_str(&text), path, e);
}

static int
load_personal(struct conf *c, struct err *e)
{
	const char *const named = getenv("SLIPWAY_CONFIG");
	cleanup_free char *dir = NULL;
	cleanup_free char *path = NULL;

	if (named && *named)
		return load_file(c, named, true, e);
	/* a user without a home has no settings: a service, a container */
	if (fs_config_dir(&dir, e) < 0) {
		err_clear(e);
		return 0;
	}
	path = xasprintf("%s/config", dir);
	return load_file(c, path, false, e);
}

int
conf_load(struct conf *ret, struct err *e)
{
	struct conf c = { 0 };
	int rc;

	rc = load_file(&c, CONF_SITE, false, e);
	if (rc == 0)
		rc = load_personal(&c, e);
	if (rc < 0) {
		conf_fini(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

void
conf_fini(struct conf *c)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		char **const member = (char **)(void *)((char *)c + keys[i].offset);
		free(*member);
		*member = NULL;
	}
}
