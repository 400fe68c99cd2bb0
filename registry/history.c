/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the log by their sequence and by their model's chain. The database only says where a
 * line lies; the line itself is read from the log and must hash to its leaf. Verifies no signature.
 */
#include "registry/history.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "registry/labels.h"
#include "registry/origin.h"
#include "registry/records.h"
#include "registry/ref.h"
#include "registry/statement.h"

int
history_entry(struct registry *r, struct txn *t, uint64_t seq, struct entry *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct log_line line;
	struct log_pos at;
	uint32_t length;
	int rc;

	rc = log_place_get(t, seq, &at, &length, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "the log has no entry %" PRIu64, seq);
	if (rc == 0)
		rc = log_read_at(r->log, at, length, &text, &line, e);
	if (rc < 0)
		return rc;
	if (line.seq != seq)
		return err_set(e, ERR_DIGEST,
		               "log entry %" PRIu64 " is not where the database says", seq);
	return entry_parse(line.json, seq, &line.leaf, ret, e);
}

/* The adoption behind which the entries of the model's chain have no authority: told once. */
static int
say_border(struct registry *r, struct txn *t, uint64_t *border, history_fn *fn, void *arg,
           struct err *e)
{
	struct entry n;
	int rc = history_entry(r, t, *border, &n, e);

	*border = 0;
	if (rc < 0)
		return rc;
	rc = fn(arg, &n);
	entry_fini(&n);
	return rc;
}

int
history_each(struct registry *r, struct txn *t, const char *model, history_fn *fn, void *arg,
             struct err *e)
{
	struct model_row m;
	uint64_t seq, border = 0;
	int rc;

	rc = ref_model(t, model, &m, e);
	if (rc == 0)
		rc = born_get(t, &border, e);
	if (rc < 0)
		return rc;
	for (seq = m.last_seq;;) {
		struct entry n;

		rc = seq < border ? say_border(r, t, &border, fn, arg, e) : 0;
		if (rc != 0)
			return rc;
		rc = history_entry(r, t, seq, &n, e);
		if (rc < 0)
			return rc;
		const bool is_last = !n.has_previous;
		const uint64_t previous = n.previous;
		if (!n.model || !streq(n.model, model) || (!is_last && previous >= seq))
			rc = err_set(e, ERR_MALFORMED,
			             "log entry %" PRIu64 " breaks the chain of \"%s\"", seq,
			             model);
		else
			rc = fn(arg, &n);
		entry_fini(&n);
		if (rc != 0 || is_last)
			return rc;
		seq = previous;
	}
}

int
history_envelope(struct registry *r, const struct entry *n, struct buf *ret, struct err *e)
{
	const json_t *const carried = json_object_get(n->body, "envelope");
	struct digest d;
	int rc;

	if (json_is_object(n->statement) || json_is_object(carried)) {
		json_canonical(carried ? carried : n->statement, ret);
		return 0;
	}
	if (origin_is(n))
		return origin_envelope(r->blobs, n, ret, e);
	rc = json_get_digest(n->root, "statement", n->type, &d, e);
	return rc < 0 ? rc : blob_read(r->blobs, &d, STATEMENT_MAX, ret, e);
}

/* --- sentences --- */

static const char *
text_of(const struct entry *n, const char *key)
{
	const char *const s = json_opt_string(n->body, key);

	return s ? s : "?";
}

static uint64_t
number_of(const struct entry *n, const char *key)
{
	const json_int_t v = json_integer_value(json_object_get(n->body, key));

	return v < 0 ? 0 : (uint64_t)v;
}

/* What the policy called it that it came from; its id, where nobody said. */
static const char *
site_of(const struct entry *n)
{
	const json_t *const origin = json_object_get(n->body, "origin");
	const char *const site = json_opt_string(origin, "site");

	return site && *site ? site : json_text(origin, "registry");
}

static void
say_version(const struct entry *n, struct buf *b)
{
	const json_t *const origin = json_object_get(n->body, "origin");

	buf_addf(b, "v%" PRIu64 " brought in%s, %" PRIu64 " file%s", number_of(n, "number"),
	         origin ? " by a bundle" : " and signed", number_of(n, "files"),
	         number_of(n, "files") == 1 ? "" : "s");
	if (origin)
		buf_addf(b, ", from %s", site_of(n));
}

static void
say_bundle(const struct entry *n, struct buf *b)
{
	const json_t *const origin = json_object_get(n->body, "origin");

	if (streq(text_of(n, "action"), "receipt"))
		buf_addf(b, "receipt of %s came in", site_of(n));
	else if (origin)
		buf_addf(b, "bundle %" PRIu64 " of %s came in", number_of(n, "counter"),
		         site_of(n));
	else
		buf_addf(b, "bundle %" PRIu64 " built", number_of(n, "counter"));
}

