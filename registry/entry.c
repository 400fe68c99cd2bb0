/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a line of the log to rows of the database: parsed, its chain looked at, given to its type's
 * put (entry_put.c). A line that a put refuses is hard for a commit, which must not write it, and
 * is passed over by a replay: whoever may append can add records but not authority, and not stop
 * the registry.
 */
#include "registry/entry.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/message.h"
#include "registry/entry_put.h"
#include "registry/records.h"

static int
opt_seq(const json_t *root, const char *key, bool *ret_has, uint64_t *ret, struct err *e)
{
	*ret_has = false;
	*ret = 0;
	if (!json_object_get(root, key) || json_is_null(json_object_get(root, key)))
		return 0;
	*ret_has = true;
	return json_get_u64(root, key, "log entry", ret, e);
}

/* Older entries have none. */
static int
parse_reason(const json_t *root, struct entry *n, struct err *e)
{
	const json_t *const reason = json_object_get(root, "reason");

	if (!reason)
		return 0;
	n->reason = json_string_value(reason);
	if (!n->reason || json_string_length(reason) > ENTRY_REASON_MAX)
		return err_set(e, ERR_MALFORMED,
		               "log entry: its reason is no text of at most %d bytes",
		               ENTRY_REASON_MAX);
	return 0;
}

static int
parse_members(const json_t *root, struct entry *n, struct err *e)
{
	const char *time;
	json_t *body;
	int rc;

	rc = json_get_string(root, "type", "log entry", &n->type, e);
	if (rc == 0)
		rc = json_get_object(root, "body", "log entry", &body, e);
	if (rc == 0)
		rc = json_get_string(root, "time", "log entry", &time, e);
	if (rc == 0)
		rc = opt_seq(root, "policy", &n->has_policy, &n->policy, e);
	if (rc == 0)
		rc = opt_seq(root, "previous", &n->has_previous, &n->previous, e);
	if (rc < 0)
		return rc;
	if (clock_parse(time, &n->time_s) < 0)
		return err_set(e, ERR_MALFORMED, "log entry: \"%s\" is no time", time);
	n->body = body;
	n->model = json_opt_string(root, "model");
	n->statement = json_object_get(root, "statement");
	n->by = json_object_get(root, "by");
	return parse_reason(root, n, e);
}

int
entry_parse(struct str json, uint64_t seq, const struct digest *leaf, struct entry *ret,
            struct err *e)
{
	int rc;

	*ret = (struct entry){ .seq = seq, .leaf = *leaf };
	rc = json_parse(json, "log entry", &ret->root, e);
	if (rc == 0)
		rc = parse_members(ret->root, ret, e);
	if (rc < 0) {
		entry_fini(ret);
		return err_prefix(e, "log entry %" PRIu64, seq);
	}
	return 0;
}

void
entry_fini(struct entry *n)
{
	json_decref(n->root);
	n->root = NULL;
}

int
adoption_claim(const struct entry *n, struct adoption_claim *ret, struct err *e)
{
	const char *id = NULL, *previous = NULL;
	json_t *before;
	int rc = json_get_string(n->body, "id", n->type, &id, e);

	*ret = (struct adoption_claim){ 0 };
	if (rc == 0)
		rc = json_get_object(n->body, "previous", n->type, &before, e);
	if (rc == 0)
		rc = json_get_string(before, "id", n->type, &previous, e);
	if (rc == 0)
		rc = json_get_u64(before, "size", n->type, &ret->size, e);
	if (rc == 0)
		rc = json_get_digest(before, "root", n->type, &ret->root, e);
	if (rc < 0)
		return rc;
	if (n->model || n->statement || ret->size != n->seq ||
	    str_copy(ret->id, sizeof ret->id, id) < 0 ||
	    str_copy(ret->previous_id, sizeof ret->previous_id, previous) < 0)
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 ": no adoption", n->seq);
	return 0;
}

const struct entry_type entry_types[] = {
	{ "registry", put_registry },
	{ "policy", put_policy },
	{ "version", put_version },
	{ "label", put_label },
	{ "alias", put_alias },
	{ "note", put_note },
	{ "target", put_target },
	{ "plan", put_plan },
	{ "authorisation", put_authorisation },
	{ "approval", put_approval },
	{ "discard", put_discard },
	{ "evidence", put_evidence },
	{ "job", put_job },
	{ "promotion", put_promotion },
	{ "lifecycle", put_lifecycle },
	{ "delete", put_lifecycle },
	{ "adoption", put_adoption },
	{ "restore", put_restore },
	{ "bundle", put_bundle },
	{ "origin", put_origin },
	{ NULL, NULL },
};

const struct entry_type *
entry_type_find(const char *name)
{
	for (const struct entry_type *y = entry_types; y->name; y++)
		if (streq(y->name, name))
			return y;
	return NULL;
}

