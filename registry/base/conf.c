/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings. A table of keys says where each value goes and which values it may have; a file that is
 * not there is empty, unless the environment names it. A file is changed line by line, so that its
 * comments and order stay. Flags and their precedence are the caller's.
 */
#include "registry/base/conf.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/base/out.h"
#include "registry/base/text.h"

static bool
is_color(const char *value)
{
	return streq(value, "auto") || streq(value, "always") || streq(value, "never");
}

static bool
is_console(const char *value)
{
	return streq(value, "auto") || streq(value, "linear");
}

static bool
is_background(const char *value)
{
	return streq(value, "auto") || streq(value, "dark") || streq(value, "light");
}

static bool
is_sync(const char *value)
{
	return streq(value, "auto") || streq(value, "on") || streq(value, "off");
}

static bool
is_output(const char *value)
{
	enum out_format f;

	return out_parse_format(value, &f) == 0;
}

static bool
is_duration(const char *value)
{
	uint64_t ms;

	return parse_duration_ms(value, &ms) == 0 && ms / 1000 <= INT_MAX;
}

static bool
is_program(const char *value)
{
	return value[0] == '/' && !has_suffix(value, "/");
}

/* clang-format off */
#define HOOK(event, text) \
	text, offsetof(struct conf, hooks) + CONF_HOOK_##event * sizeof(char *), is_program, \
	"the absolute path of a program"
const struct conf_key conf_keys[] = {
	{ "registry", "the registry's folder, when neither -R nor SLIPWAY_REGISTRY names one",
	  offsetof(struct conf, registry), NULL, "a path" },
	{ "key", "the key that signs: a name or a fingerprint", offsetof(struct conf, key), NULL,
	  "a name from `slipway key list`, or SHA256:..." },
	{ "color", "whether output is coloured", offsetof(struct conf, color), is_color,
	  "auto, always or never" },
	{ "output", "the format of -o when it is not given", offsetof(struct conf, output),
	  is_output, "text, wide, tsv, name, json or ndjson" },
	{ "editor", "the program that edits a text", offsetof(struct conf, editor), NULL,
	  "a program" },
	{ "pager", "the program that shows a long text", offsetof(struct conf, pager), NULL,
	  "a program" },
	{ "console", "painted where the terminal can, or plain lines",
	  offsetof(struct conf, console), is_console, "auto or linear" },
	{ "background", "of the terminal, for the console's colours",
	  offsetof(struct conf, background), is_background, "auto, dark or light" },
	{ "sync", "whether a frame of the console is marked as one", offsetof(struct conf, sync),
	  is_sync, "auto, on or off" },
	{ "confirm-window", "how long a confirmation holds in the console",
	  offsetof(struct conf, confirm_window), is_duration, "a duration like 90s or 5m" },
	{ "hook.plan-waiting", HOOK(PLAN_WAITING, "run when a plan waits for a person") },
	{ "hook.job-failed", HOOK(JOB_FAILED, "run when a job ended otherwise than wanted") },
	{ "hook.job-done", HOOK(JOB_DONE, "run when a job succeeded") },
	{ "hook.stage-moved", HOOK(STAGE_MOVED, "run when a stage holds another version") },
	{ NULL, NULL, 0, NULL, NULL },
};
/* clang-format on */

const struct conf_key *
conf_key(const char *name)
{
	for (const struct conf_key *k = conf_keys; k->name; k++)
		if (streq(k->name, name))
			return k;
	return NULL;
}

static char **
member(struct conf *c, const struct conf_key *k)
{
	return (char **)(void *)((char *)c + k->offset);
}