static void
say_label(const struct entry *n, struct buf *b)
{
	json_t *const set = json_object_get(n->body, "set");
	const json_t *const remove = json_object_get(n->body, "remove"), *gone;
	const char *key, *gap = "";
	json_t *value;
	size_t i;

	if (number_of(n, "number") > 0)
		buf_addf(b, "v%" PRIu64 " ", number_of(n, "number"));
	buf_adds(b, json_object_size(set) > 0 ? "labelled " : "");
	json_object_foreach(set, key, value) {
		buf_addf(b, "%s%s=%s", gap, key, json_string_value(value));
		gap = ", ";
	}
	gap = json_object_size(set) > 0 ? "; " : "";
	if (json_array_size(remove) > 0)
		buf_addf(b, "%slabel%s ", gap, json_array_size(remove) > 1 ? "s" : "");
	gap = "";
	json_array_foreach(remove, i, gone) {
		buf_addf(b, "%s%s", gap, json_string_value(gone));
		gap = ", ";
	}
	buf_adds(b, json_array_size(remove) > 0 ? " removed" : "");
}

static void
say_alias(const struct entry *n, struct buf *b)
{
	buf_addf(b, "alias %s ", text_of(n, "name"));
	if (number_of(n, "number") > 0)
		buf_addf(b, "names v%" PRIu64, number_of(n, "number"));
	else
		buf_adds(b, "removed");
}

static void
say_note(const struct entry *n, struct buf *b)
{
	if (number_of(n, "number") > 0)
		buf_addf(b, "v%" PRIu64 " ", number_of(n, "number"));
	buf_addf(b, "noted: %s", text_of(n, "text"));
}

static void
say_plan(const struct entry *n, struct buf *b)
{
	buf_addf(b, "%s of ", streq(text_of(n, "kind"), "rollback") ? "rollback" : "promotion");
	if (number_of(n, "number") > 0)
		buf_addf(b, "v%" PRIu64, number_of(n, "number"));
	else
		buf_adds(b, "nothing");
	buf_addf(b, " to %s planned", text_of(n, "stage"));
}

static void
say_job(const struct entry *n, struct buf *b)
{
	buf_addf(b, "job %s ", text_of(n, "id"));
	if (streq(text_of(n, "event"), "begin"))
		buf_addf(b, "began: %s", text_of(n, "stage"));
	else
		buf_addf(b, "ended: %s", text_of(n, "state"));
}

static void
say_promotion(const struct entry *n, struct buf *b)
{
	const uint64_t targets = number_of(n, "targets");
	const unsigned proofs = proofs_from_json(json_object_get(n->body, "proofs"));

	if (number_of(n, "number") == 0)
		buf_addf(b, "%s emptied", text_of(n, "stage"));
	else if (streq(text_of(n, "kind"), "rollback"))
		buf_addf(b, "%s rolled back to v%" PRIu64, text_of(n, "stage"),
		         number_of(n, "number"));
	else
		buf_addf(b, "v%" PRIu64 " promoted to %s", number_of(n, "number"),
		         text_of(n, "stage"));
	if (targets > 0)
		buf_addf(b, ", proof %s on %" PRIu64 " of %" PRIu64, proofs_highest(proofs),
		         targets, targets);
}

static void
say_target(const struct entry *n, struct buf *b)
{
	const char *const action = text_of(n, "action");

	buf_addf(b, "target %s %s", text_of(n, "name"),
	         streq(action, "add") ? "added" : streq(action, "remove") ? "removed" : "changed");
}

static void
say_lifecycle(const struct entry *n, struct buf *b)
{
	static const char *const said[][2] = { { "retire", "retired" },
		                               { "restore", "brought back" },
		                               { "revoke", "revoked" },
		                               { "hold", "held" },
		                               { "release", "released" } };
	const char *what = text_of(n, "action");

	for (size_t i = 0; i < COUNT(said); i++)
		if (streq(what, said[i][0])) {
			what = said[i][1];
			break;
		}
	buf_addf(b, "v%" PRIu64 " %s", number_of(n, "number"), what);
}

static void
say_adoption(const struct entry *n, struct buf *b)
{
	const char *const from = json_opt_string(json_object_get(n->body, "previous"), "id");

	buf_addf(b,
	         "folder adopted as registry %s; what is older belongs to registry %s and has no "
	         "authority here",
	         text_of(n, "id"), from ? from : "?");
}

static void say_what(const struct entry *n, struct buf *b);

/* An entry of another registry's log, in its own words. */
static void
say_origin(const struct entry *n, struct buf *b)
{
	const struct entry there = {
		.type = json_text(n->body, "type"),
		.model = n->model,
		.body = json_object_get(n->body, "body"),
	};

	buf_addf(b, "at %s: ", site_of(n));
	if (streq(there.type, "version"))
		buf_addf(b, "v%" PRIu64 " arrived", number_of(&there, "number"));
	else if (!streq(there.type, "origin"))
		say_what(&there, b);
}

