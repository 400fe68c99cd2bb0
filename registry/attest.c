/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: files read into what is signed, entries checked, rows kept. A number is kept as the
 * shortest text that reads back as the same number, so that equal content has equal bytes.
 */
#include "registry/attest.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "registry/authority_private.h"
#include "registry/evidence.h"
#include "registry/row.h"

#define WHAT "evidence"

/* --- reading --- */

static int
malformed(struct err *e, const char *what, const char *name)
{
	return err_set(e, ERR_MALFORMED, WHAT ": %s \"%.80s\"", what, name);
}

static bool
is_metric_name(const char *s)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._/-";

	return isalnum((unsigned char)s[0]) && strlen(s) <= 64 && strspn(s, rest) == strlen(s);
}

static void
decimal(double v, char ret[40])
{
	double again;

	for (int digits = 6; digits <= 17; digits++) {
		(void)snprintf(ret, 40, "%.*g", digits, v);
		if (parse_double(ret, &again) == 0 && memcmp(&again, &v, sizeof v) == 0)
			return;
	}
}

static int
read_metrics(const json_t *o, json_t **ret, struct err *e)
{
	json_t *const out = json_object();
	const char *name;
	json_t *value;
	char text[40];

	json_object_foreach((json_t *)(uintptr_t)o, name, value)
	{
		const double v = json_number_value(value);
		if (!is_metric_name(name) || !json_is_number(value) || !isfinite(v)) {
			json_decref(out);
			return malformed(e, "no metric with a number:", name);
		}
		decimal(v, text);
		json_object_set_new(out, name, json_string(text));
	}
	if (json_object_size(out) == 0 || json_object_size(out) > ATTEST_METRICS_MAX) {
		json_decref(out);
		return err_set(e, ERR_MALFORMED, WHAT ": metrics are 1 to %d names with numbers",
		               ATTEST_METRICS_MAX);
	}
	*ret = out;
	return 0;
}

static bool
is_spdx(const char *s)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                              "0123456789.-+";

	return s && *s && strlen(s) <= 64 && strspn(s, allowed) == strlen(s);
}

/* A file may be nothing but the id. Of several lines none is taken for the whole. */
static json_t *
plain_licence(struct str text)
{
	cleanup_free char *id = NULL;

	while (text.n > 0 && isspace((unsigned char)text.p[text.n - 1]))
		text.n--;
	id = xstrndup(text.p, text.n > 80 ? 80 : text.n);
	return text.n <= 80 && is_spdx(id) ? json_pack("{s:s}", "spdx", id) : NULL;
}

static bool
is_json_text(struct str text)
{
	size_t i = 0;

	while (i < text.n && isspace((unsigned char)text.p[i]))
		i++;
	return i < text.n && text.p[i] == '{';
}

static int
no_licence(struct err *e)
{
	(void)err_set(e, ERR_MALFORMED,
	              WHAT ": no single SPDX id, nor a JSON object that has one as \"spdx\"");
	return err_hint(e, "expressions (OR, AND, WITH) are not judged: name the licence under "
	                   "which you use it, and keep the rest in a JSON object");
}

/* Nothing, zero, false, "" and what is empty are none; anything else may be one. */
static bool
has_any(const json_t *v)
{
	if (json_is_array(v) || json_is_object(v))
		return json_array_size(v) + json_object_size(v) > 0;
	if (json_is_string(v))
		return json_string_length(v) > 0;
	return json_is_integer(v) ? json_integer_value(v) != 0 : json_is_true(v) || json_is_real(v);
}

static int
check_scan(const json_t *o, struct err *e)
{
	const char *const verdict = json_opt_string(o, "verdict");
	const bool clean = streq(verdict, "clean");

	if (!json_opt_string(o, "scanner") || !json_opt_string(o, "version") ||
	    (!clean && !streq(verdict, "findings")))
		return err_set(e, ERR_MALFORMED,
		               WHAT ": a scan has \"scanner\", \"version\" and a \"verdict\", "
		                    "clean or findings");
	if (clean && has_any(json_object_get(o, "findings")))
		return err_set(e, ERR_MALFORMED, WHAT ": a scan that is clean and has findings");
	return 0;
}