const char *
conf_value(const struct conf *c, const struct conf_key *k)
{
	return *(char *const *)(const void *)((const char *)c + k->offset);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
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
set(struct conf *c, const char *key, const char *value, const char *where, struct err *e)
{
	const struct conf_key *const k = conf_key(key);
	uint64_t ms;

	if (has_prefix(key, CONF_BIND)) {
		const struct conf_bind bind = { xstrdup(key + strlen(CONF_BIND)), xstrdup(value),
			                        xstrdup(where) };
		vec_push(&c->binds, bind);
		return 0;
	}
	if (!k) {
		const struct conf_odd odd = { xstrdup(key), xstrdup(where) };
		vec_push(&c->odd, odd);
		return 0;
	}
	if (k->is_valid && !k->is_valid(value))
		return err_set(e, ERR_USAGE, "%s: \"%s\" is \"%s\", not %s", where, key, value,
		               k->expected);
	free(*member(c, k));
	*member(c, k) = xstrdup(value);
	if (*member(c, k) == c->confirm_window && parse_duration_ms(value, &ms) == 0)
		c->confirm_window_s = (int)(ms / 1000);
	return 0;
}

static int
parse_line(struct conf *c, struct str line, const char *where, struct err *e)
{
	cleanup_free char *key = NULL;
	cleanup_free char *value = NULL;
	const char *equals;
	struct str k, v;

	line = str_trim(without_comment(line));
	if (line.n == 0)
		return 0;
	if (!is_clean(line))
		return err_set(e, ERR_USAGE, "%s: has control characters or is not UTF-8", where);
	equals = memchr(line.p, '=', line.n);
	if (!equals)
		return err_set(e, ERR_USAGE, "%s: is not \"key = value\"", where);
	k = str_trim((struct str){ line.p, (size_t)(equals - line.p) });
	v = str_trim((struct str){ equals + 1, line.n - (size_t)(equals - line.p) - 1 });
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

/* A program that runs by itself must not be named by somebody else. */
static bool
is_mine(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && (st->st_mode & 022) == 0;
}

static void
drop_hooks(struct conf *c, const char *path)
{
	bool had = false;

	for (size_t i = 0; i < CONF_HOOKS; i++) {
		had = had || c->hooks[i];
		free(c->hooks[i]);
		c->hooks[i] = NULL;
	}
	if (had)
		message(MESSAGE_WARNING,
		        "the hooks in \"%s\" are not run: others may write or own that file", path);
}

int
conf_load_file(const char *path, struct conf *ret, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_buf struct buf text = { 0 };
	struct conf c = { 0 };
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "settings: cannot open \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_MALFORMED, "settings: \"%s\" is not a regular file", path);
	rc = fs_read_fd(fd, path, CONF_MAX, &text, e);
	if (rc < 0)
		return err_prefix(e, "settings");
	rc = conf_parse(&c, buf_str(&text), path, e);
	if (rc < 0) {
		conf_fini(&c);
		return rc;
	}
	if (!is_mine(&st))
		drop_hooks(&c, path);
	*ret = c;
	return 0;
}

int
conf_personal_path(char **ret, struct err *e)
{
	const char *const named = getenv("SLIPWAY_CONFIG");
	cleanup_free char *dir = NULL;
	int rc;

	if (named && *named) {
		*ret = xstrdup(named);
		return 0;
	}
	rc = fs_config_dir(&dir, e);
	if (rc == 0)
		*ret = xasprintf("%s/config", dir);
	return rc;
}

/* What over says wins. */
static void
merge(struct conf *c, struct conf *over)
{
	for (const struct conf_key *k = conf_keys; k->name; k++) {
		if (!conf_value(over, k))
			continue;
		free(*member(c, k));
		*member(c, k) = steal(member(over, k));
	}
	if (over->confirm_window_s)
		c->confirm_window_s = over->confirm_window_s;
	vec_foreach(odd, &over->odd)
		vec_push(&c->odd, *odd);
	vec_fini(&over->odd);
	vec_foreach(bind, &over->binds)
		vec_push(&c->binds, *bind);
	vec_fini(&over->binds);
}

static int
load_over(struct conf *c, const char *path, bool must_exist, struct err *e)
{
	struct conf over;
	int rc;

	rc = conf_load_file(path, &over, e);
	if (rc == -ERR_NOT_FOUND && !must_exist) {
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		merge(c, &over);
	return rc;
}

static int
load_personal(struct conf *c, struct err *e)
{
	const char *const named = getenv("SLIPWAY_CONFIG");
	cleanup_free char *path = NULL;

	/* a user without a home has no settings: a service, a container */
	if (conf_personal_path(&path, e) < 0) {
		err_clear(e);
		return 0;
	}
	return load_over(c, path, named && *named, e);
}

int
conf_load(struct conf *ret, struct err *e)
{
	struct conf c = { 0 };
	int rc;

	rc = load_over(&c, CONF_SITE, false, e);
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
	for (const struct conf_key *k = conf_keys; k->name; k++)
		free(*member(c, k));
	vec_foreach(odd, &c->odd) {
		free(odd->key);
		free(odd->where);
	}
	vec_fini(&c->odd);
	vec_foreach(bind, &c->binds) {
		free(bind->action);
		free(bind->keys);
		free(bind->where);
	}
	vec_fini(&c->binds);
	*c = (struct conf){ 0 };
}

/* --- changing a file --- */

int
conf_check(const char *key, const char *value, struct err *e)
{
	const struct str v = str_of(value);
	const struct conf_key *const k = conf_key(key);

	if (v.n == 0 || str_trim(v).n != v.n || without_comment(v).n != v.n || !is_clean(v))
		return err_set(e, ERR_USAGE,
		               "a value is one line of text without \" #\" or blanks around it");
	if (k && k->is_valid && !k->is_valid(value))
		return err_set(e, ERR_USAGE, "\"%s\" is \"%s\", not %s", key, value, k->expected);
	return 0;
}

/* The line up to its line feed, and the rest. */
static struct str
next_line(struct str *text)
{
	const char *const lf = memchr(text->p, '\n', text->n);
	const struct str line = { text->p, lf ? (size_t)(lf - text->p) : text->n };
	const size_t taken = line.n + (lf ? 1 : 0);

	text->p += taken;
	text->n -= taken;
	return line;
}

/* Is this the key's line? Then where its value stands. */
static bool
is_line_of(struct str line, const char *key, struct str *ret_value)
{
	const struct str said = without_comment(line);
	const char *const equals = said.n > 0 ? memchr(said.p, '=', said.n) : NULL;

	if (!equals || !str_is(str_trim((struct str){ said.p, (size_t)(equals - said.p) }), key))
		return false;
	*ret_value = str_trim((struct str){ equals + 1, said.n - (size_t)(equals - said.p) - 1 });
	return true;
}

static size_t
count_lines_of(struct str text, const char *key)
{
	struct str value;
	size_t n = 0;

	while (text.n > 0)
		n += is_line_of(next_line(&text), key, &value);
	return n;
}

bool
conf_edit(struct str text, const char *key, const char *value, struct buf *ret)
{
	const size_t n = count_lines_of(text, key);
	bool changed = false;
	struct str was;
	size_t seen = 0;

	while (text.n > 0) {
		const bool has_lf = memchr(text.p, '\n', text.n) != NULL;
		const struct str line = next_line(&text);

		if (!is_line_of(line, key, &was)) {
			buf_add(ret, line.p, line.n);
		} else if (!value) {
			changed = true;
			continue;
		} else if (++seen == n && !str_is(was, value)) {
			changed = true;
			buf_add(ret, line.p, (size_t)(was.p - line.p));
			buf_adds(ret, was.p > line.p && was.p[-1] == '=' ? " " : "");
			buf_adds(ret, value);
			buf_adds(ret, was.n == 0 ? " " : ""); /* a comment follows at once */
			buf_add(ret, was.p + was.n, line.n - (size_t)(was.p - line.p) - was.n);
		} else {
			buf_add(ret, line.p, line.n);
		}
		buf_adds(ret, has_lf || text.n > 0 ? "\n" : "");
	}
	if (!value || n > 0)
		return changed;
	buf_adds(ret, ret->n > 0 && ret->p[ret->n - 1] != '\n' ? "\n" : "");
	buf_addf(ret, "%s = %s\n", key, value);
	return true;
}
