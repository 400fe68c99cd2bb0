/* SPDX-License-Identifier: Apache-2.0 */
/* Only what differs is written: an entry without effect would be history of nothing. */
#include "tui/cmd/label.h"

#include <inttypes.h>
#include <string.h>

#include "registry/change.h"
#include "registry/labels.h"
#include "registry/records.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct commit {
	const char *model;
	uint64_t number;
	const struct label_change *wanted;
};

static void
begin(struct label_change *c)
{
	if (!c->set)
		c->set = json_object();
	if (!c->remove)
		c->remove = json_array();
}

int
label_set(struct label_change *c, const char *text, struct err *e)
{
	const char *value;
	char key[64];
	int rc;

	rc = label_parse(text, key, &value, e);
	if (rc < 0)
		return rc;
	begin(c);
	json_object_set_new(c->set, key, json_string(value));
	return 0;
}

int
label_remove(struct label_change *c, const char *key, struct err *e)
{
	int rc;

	rc = label_key_check(key, e);
	if (rc < 0)
		return rc;
	begin(c);
	json_array_append_new(c->remove, json_string(key));
	return 0;
}

void
label_change_fini(struct label_change *c)
{
	json_decref(c->set);
	json_decref(c->remove);
	*c = (struct label_change){ 0 };
}

/* What is not so yet; NULL when all is. */
static json_t *
difference(const struct commit *c, const char *text)
{
	json_t *const set = json_object(), *const remove = json_array(), *value;
	char now[LABELS_SIZE];
	const char *key;
	size_t i;

	json_object_foreach(c->wanted->set, key, value) {
		if (!labels_get(text, key, now, sizeof now) ||
		    !streq(now, json_string_value(value)))
			json_object_set(set, key, value);
	}
	json_array_foreach(c->wanted->remove, i, value) {
		if (labels_get(text, json_string_value(value), NULL, 0))
			json_array_append(remove, value);
	}
	if (json_object_size(set) == 0 && json_array_size(remove) == 0) {
		json_decref(set);
		json_decref(remove);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o}", "set", set, "remove", remove, "number",
	                 c->number ? json_integer((json_int_t)c->number) : json_null());
}

static int
labels_now(struct txn *t, const struct commit *c, char ret[LABELS_SIZE], struct err *e)
{
	struct version_row v;
	struct model_row m;
	int rc;

	rc = ref_model(t, c->model, &m, e);
	if (rc < 0)
		return rc;
	(void)str_copy(ret, LABELS_SIZE, m.labels);
	if (c->number == 0)
		return 0;
	rc = version_get(t, c->model, c->number, &v, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "\"%s\" has no v%" PRIu64, c->model, c->number);
	if (rc == 0)
		rc = version_is_live(&v, e);
	if (rc == 0)
		(void)str_copy(ret, LABELS_SIZE, v.labels);
	return rc;
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct commit *const c = arg;
	char text[LABELS_SIZE];
	json_t *body;
	int rc;

	rc = labels_now(t, c, text, e);
	if (rc < 0)
		return rc;
	body = difference(c, text);
	if (!body)
		return CHANGE_NONE;
	if (labels_apply(text, sizeof text, body) < 0) {
		json_decref(body);
		(void)err_set(e, ERR_USAGE, "the labels of \"%s\" would be over %d bytes", c->model,
		              LABELS_SIZE - 1);
		return err_hint(e, "remove some first: slipway label REF KEY-");
	}
	*ret_body = body;
	return 0;
}

int
label_commit(struct registry *r, const char *model, uint64_t number, const struct label_change *c,
             const char *reason, bool *ret_changed, struct err *e)
{
	struct commit wanted = { .model = model, .number = number, .wanted = c };
	const struct change change = { .type = "label", .model = model, .check = check,
	                               .arg = &wanted, .reason = reason };
	struct change_result done;
	int rc;

	rc = change_commit(r, &change, &done, e);
	if (rc < 0)
		return rc;
	*ret_changed = done.changed;
	return 0;
}
