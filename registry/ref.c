/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References: what a person types for a version. Parsing is a pure function; resolving reads the
 * database and says, when nothing is found, what there is instead. Decides nothing: what a
 * reference found is verified by the verbs that act on it.
 */
#include "registry/ref.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/buf.h"
#include "registry/near.h"

#define DIGEST_PREFIX "sha256:"
#define DIGEST_MIN    12
#define MLFLOW_PREFIX "models:/"

static bool
is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* What parts two runs of letters and digits: "." "_" "__" or any number of "-" (OCI distribution
 * spec). */
static size_t
separator(const char *s)
{
	if (s[0] == '.')
		return 1;
	if (s[0] == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static bool
is_repository_name(const char *s)
{
	for (;;) {
		if (!is_lower_alnum(*s))
			return false;
		while (is_lower_alnum(*s))
			s++;
		if (*s == '\0')
			return true;
		const size_t n = *s == '/' ? 1 : separator(s);
		if (n == 0)
			return false;
		s += n;
	}
}

int
ref_check_model(const char *name, struct err *e)
{
	if (strlen(name) < NAME_SIZE && is_repository_name(name))
		return 0;
	(void)err_set(e, ERR_USAGE, "\"%s\" is no name for a model", name);
	return err_hint(e,
	                "lower-case letters and digits, parted by one of . _ __ - or /, at most %d",
	                NAME_SIZE - 1);
}

int
ref_check_word(const char *what, const char *word, struct err *e)
{
	const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	if (n > 0 && n < WORD_SIZE && word[n] == '\0' && is_lower_alnum(word[0]))
		return 0;
	(void)err_set(e, ERR_USAGE, "\"%s\" is no name for a %s", word, what);
	return err_hint(e, "lower-case letters, digits, and . _ - behind the first, at most %d",
	                WORD_SIZE - 1);
}

static bool
is_number_tag(const char *tag)
{
	return tag[0] == 'v' && tag[1] != '\0' &&
	       strspn(tag + 1, "0123456789") == strlen(tag + 1);
}

int
ref_check_alias(const char *alias, struct err *e)
{
	int rc;

	rc = ref_check_word("alias", alias, e);
	if (rc < 0 || (!is_number_tag(alias) && !streq(alias, "latest")))
		return rc;
	(void)err_set(e, ERR_USAGE, "\"%s\" means something else: it cannot be an alias", alias);
	return err_hint(e, "v1, v2, ..., latest and the names of stages are taken");
}

/* --- parsing --- */

static int
parse_hex(const char *hex, struct ref *ret, struct err *e)
{
	const size_t n = strlen(hex);

	if (strspn(hex, "0123456789abcdef") != n || n > 64)
		return err_set(e, ERR_USAGE, "\"" DIGEST_PREFIX "%s\" is no digest", hex);
	if (n < DIGEST_MIN) {
		(void)err_set(e, ERR_USAGE,
		              "\"" DIGEST_PREFIX "%s\" is too short to name a version", hex);
		return err_hint(e, "give %d hex digits or more", DIGEST_MIN);
	}
	ret->kind = REF_DIGEST;
	ret->hex_n = n;
	return str_copy(ret->hex, sizeof ret->hex, hex);
}

static int
parse_number(const char *digits, const char *tag, struct ref *ret, struct err *e)
{
	if (parse_u64(digits, INT64_MAX, &ret->number) < 0 || ret->number == 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no number of a version", tag);
		return err_hint(e, "versions are v1, v2, ...");
	}
	ret->kind = REF_NUMBER;
	return 0;
}

static int
parse_tag(const char *tag, struct ref *ret, struct err *e)
{
	if (has_prefix(tag, DIGEST_PREFIX))
		return parse_hex(tag + strlen(DIGEST_PREFIX), ret, e);
	if (is_number_tag(tag))
		return parse_number(tag + 1, tag, ret, e);
	if (streq(tag, "latest")) {
		ret->kind = REF_LATEST;
		return 0;
	}
	ret->kind = REF_WORD;
	if (ref_check_word("version, stage or alias", tag, e) < 0)
		return -(int)e->code;
	return str_copy(ret->word, sizeof ret->word, tag);
}

static int
set_model(const char *name, size_t n, struct ref *ret, struct err *e)
{
	cleanup_free char *model = xstrndup(name, n);
	int rc;

	rc = ref_check_model(model, e);
	if (rc < 0)
		return rc;
	return str_copy(ret->model, sizeof ret->model, model);
}

/* models:/NAME/3 and models:/NAME@alias, as MLflow writes them. */
static int
parse_mlflow(const char *s, struct ref *ret, struct err *e)
{
	const char *const at = strchr(s, '@');
	const char *const slash = strrchr(s, '/');
	int rc;

	if (at) {
		rc = set_model(s, (size_t)(at - s), ret, e);
		return rc < 0 ? rc : parse_tag(at + 1, ret, e);
	}
	if (!slash) {
		(void)err_set(e, ERR_USAGE, "\"" MLFLOW_PREFIX "%s\" names no version", s);
		return err_hint(e, "write " MLFLOW_PREFIX "NAME/3 or " MLFLOW_PREFIX "NAME@stage");
	}
	rc = set_model(s, (size_t)(slash - s), ret, e);
	if (rc < 0)
		return rc;
	if (slash[1] >= '0' && slash[1] <= '9')
		return parse_number(slash + 1, slash + 1, ret, e);
	return parse_tag(slash + 1, ret, e);
}

int
ref_parse(const char *s, struct ref *ret, struct err *e)
{
	const char *at = strchr(s, '@');
	struct ref r = { .kind = REF_MODEL };
	int rc;

	if (has_prefix(s, DIGEST_PREFIX)) {
		(void)err_set(e, ERR_USAGE, "\"%s\" names no model", s);
		return err_hint(e, "write NAME@%s", s);
	}
	if (has_prefix(s, MLFLOW_PREFIX)) {
		rc = parse_mlflow(s + strlen(MLFLOW_PREFIX), &r, e);
	} else {
		at = at ? at : strchr(s, ':');
		rc = set_model(s, at ? (size_t)(at - s) : strlen(s), &r, e);
		if (rc == 0 && at)
			rc = parse_tag(at + 1, &r, e);
	}
	if (rc < 0)
		return rc;
	*ret = r;
	return 0;
}

/* --- resolving --- */

static int
offer_model(void *arg, const struct model_row *m)
{
	near_offer(arg, m->name);
	return 0;
}

static int
no_model(struct txn *t, const char *name, struct err *e)
{
	struct near near = { .wanted = name };
	struct err inner = { 0 };
	char names[200];

	(void)err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", name);
	if (model_each(t, NULL, offer_model, &near, &inner) == 0 && near_text(&near, names,
		sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "see `slipway list`");
}

static int
no_version(const struct model_row *m, const char *tag, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "\"%s\" has no version \"%s\"", m->name, tag);
	return err_hint(e, "see `slipway list %.200s`", m->name);
}

static int
get_number(struct txn *t, const struct model_row *m, uint64_t number, struct version_row *ret,
           struct err *e)
{
	char tag[24];
	int rc;

	rc = version_get(t, m->name, number, ret, e);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	snprintf(tag, sizeof tag, "v%" PRIu64, number);
	return no_version(m, tag, e);
}

static int
get_latest(struct txn *t, const struct model_row *m, struct version_row *ret, struct err *e)
{
	if (m->latest_live == 0) {
		(void)err_set(e, ERR_NOT_FOUND, "\"%s\" has no live version", m->name);
		return err_hint(e, "see `slipway history %.200s`", m->name);
	}
	return get_number(t, m, m->latest_live, ret, e);
}

/* What the alias names; NOT_FOUND without text: there is no such alias. */
static int
get_alias(struct txn *t, const struct model_row *m, const char *alias, struct version_row *ret,
          struct err *e)
{
	uint64_t number;
	int rc;

	rc = alias_get(t, m->name, alias, &number, e);
	if (rc == 0)
		rc = get_number(t, m, number, ret, e);
	if (rc < 0 || ret->state.life != LIFE_DELETED)
		return rc;
	(void)err_set(e, ERR_NOT_FOUND,
	              "alias \"%s\" of \"%s\" names v%" PRIu64 ", which was deleted", alias,
	              m->name, number);
	return err_hint(e, "let it name another version: slipway alias %.150s@vN %.60s", m->name,
	                alias);
}

static int
offer_alias(void *arg, const char *alias, uint64_t number)
{
	(void)number;
	near_offer(arg, alias);
	return 0;
}

static int
no_word(struct txn *t, const struct model_row *m, const char *word, struct err *e)
{
	struct near near = { .wanted = word };
	struct err inner = { 0 };
	char names[200];

	near_offer(&near, "latest");
	near_offer(&near, "staging");
	near_offer(&near, "production");
	for (size_t i = 0; i < m->stages_n; i++)
		near_offer(&near, m->stages[i].stage);
	(void)alias_each(t, m->name, offer_alias, &near, &inner);
	(void)err_set(e, ERR_NOT_FOUND, "\"%s\" has no version in \"%s\"", m->name, word);
	if (near_text(&near, names, sizeof names) && !streq(near.best[0], word))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "see what its stages hold: `slipway show %.200s`", m->name);
}

/* A stage wins: a policy may have named one as an alias was called before. */
static int
get_word(struct txn *t, const struct model_row *m, const char *word, struct version_row *ret,
         struct err *e)
{
	const struct stage_mark *const s = model_stage(m, word);
	int rc;

	if (s && s->number > 0)
		return get_number(t, m, s->number, ret, e);
	rc = s ? -ERR_NOT_FOUND : get_alias(t, m, word, ret, e);
	return rc == -ERR_NOT_FOUND && e->code == ERR_OK ? no_word(t, m, word, e) : rc;
}

struct by_digest {
	const struct ref *ref;
	struct version_row *ret;
	struct buf candidates;
	size_t digests; /* different ones */
};

/* The same bytes may have been deleted and brought in again: the live number is meant. */
static int
digest_found(void *arg, const struct version_row *v)
{
	struct by_digest *const w = arg;

	if (!streq(v->model, w->ref->model))
		return 0;
	if (w->digests == 0 || !digest_eq(&v->digest, &w->ret->digest)) {
		w->digests++;
		buf_addf(&w->candidates, "%sv%" PRIu64, w->candidates.n > 0 ? ", " : "", v->number);
	}
	if (w->digests == 1 && (w->ret->number == 0 || w->ret->state.life == LIFE_DELETED))
		*w->ret = *v;
	return 0;
}

static int
get_digest(struct txn *t, const struct model_row *m, const struct ref *r, struct version_row *ret,
           struct err *e)
{
	struct by_digest w = { .ref = r, .ret = ret };
	int rc;

	*ret = (struct version_row){ 0 };
	rc = version_by_digest(t, r->hex, r->hex_n, digest_found, &w, e);
	if (rc == 0 && w.digests == 0)
		rc = no_version(m, r->hex, e);
	if (rc == 0 && w.digests > 1) {
		(void)err_set(e, ERR_AMBIGUOUS,
		              "\"%s@" DIGEST_PREFIX "%s\" names several versions: %.200s", m->name,
		              r->hex, buf_cstr(&w.candidates));
		rc = err_hint(e, "give more digits, or the number");
	}
	buf_fini(&w.candidates);
	return rc;
}

int
ref_resolve(struct txn *t, const struct ref *r, struct version_row *ret, struct err *e)
{
	struct model_row m;
	int rc;

	rc = model_get(t, r->model, &m, e);
	if (rc == -ERR_NOT_FOUND)
		return no_model(t, r->model, e);
	if (rc < 0)
		return rc;
	switch (r->kind) {
	case REF_MODEL:
	case REF_LATEST:
		return get_latest(t, &m, ret, e);
	case REF_NUMBER:
		return get_number(t, &m, r->number, ret, e);
	case REF_WORD:
		return get_word(t, &m, r->word, ret, e);
	case REF_DIGEST:
		return get_digest(t, &m, r, ret, e);
	}
	return err_set(e, ERR_BUG, "a reference of no kind");
}

int
ref_model(struct txn *t, const char *name, struct model_row *ret, struct err *e)
{
	int rc;

	rc = ref_check_model(name, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, name, ret, e);
	return rc == -ERR_NOT_FOUND ? no_model(t, name, e) : rc;
}

int
ref_find(struct txn *t, const char *s, struct version_row *ret, struct err *e)
{
	struct ref r;
	int rc;

	rc = ref_parse(s, &r, e);
	return rc < 0 ? rc : ref_resolve(t, &r, ret, e);
}
