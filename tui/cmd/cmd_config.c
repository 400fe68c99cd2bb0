/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the settings in force and where each comes from; set and unset change one line of the
 * person's own file. Which keys there are and what they may say is conf.h's.
 */
#include "tui/cmd/cmd.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/base/fs.h"
#include "registry/near.h"
#include "tui/bindings.h"

#define FILE_MODE 0600

/* The two files, apart, because only so it is known which one a value comes from. */
struct files {
	struct conf site, personal;
	char *path; /* of the person's; NULL: no home */
};

static void
files_fini(struct files *f)
{
	conf_fini(&f->site);
	conf_fini(&f->personal);
	free(f->path);
}
#define cleanup_files __attribute__((cleanup(files_fini)))

static int
load_if_there(const char *path, struct conf *ret, struct err *e)
{
	const int rc = conf_load_file(path, ret, e);

	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	return 0;
}

static int
files_load(struct files *f, struct err *e)
{
	struct err homeless = { 0 };
	int rc;

	rc = load_if_there(CONF_SITE, &f->site, e);
	if (rc == 0 && conf_personal_path(&f->path, &homeless) == 0)
		rc = load_if_there(f->path, &f->personal, e);
	return rc;
}

/* *ret_source: a path, a variable, or NULL when nothing is set. */
static const char *
effective(const struct files *f, const struct conf_key *k, const char **ret_source)
{
	const char *const env = streq(k->name, "registry") ? getenv("SLIPWAY_REGISTRY") : NULL;
	const char *const mine = conf_value(&f->personal, k), *const site = conf_value(&f->site, k);

	*ret_source = env && *env ? "$SLIPWAY_REGISTRY" : mine ? f->path : site ? CONF_SITE : NULL;
	return env && *env ? env : mine ? mine : site;
}

static const struct out_column columns[] = {
	{ "KEY", "key", OUT_LEFT, false, true },
	{ "VALUE", "value", OUT_LEFT, false, false },
	{ "SOURCE", "source", OUT_LEFT, false, false },
	{ "EXPECTED", "expected", OUT_LEFT, true, false },
	{ "MEANING", "text", OUT_LEFT, true, false },
};

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	cleanup_files struct files f = { 0 };
	const char *source;
	int rc;

	(void)in;
	rc = files_load(&f, e);
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "SettingList", columns, COUNT(columns));
	for (const struct conf_key *k = conf_keys; k->name; k++) {
		out_cell(a->out, k->name);
		out_cell(a->out, effective(&f, k, &source));
		out_cell(a->out, source);
		out_cell(a->out, k->expected);
		out_cell(a->out, k->text);
	}
	out_table_end(a->out);
	return 0;
}

/* --- one key --- */

static int
find_key(const char *name, const struct conf_key **ret, struct err *e)
{
	struct near near = { .wanted = name };
	char names[160];

	*ret = conf_key(name);
	if (*ret)
		return 0;
	for (const struct conf_key *k = conf_keys; k->name; k++)
		near_offer(&near, k->name);
	(void)err_set(e, ERR_USAGE, "unknown key \"%s\"", name);
	if (near_text(&near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "slipway config list shows them");
}

static void
show(struct app *a, const char *key, const char *value, const char *source, const bool *changed)
{
	struct json_out *j;

	if (out_format_of(a->out) == OUT_NAME) {
		out_text(a->out, "%s\n", key);
		return;
	}
	out_object_begin(a->out, "Setting");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "key", key);
		jo_string(j, "value", value);
		jo_string(j, "source", source);
		if (changed)
			jo_bool(j, "changed", *changed);
	}
	out_object_end(a->out);
	if (changed)
		out_text(a->out, "%s %s%s in %s%s\n", key, value ? "is " : "is not set",
		         value ? value : "", source, *changed ? "" : " already");
	else
		out_text(a->out, "%s\n", value);
}

static int
run_get(struct app *a, const struct args *in, struct err *e)
{
	cleanup_files struct files f = { 0 };
	const struct conf_key *k;
	const char *value, *source;
	int rc;

	rc = find_key(in->pos[0], &k, e);
	if (rc == 0)
		rc = files_load(&f, e);
	if (rc < 0)
		return rc;
	value = effective(&f, k, &source);
	if (!value) {
		(void)err_set(e, ERR_NOT_FOUND, "\"%s\" is not set", k->name);
		return err_hint(e, "slipway config set %s VALUE, with %s", k->name, k->expected);
	}
	show(a, k->name, value, source, NULL);
	return 0;
}