static int
check_content(enum evidence_type type, const json_t *o, struct err *e)
{
	if (type == EVIDENCE_LICENCE && !is_spdx(json_opt_string(o, "spdx")))
		return no_licence(e);
	return type == EVIDENCE_SCAN ? check_scan(o, e) : 0;
}

int
attest_read(enum evidence_type type, struct str text, json_t **ret, struct err *e)
{
	cleanup_json json_t *o = NULL, *metrics = NULL;
	cleanup_buf struct buf bytes = { 0 };
	int rc = 0;

	if (text.n > ATTEST_FILE_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": larger than %u bytes", ATTEST_FILE_MAX);
	if (type == EVIDENCE_LICENCE && !is_json_text(text)) {
		o = plain_licence(text);
		if (!o)
			return no_licence(e);
	}
	if (!o)
		rc = json_parse(text, WHAT, &o, e);
	if (rc == 0 && !json_is_object(o))
		rc = err_set(e, ERR_MALFORMED, WHAT ": no JSON object");
	if (rc == 0 && type == EVIDENCE_METRICS)
		rc = read_metrics(o, &metrics, e);
	if (rc == 0)
		rc = check_content(type, o, e);
	if (rc < 0)
		return rc;
	json_canonical(metrics ? metrics : o, &bytes);
	if (bytes.n > ATTEST_CONTENT_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": its content is larger than %u bytes",
		               ATTEST_CONTENT_MAX);
	*ret = json_incref(metrics ? metrics : o);
	return 0;
}

bool
evidence_metric(const struct evidence *v, const char *name, double *ret)
{
	const char *const s = json_opt_string(v->content, name);

	return s && parse_double(s, ret) == 0;
}

void
evidence_metrics_text(const json_t *content, struct buf *ret)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)content, name, value)
	        buf_addf(ret, "%s%s=%s", ret->n ? ", " : "", name,
	                 json_is_string(value) ? json_string_value(value) : "?");
}

/* --- entries --- */

static int
members(const struct entry *n, const json_t *o, struct evidence *v, struct err *e)
{
	const json_t *const previous = json_object_get(o, "previous");
	const char *type;
	json_t *content;
	int rc = json_get_u64(o, "number", WHAT, &v->number, e);

	if (rc == 0)
		rc = json_get_digest(o, "version", WHAT, &v->version, e);
	if (rc == 0)
		rc = json_get_digest(o, "file", WHAT, &v->file, e);
	if (rc == 0)
		rc = json_get_string(o, "type", WHAT, &type, e);
	if (rc == 0)
		rc = json_get_object(o, "content", WHAT, &content, e);
	if (rc == 0 && !json_is_null(previous))
		rc = authority_place(previous, WHAT, &v->previous, e);
	if (rc < 0)
		return rc;
	if (evidence_type_parse(type, &v->type) < 0)
		return malformed(e, "unknown type", type);
	if (!n->model || !streq(json_opt_string(o, "model"), n->model))
		return authority_other(n, e, "model");
	if (!authority_same(o, n->body, "number") || !authority_same(o, n->body, "type") ||
	    !authority_same(o, n->body, "file") || !authority_same(o, n->body, "previous") ||
	    !json_equal(json_object_get(o, "version"), json_object_get(n->body, "digest")))
		return authority_other(n, e, "version, file or previous");
	rc = check_content(v->type, content, e);
	if (rc < 0)
		return rc;
	v->content = json_incref(content);
	return 0;
}

int
authority_evidence(const struct authority *a, const struct entry *n, struct evidence *ret,
                   struct err *e)
{
	const struct policy_person *who;
	struct statement s = { 0 };
	int rc = authority_must_be(n, "evidence", e);