static int
refuse(const struct entry *n, struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (%s): %s", n->seq, n->type, why);
}

/* Looked at before a put writes anything, so that a refused entry leaves no trace. */
static int
check_links(struct txn *t, const struct entry *n, const struct applied *a, struct err *e)
{
	struct model_row m;
	int rc;

	if (n->has_policy != a->has_policy || (n->has_policy && n->policy != a->policy_seq))
		return refuse(n, e, "names another policy than the one in force");
	if (!n->model)
		return 0;
	rc = model_get(t, n->model, &m, e);
	if (rc == -ERR_NOT_FOUND)
		return n->has_previous ? refuse(n, e, "continues a model that does not exist") : 0;
	if (rc == 0 && (!n->has_previous || n->previous != m.last_seq))
		return refuse(n, e, "does not continue its model's chain");
	return rc;
}

static int
extend_chain(struct txn *t, const struct entry *n, struct err *e)
{
	struct model_row m;
	int rc;

	if (!n->model)
		return 0;
	rc = model_get(t, n->model, &m, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? refuse(n, e, "a model that does not exist") : rc;
	m.last_seq = n->seq;
	m.updated_s = n->time_s;
	return model_put(t, &m, e);
}

static int
put_entry(struct txn *t, const struct entry *n, const struct applied *a, bool *ret_unknown,
          struct err *e)
{
	const struct entry_type *y = entry_type_find(n->type);
	int rc;

	*ret_unknown = y == NULL;
	if (!y)
		return refuse(n, e, "a type that this version of slipway does not know");
	rc = check_links(t, n, a, e);
	if (rc == 0)
		rc = y->put(t, n, e);
	return rc < 0 ? rc : extend_chain(t, n, e);
}

static int
apply(struct txn *t, const struct log_line *line, const struct applied *a, bool *ret_unknown,
      struct err *e)
{
	struct entry n;
	int rc;

	*ret_unknown = false;
	rc = entry_parse(line->json, line->seq, &line->leaf, &n, e);
	if (rc < 0)
		return rc;
	rc = put_entry(t, &n, a, ret_unknown, e);
	entry_fini(&n);
	return rc;
}

/* A put may have changed the row: it is read again. */
static int
advance(struct txn *t, const struct log_line *line, bool is_unknown, struct err *e)
{
	struct applied a;
	int rc = log_place_put(t, line->seq, line->at, line->length, e);

	if (rc == 0)
		rc = applied_get(t, &a, e);
	if (rc < 0)
		return rc;
	a.entries = line->seq + 1;
	a.end = (struct log_pos){ line->at.segment, line->at.offset + line->length };
	a.unknown += is_unknown;
	return applied_put(t, &a, e);
}

static int
next_of(struct txn *t, const struct log_line *line, struct applied *ret, struct err *e)
{
	int rc = applied_get(t, ret, e);

	if (rc == 0 && ret->entries != line->seq)
		rc = err_set(e, ERR_STORE, "log entry %" PRIu64 " is not the next one", line->seq);
	return rc;
}

int
entry_apply(struct txn *t, const struct log_line *line, struct err *e)
{
	struct applied a;
	bool unknown;
	int rc = next_of(t, line, &a, e);

	if (rc < 0)
		return rc;
	if (a.unknown > 0) {
		err_set(e, ERR_DENIED, "a newer slipway has written %" PRIu64 " entries here",
		        a.unknown);
		return err_hint(e, "this one only reads it: use the newer one");
	}
	rc = apply(t, line, &a, &unknown, e);
	return rc < 0 ? rc : advance(t, line, false, e);
}

/* Is it the entry that is bad, and not this machine? */
static bool
is_refusal(const struct err *e)
{
	return e->code == ERR_MALFORMED || e->code == ERR_SIGNATURE || e->code == ERR_UNTRUSTED ||
	       e->code == ERR_TOO_BIG || e->code == ERR_USAGE || e->code == ERR_EXISTS ||
	       e->code == ERR_POLICY || e->code == ERR_NEEDS_PERSON;
}

int
entry_judge(struct txn *t, const struct log_line *line, struct err *ret_why, struct err *e)
{
	struct applied a;
	bool unknown;
	int rc = next_of(t, line, &a, e);

	*ret_why = (struct err){ 0 };
	if (rc < 0)
		return rc;
	rc = apply(t, line, &a, &unknown, ret_why);
	if (rc < 0 && !is_refusal(ret_why)) {
		*e = *ret_why;
		return rc;
	}
	return advance(t, line, unknown, e);
}

int
entry_replay(struct txn *t, const struct log_line *line, struct err *e)
{
	struct err why;
	int rc = entry_judge(t, line, &why, e);

	if (rc == 0 && why.code != ERR_OK)
		message(MESSAGE_WARNING, "log entry %" PRIu64 " does not count: %s", line->seq,
		        why.msg);
	return rc;
}