/* A file that is a link stays one: what it points to is replaced. */
static int
real_path(char **ret, mode_t *ret_mode, struct err *e)
{
	cleanup_free char *path = NULL, *dir = NULL;
	struct stat st;
	int rc;

	*ret_mode = FILE_MODE;
	rc = conf_personal_path(&path, e);
	if (rc < 0)
		return rc;
	if (stat(path, &st) == 0) {
		*ret_mode = st.st_mode & 0777;
		*ret = realpath(path, NULL);
		return *ret ? 0 : err_sys(e, "\"%s\"", path);
	}
	dir = xstrdup(path);
	rc = fs_mkdirs(dirname(dir), 0700, e);
	*ret = rc == 0 ? steal(&path) : NULL;
	return rc;
}

/* With a new value the file must be readable afterwards, or nothing is written. */
static int
write_checked(const char *path, mode_t mode, const struct buf *text, bool must_be_right,
              struct err *e)
{
	struct conf c = { 0 };
	int rc;

	rc = conf_parse(&c, buf_str(text), path, e);
	conf_fini(&c);
	if (rc < 0 && must_be_right)
		return err_hint(e, "mend that line first");
	err_clear(e);
	if (text->n > CONF_MAX)
		return err_set(e, ERR_TOO_BIG, "\"%s\" would be larger than %zu bytes", path,
		               CONF_MAX);
	return fs_write_at(AT_FDCWD, path, text->p, text->n, mode, e);
}

static int
edit(struct app *a, const char *key, const char *value, struct err *e)
{
	cleanup_buf struct buf was = { 0 }, is = { 0 };
	cleanup_free char *path = NULL;
	bool changed;
	mode_t mode;
	int rc;

	rc = real_path(&path, &mode, e);
	if (rc < 0)
		return rc;
	rc = fs_read_at(AT_FDCWD, path, CONF_MAX, &was, e);
	if (rc == -ERR_NOT_FOUND)
		err_clear(e);
	else if (rc < 0)
		return rc;
	changed = conf_edit(buf_str(&was), key, value, &is);
	rc = changed && !a->dry_run ? write_checked(path, mode, &is, value != NULL, e) : 0;
	if (rc == 0)
		show(a, key, value, path, &changed);
	return rc;
}

static int
run_set(struct app *a, const struct args *in, struct err *e)
{
	const struct conf_key *k;
	int rc;

	if (has_prefix(in->pos[0], CONF_BIND)) {
		rc = bindings_check(&a->conf, in->pos[0] + strlen(CONF_BIND), in->pos[1], e);
		return rc == 0 ? edit(a, in->pos[0], in->pos[1], e) : rc;
	}
	rc = find_key(in->pos[0], &k, e);
	if (rc == 0)
		rc = conf_check(k->name, in->pos[1], e);
	return rc == 0 ? edit(a, k->name, in->pos[1], e) : rc;
}

/* Also for a key that is not known, as that is what one wants to be rid of. */
static int
run_unset(struct app *a, const struct args *in, struct err *e)
{
	return edit(a, in->pos[0], NULL, e);
}

#define SUMMARY_LIST "the settings in force and where each comes from"
const struct cmd cmd_config = {
	.name = "config",
	.args = "[list | get KEY | set KEY VALUE | unset KEY]",
	.summary = SUMMARY_LIST,
	.group = "start",
	.flags = CMD_ANY_SETTINGS,
	.run = run_list,
	.examples = "  slipway config\n"
	            "  slipway config set output wide\n",
};
const struct cmd cmd_config_list = {
	.name = "config",
	.sub = "list",
	.summary = SUMMARY_LIST,
	.group = "start",
	.flags = CMD_ANY_SETTINGS,
	.run = run_list,
};
const struct cmd cmd_config_get = {
	.name = "config",
	.sub = "get",
	.args = "KEY",
	.summary = "the value of a setting",
	.group = "start",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_ANY_SETTINGS,
	.run = run_get,
};
const struct cmd cmd_config_set = {
	.name = "config",
	.sub = "set",
	.args = "KEY VALUE",
	.summary = "change a setting in your own file",
	.group = "start",
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_ANY_SETTINGS | CMD_WRITES_FILES | CMD_DRY_RUN,
	.run = run_set,
	.examples = "  slipway config set registry /srv/models\n"
	            "  slipway config set hook.job-failed /usr/local/bin/page-me\n",
};
const struct cmd cmd_config_unset = {
	.name = "config",
	.sub = "unset",
	.args = "KEY",
	.summary = "take a setting out of your own file",
	.group = "start",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_ANY_SETTINGS | CMD_WRITES_FILES | CMD_DRY_RUN,
	.run = run_unset,
};