	*ret = (struct evidence){ .seq = n->seq, .time_s = n->time_s };
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	who = policy_person_of(a->policy, &s.key);
	(void)str_copy(ret->person, sizeof ret->person, who ? who->id : "");
	rc = members(n, s.predicate, ret, e);
	if (rc == 0 && !digest_eq(&s.subject, &ret->version))
		rc = authority_other(n, e, "subject");
	statement_fini(&s);
	if (rc < 0)
		evidence_fini(ret);
	return rc;
}

void
evidence_fini(struct evidence *v)
{
	json_decref(v->content);
	v->content = NULL;
}

int
evidence_continues(const struct evidence *v, const struct signed_place *last, struct err *e)
{
	if (v->previous.seq == last->seq && digest_eq(&v->previous.leaf, &last->leaf))
		return 0;
	return err_set(e, ERR_SIGNATURE,
	               "it does not continue what was attested about the model before");
}

/* --- rows --- */

static struct row_key
key_of(const char *model, uint64_t number, enum evidence_type type)
{
	struct row_key k = row_key('E');

	key_text(&k, model, true);
	key_u64(&k, number);
	key_bytes(&k, &(const uint8_t){ (uint8_t)type }, 1);
	return k;
}

static struct row_key
last_key(const char *model)
{
	struct row_key k = row_key('E');

	key_text(&k, model, true);
	return k;
}

static int
row_damaged(struct err *e)
{
	(void)err_set(e, ERR_STORE, "a row of the database (evidence) is damaged");
	return err_hint(e, "slipway rebuild makes the database anew from the log");
}

int
evidence_last(struct txn *t, const char *model, struct signed_place *ret, struct err *e)
{
	const struct row_key k = last_key(model);
	struct str value;
	uint64_t born;
	int rc = born_get(t, &born, e);

	*ret = (struct signed_place){ 0 };
	if (rc == 0)
		rc = txn_get(t, key_str(&k), &value, e);
	if (rc < 0 || !value.p)
		return rc;
	struct row_reader r = row_begin(value);
	ret->seq = row_get_u64(&r);
	row_get_digest(&r, &ret->leaf);
	if (r.bad)
		return row_damaged(e);
	if (ret->seq < born) /* the chain ended at the adoption */
		*ret = (struct signed_place){ 0 };
	return 0;
}

int
evidence_put_carried(struct txn *t, const char *model, const struct evidence *v, struct err *e)
{
	const struct row_key k = key_of(model, v->number, v->type);
	cleanup_buf struct buf b = { 0 }, content = { 0 };

	json_canonical(v->content, &content);
	row_u64(&b, v->seq);
	row_i64(&b, v->time_s);
	row_digest(&b, &v->version);
	row_digest(&b, &v->file);
	row_text(&b, v->person);
	row_text(&b, buf_cstr(&content));
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

int
evidence_put(struct txn *t, const char *model, const struct evidence *v, const struct digest *leaf,
             struct err *e)
{
	const struct row_key last = last_key(model);
	cleanup_buf struct buf place = { 0 };
	int rc = evidence_put_carried(t, model, v, e);

	row_u64(&place, v->seq);
	row_digest(&place, leaf);
	return rc < 0 ? rc : txn_put(t, key_str(&last), buf_str(&place), e);
}

int
evidence_get(struct txn *t, const char *model, uint64_t number, enum evidence_type type,
             struct evidence *ret, struct err *e)
{
	const struct row_key k = key_of(model, number, type);
	cleanup_free char *content = NULL;
	struct evidence v = { .number = number, .type = type };
	struct str value;
	int rc = txn_get(t, key_str(&k), &value, e);

	if (rc < 0)
		return rc;
	if (!value.p)
		return -ERR_NOT_FOUND;
	content = xcalloc(1, value.n + 1);
	struct row_reader r = row_begin(value);
	v.seq = row_get_u64(&r);
	v.time_s = row_get_i64(&r);
	row_get_digest(&r, &v.version);
	row_get_digest(&r, &v.file);
	row_get_text(&r, v.person, sizeof v.person);
	row_get_text(&r, content, value.n + 1);
	if (r.bad || json_parse(str_of(content), WHAT, &v.content, e) < 0)
		return row_damaged(e);
	*ret = v;
	return 0;
}
