/* SPDX-License-Identifier: Apache-2.0 */
/* Objects are gone into, everything else is compared whole: what moves within an array is one
 * change of that array. The files are foreign: both are bounded, and so is what they can print. */
#include "tui/cmd/diff_config.h"

#include <string.h>

#define DEPTH_MAX 6

struct walk {
	diff_config_fn *fn;
	void *arg;
	bool all;
	size_t n;
};

bool
diff_is_config(const struct manifest_file *f)
{
	return streq(f->kind, "weight.config") && has_suffix(f->path, ".json");
}

static bool
tell(struct walk *w, const char *name, const json_t *from, const json_t *to)
{
	const bool same = from && to && json_equal(from, to);

	if (same && !w->all)
		return true;
	if (w->n >= DIFF_CONFIG_ROWS_MAX)
		return false;
	w->n++;
	w->fn(w->arg, name, from, to);
	return true;
}

static bool members(struct walk *w, const char *above, json_t *from, json_t *to, unsigned depth);

static bool
member(struct walk *w, const char *above, const char *key, json_t *from, json_t *to, unsigned depth)
{
	cleanup_free char *name = above[0] ? xasprintf("%s.%s", above, key) : xstrdup(key);

	if (json_is_object(from) && json_is_object(to) && depth < DEPTH_MAX)
		return members(w, name, from, to, depth + 1);
	return tell(w, name, from, to);
}

static bool
members(struct walk *w, const char *above, json_t *from, json_t *to, unsigned depth)
{
	const char *key;
	json_t *v;

	json_object_foreach(from, key, v)
	{
		if (!member(w, above, key, v, json_object_get(to, key), depth))
			return false;
	}
	json_object_foreach(to, key, v)
	{
		if (!json_object_get(from, key) && !member(w, above, key, NULL, v, depth))
			return false;
	}
	return true;
}

static json_t *
read_one(struct blobs *b, const struct manifest_file *f, const char **ret_why)
{
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	json_t *j = NULL;

	*ret_why = NULL;
	if (f->size > DIFF_CONFIG_MAX)
		*ret_why = "longer than 1 MiB";
	else if (blob_read(b, &f->digest, DIFF_CONFIG_MAX, &text, &e) < 0)
		*ret_why = "cannot be read";
	else if (json_parse(buf_str(&text), f->path, &j, &e) < 0)
		*ret_why = "no JSON that can be read";
	else if (!json_is_object(j))
		*ret_why = "no JSON object";
	if (!*ret_why)
		return j;
	json_decref(j);
	return NULL;
}

bool
diff_config(struct blobs *b, const struct manifest_file *from, const struct manifest_file *to,
            bool all, diff_config_fn *fn, void *arg, const char **ret_why)
{
	struct walk w = { .fn = fn, .arg = arg, .all = all };
	cleanup_json json_t *old = read_one(b, from, ret_why);
	cleanup_json json_t *new = old ? read_one(b, to, ret_why) : NULL;

	if (!old || !new)
		return false;
	if (members(&w, "", old, new, 0))
		return true;
	*ret_why = "more than 1000 members differ";
	return false;
}
