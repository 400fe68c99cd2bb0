/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the log: would a replay count it? Why not is a problem, and the entries behind it
 * are looked at as if it were not there, as every command does. What those that count say there
 * should be is remembered for the blobs.
 */
#include "registry/check_private.h"
#include "registry/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/authority.h"
#include "registry/entry.h"
#include "registry/statement.h"

static void
say(struct check *c, uint64_t seq, const struct entry *n, struct err *why)
{
	if (strncmp(why->msg, "log entry ", 10) != 0)
		(void)err_prefix(why, "log entry %" PRIu64 "%s%s%s", seq, n ? " (" : "",
		                 n ? n->type : "", n ? ")" : "");
	check_problem(c, n && n->model ? n->model : "log", why);
}

#define PLACE_SIZE (NAME_SIZE + 24)

static void
version_place(const char *model, uint64_t number, char ret[PLACE_SIZE])
{
	(void)snprintf(ret, PLACE_SIZE, "%.255s %" PRIu64, model, number);
}

/* Its statement was verified when it was counted. */
static int
take_version(struct check *c, const struct entry *n, struct err *why)
{
	cleanup_buf struct buf envelope = { 0 };
	struct check_version v = { 0 };
	struct statement s = { 0 };
	struct err none = { 0 };
	char place[PLACE_SIZE];
	int rc = origin_is(n) ? origin_envelope(c->r->blobs, n, &envelope, why)
	                      : authority_envelope(n, &envelope, why);

	if (rc == 0)
		rc = json_get_u64(n->body, "number", n->type, &v.number, why);
	if (rc == 0)
		rc = json_get_digest(n->body, "digest", n->type, &v.digest, why);
	if (rc == 0)
		rc = json_get_u64(n->body, "bytes", n->type, &v.bytes, why);
	if (rc == 0)
		rc = json_get_u64(n->body, "files", n->type, &v.files, why);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &s, why);
	if (rc < 0)
		return rc;
	v.has_fileset = json_get_digest(s.predicate, "fileset", "", &v.fileset, &none) == 0;
	if (json_object_get(s.predicate, "smoke"))
		(void)json_get_digest(s.predicate, "smoke", "", &v.smoke, &none);
	statement_fini(&s);
	if (!c->places)
		c->places = json_object();
	version_place(n->model, v.number, place);
	if (json_object_get(c->places, place))
		return 0; /* signed again behind an adoption: the same files */
	c->ret->versions++;
	v.model = xstrdup(n->model);
	json_object_set_new(c->places, place, json_integer((json_int_t)c->versions.n));
	vec_push(&c->versions, v);
	return 0;
}

static int
take_delete(struct check *c, const struct entry *n)
{
	const json_int_t number = json_integer_value(json_object_get(n->body, "number"));
	char place[PLACE_SIZE];
	const json_t *at;

	version_place(n->model ? n->model : "", (uint64_t)number, place);
	at = json_object_get(c->places, place);
	if (at)
		c->versions.v[json_integer_value(at)].is_deleted = true;
	c->ret->deleted++;
	return 0;
}

/* Blobs that an entry's body names: a plan is one, a target may have a golden request. */
static int
take_blob_of(struct check *c, const json_t *o, const char *key, struct err *why)
{
	struct digest d;
	int rc;

	if (!json_object_get(o, key))
		return 0;
	rc = json_get_digest(o, key, "log entry", &d, why);
	if (rc == 0)
		check_need_blob(c, &d, false, 0);
	return rc;
}

/* Its documents; the proof of one that came in stands in the statement's place. */
static int
take_bundle(struct check *c, const struct entry *n, struct err *why)
{
	int rc = take_blob_of(c, n->body, "inventory", why);

	if (rc == 0)
		rc = take_blob_of(c, n->body, "list", why);
	return rc < 0 ? rc : take_blob_of(c, n->body, "proof", why);
}

static void
count_statement(struct check *c, const struct entry *n)
{
	static const char *const signed_types[] = { "policy", "version", "target", "authorisation",
		                                    "approval", "evidence",
		                                    "promotion", "lifecycle", "delete",
		                                    "restore",   "bundle", "origin" };

	for (size_t i = 0; i < COUNT(signed_types); i++)
		c->ret->statements += streq(n->type, signed_types[i]);
	/* beginnings alone */
	c->ret->statements += streq(n->type, "job") && json_is_object(n->statement);
}

/* What there should be, for the blobs. */
/* A statement that is too large for its entry is a blob. */
static bool
json_digest(const json_t *s, struct digest *ret)
{
	const char *const text = json_string_value(s);

	return strncmp(text, "sha256:", 7) == 0 &&
	       digest_parse(ret, text + 7, strlen(text + 7)) == 0;
}

static int
take(struct check *c, const struct entry *n, struct err *why)
{
	struct digest large;

	if (json_is_string(n->statement) && json_digest(n->statement, &large))
		check_need_blob(c, &large, false, 0);
	if (streq(n->type, "version"))
		return take_version(c, n, why);
	if (streq(n->type, "delete"))
		return take_delete(c, n);
	if (streq(n->type, "evidence"))
		return take_blob_of(c, n->body, "file", why);
	if (streq(n->type, "plan"))
		return take_blob_of(c, n->body, "id", why);
	if (streq(n->type, "bundle"))
		return take_bundle(c, n, why);
	if (streq(n->type, "target"))
		return take_blob_of(c, json_object_get(n->body, "target"), "smoke", why);
	return 0;
}

/* A policy that does not count is one problem, not one for each entry that was written under it. */
static bool
follows_lost_policy(struct check *c, const struct entry *n)
{
	if (streq(n->type, "policy")) {
		c->has_lost_policy = true;
		c->lost_policy = n->seq;
		return false;
	}
	return c->has_lost_policy && n->has_policy && n->policy == c->lost_policy;
}

int
check_entry(struct check *c, const struct log_line *line, struct err *e)
{
	struct err why = { 0 }, again = { 0 };
	struct entry n;
	int rc = change_scratch_line(c->scratch, line, &why, e);

	if (rc < 0)
		return rc;
	if (entry_parse(line->json, line->seq, &line->leaf, &n, &again) < 0) {
		say(c, line->seq, NULL, &again);
		return 0;
	}
	rc = -(int)why.code;
	if (rc == 0 && !c->log_only)
		rc = take(c, &n, &why);
	if (rc == 0) {
		count_statement(c, &n);
		if (c->counted)
			c->counted(c->arg, &n);
	}
	if (rc < 0 && !follows_lost_policy(c, &n))
		say(c, line->seq, &n, &why);
	entry_fini(&n);
	return 0;
}

void
check_entry_fini(struct check *c)
{
	vec_foreach(v, &c->versions)
		free(v->model);
	vec_fini(&c->versions);
	json_decref(c->places);
}