static void
say_what(const struct entry *n, struct buf *b)
{
	if (streq(n->type, "version"))
		say_version(n, b);
	else if (streq(n->type, "label"))
		say_label(n, b);
	else if (streq(n->type, "alias"))
		say_alias(n, b);
	else if (streq(n->type, "note"))
		say_note(n, b);
	else if (streq(n->type, "plan"))
		say_plan(n, b);
	else if (streq(n->type, "authorisation"))
		buf_addf(b, "plan %.23s authorised", text_of(n, "plan"));
	else if (streq(n->type, "evidence"))
		buf_addf(b, "v%" PRIu64 " %s attested", number_of(n, "number"), text_of(n, "type"));
	else if (streq(n->type, "approval"))
		buf_addf(b, "plan %.23s approved", text_of(n, "plan"));
	else if (streq(n->type, "discard"))
		buf_addf(b, "plan %.23s discarded", text_of(n, "plan"));
	else if (streq(n->type, "job"))
		say_job(n, b);
	else if (streq(n->type, "promotion"))
		say_promotion(n, b);
	else if (streq(n->type, "target"))
		say_target(n, b);
	else if (streq(n->type, "lifecycle"))
		say_lifecycle(n, b);
	else if (streq(n->type, "delete"))
		buf_addf(b, "v%" PRIu64 " deleted", number_of(n, "number"));
	else if (streq(n->type, "adoption"))
		say_adoption(n, b);
	else if (streq(n->type, "restore"))
		buf_addf(b, "log accepted as put back to %" PRIu64 " entries",
		         number_of(n, "size"));
	else if (streq(n->type, "policy"))
		buf_addf(b, "policy %" PRIu64 " in force", number_of(n, "version"));
	else if (streq(n->type, "bundle"))
		say_bundle(n, b);
	else if (streq(n->type, "origin"))
		say_origin(n, b);
	else if (streq(n->type, "registry"))
		buf_addf(b, "registry %s made", text_of(n, "id"));
	else
		buf_adds(b, n->type);
}

static void
say_reason(const char *reason, struct buf *b)
{
	if (reason)
		buf_addf(b, ": %s", reason);
}

/* Who its statement says it was, and why; claims, as nothing is verified here. */
static bool
say_signer(const struct entry *n, struct buf *what, struct buf *b)
{
	cleanup_buf struct buf envelope = { 0 };
	const char *who = json_opt_string(n->body, "signer");
	struct err ignored = { 0 };
	struct statement s = { 0 };

	if (origin_is(n)) {
		buf_addf(b, "%s%s%s", site_of(n), who ? "/" : "", who ? who : "");
		return true;
	}

	if (!who && json_is_object(n->statement)) {
		json_canonical(n->statement, &envelope);
		if (statement_peek(buf_str(&envelope), &s, &ignored) == 0) {
			who = json_opt_string(s.predicate, "signer");
			who = who ? who : s.key_id;
			if (json_is_true(json_object_get(s.predicate, "break_glass")))
				buf_adds(what, ", BREAK-GLASS");
			if (streq(n->type, "authorisation") || streq(n->type, "approval"))
				say_reason(json_opt_string(s.predicate, "reason"), what);
		}
	}
	if (who)
		buf_adds(b, who);
	statement_fini(&s);
	return who != NULL;
}

void
history_sentence(const struct entry *n, struct buf *ret_what, struct buf *ret_who)
{
	const json_t *const uid = json_object_get(n->by, "uid");

	say_what(n, ret_what);
	say_reason(n->reason, ret_what);
	if (say_signer(n, ret_what, ret_who))
		return;
	if (json_is_integer(uid))
		buf_addf(ret_who, "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
	else
		buf_adds(ret_who, "unknown");
}

void
history_name(const struct policy *p, struct buf *who)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			if (str_is(buf_str(who), p->people[i].keys[k].id)) {
				buf_clear(who);
				buf_adds(who, p->people[i].id);
				return;
			}
}

/* The last one is kept: most of a story was made by one user, and the name service may be slow. */
static const char *
login_of(uid_t uid)
{
	static char name[64];
	static uid_t of;
	static bool is_known;
	char room[4096];
	struct passwd p, *found = NULL;

	if (is_known && of == uid)
		return name;
	name[0] = '\0';
	if (getpwuid_r(uid, &p, room, sizeof(room), &found) == 0 && found)
		(void)str_copy(name, sizeof(name), p.pw_name);
	of = uid;
	is_known = true;
	return name;
}

void
history_login(const struct entry *n, struct buf *who)
{
	const json_t *const uid = json_object_get(n->by, "uid");
	const char *const host = json_opt_string(n->by, "host");
	char here[256] = "", shown[32];

	if (!json_is_integer(uid) || !host || gethostname(here, sizeof(here) - 1) != 0 ||
	    !streq(host, here))
		return; /* elsewhere the number may be somebody else */
	(void)snprintf(shown, sizeof(shown), "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
	if (!str_is(buf_str(who), shown))
		return;
	const char *name = login_of((uid_t)json_integer_value(uid));
	if (!name[0])
		return;
	buf_clear(who);
	buf_adds(who, name);
}
