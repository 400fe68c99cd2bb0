/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, stages, ages and errors look the same on every screen because they are written here. */
#include "tui/view/show.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/labels.h"

#define FIELD_COL 13u

void
show_digest(char ret[SHOW_DIGEST_SIZE], const struct digest *d)
{
	char hex[65];

	digest_hex(d, hex);
	(void)snprintf(ret, SHOW_DIGEST_SIZE, "sha256:%.12s..%s", hex, hex + 60);
}

const char *
show_proof(unsigned proofs)
{
	return proofs == 0 ? "no proof" : proofs_highest(proofs);
}

void
show_stage(char ret[48], const struct stage_mark *m)
{
	if (!m || (m->number == 0 && m->moving_to == 0))
		(void)snprintf(ret, 48, "-");
	else if (m->moving_to == 0)
		(void)snprintf(ret, 48, "v%llu", (unsigned long long)m->number);
	else if (m->number == 0)
		(void)snprintf(ret, 48, "- > v%llu", (unsigned long long)m->moving_to);
	else
		(void)snprintf(ret, 48, "v%llu > v%llu", (unsigned long long)m->number,
		               (unsigned long long)m->moving_to);
}

enum ink
show_stage_ink(const char *stage)
{
	if (streq(stage, "production"))
		return INK_PRODUCTION;
	return streq(stage, "staging") ? INK_STAGING : INK_TEXT;
}

void
show_size(char ret[16], uint64_t bytes)
{
	text_size(ret, bytes);
}

void
show_age(char ret[16], int64_t then_s)
{
	text_age(ret, then_s, clock_now_s());
}

void
show_ago(char ret[24], int64_t then_s)
{
	char age[16];

	show_age(age, then_s);
	(void)snprintf(ret, 24, streq(age, "now") ? "just now" : "%s ago", age);
}

void
show_stages_of(const struct model_row *m, uint64_t number, struct buf *ret)
{
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++) {
		if (number == 0 || m->stages[i].number != number)
			continue;
		if (ret->n > 0)
			buf_adds(ret, ", ");
		buf_adds(ret, m->stages[i].stage);
	}
}

bool
show_holds_any(const struct model_row *m)
{
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number > 0)
			return true;
	return false;
}

enum handled
show_diff_with_stage(const struct model_row *m, uint64_t number, struct view_request *ret)
{
	const struct stage_mark *one = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number > 0 && m->stages[i].number != number) {
			one = &m->stages[i];
			n++;
		}
	if (n == 0)
		return NOT_HANDLED;
	(void)str_copy(ret->view, sizeof(ret->view), "diff");
	if (n == 1)
		(void)snprintf(ret->arg, sizeof(ret->arg), "%.255s@%.64s %.255s@v%llu", m->name,
		               one->stage, m->name, (unsigned long long)number);
	else /* the screen asks with which */
		(void)snprintf(ret->arg, sizeof(ret->arg), "%s@v%llu", m->name,
		               (unsigned long long)number);
	return OPEN_VIEW;
}

bool
show_differs(const struct model_row *m, uint64_t number)
{
	for (size_t i = 0; number > 0 && i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number > 0 && m->stages[i].number != number)
			return true;
	return false;
}

static void
why_not_live(const struct version_row *n, struct buf *ret)
{
	if (n->state.life == LIFE_LIVE)
		return;
	buf_addf(ret, "v%llu is %s", (unsigned long long)n->number, lifecycle_name(n->state.life));
	if (n->state.life == LIFE_RETIRED)
		buf_adds(ret, "; retire --undo brings it back");
	else
		buf_adds(ret, ", for good: choose another");
}

void
show_why_not(const struct model_row *m, const struct version_row *n, enum action act,
             struct buf *ret)
{
	if (act == ACT_ROLLBACK && !show_holds_any(m))
		buf_addf(ret, "no stage of %s holds a version yet", m->name);
	else if (act != ACT_PROMOTE && act != ACT_VERIFY && act != ACT_DIFF)
		return;
	else if (act == ACT_DIFF)
		buf_addf(ret, "no stage of %s holds another version; mark two of its versions",
		         m->name);
	else if (!n)
		buf_addf(ret, m->live_n == 0 ? "%s has no live version" : "choose a version of %s",
		         m->name);
	else
		why_not_live(n, ret);
}

void
show_subject(const char *model, uint64_t number, const struct digest *d, struct view_subject *ret)
{
	char hex[65];

	(void)str_copy(ret->model, sizeof(ret->model), model);
	if (number == 0)
		return;
	(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", model, (unsigned long long)number);
	digest_hex(d, hex);
	(void)snprintf(ret->digest, sizeof(ret->digest), "sha256:%s", hex);
}

int
view_read(const struct view *v, struct txn **ret, struct err *e)
{
	if (!v->app->registry) {
		*e = v->shared->no_registry;
		if (e->code == ERR_OK)
			return err_set(e, ERR_NOT_FOUND, "no registry is open");
		return -(int)e->code;
	}
	return store_read_begin(v->app->registry->store, ret, e);
}

size_t
show_error(const struct area *a, size_t row, const struct err *e)
{
	if (e->code == ERR_OK)
		return row;
	row = paint_prose(a, row, 1, INK_BAD, e->msg);
	if (e->hint[0])
		row = paint_prose(a, row, 1, INK_TEXT, e->hint);
	return row;
}

size_t
show_field(const struct area *a, size_t row, const char *title, enum ink ink, const char *value)
{
	paint_text(a, row, 1, INK_DIM, title);
	paint_fit(a, row, FIELD_COL, a->cols > FIELD_COL ? a->cols - FIELD_COL : 0, ink,
	          TEXT_CUT_MIDDLE, value);
	return row + 1;
}

void
show_job_subject(const struct job_row *j, struct view_subject *ret)
{
	char hex[65];

	(void)str_copy(ret->job, sizeof(ret->job), j->id);
	(void)str_copy(ret->model, sizeof(ret->model), j->model);
	(void)str_copy(ret->stage, sizeof(ret->stage), j->stage);
	if (j->number > 0)
		(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", j->model,
		               (unsigned long long)j->number);
	if (!digest_is_zero(&j->plan)) {
		digest_hex(&j->plan, hex);
		(void)snprintf(ret->plan, sizeof(ret->plan), "%s", hex);
	}
}

void
show_answer_why(struct str text, char *ret, size_t size)
{
	(void)str_copy(ret, size, "nothing was answered");
	while (text.n > 0) {
		const char *const lf = memchr(text.p, '\n', text.n);
		const struct str line = { text.p, lf ? (size_t)(lf - text.p) : text.n };
		const size_t used = line.n + (lf != NULL);
		cleanup_json json_t *o = NULL;
		struct err ignored = { 0 };

		text = (struct str){ text.p + used, text.n - used };
		if (json_parse(line, "error", &o, &ignored) < 0)
			continue;
		const char *const why = json_opt_string(o, "message");
		(void)snprintf(ret, size, "%s", why ? why : "");
	}
}

void
show_asked(const struct area *a, bool is_asking, size_t n, const char *what, int64_t asked_s,
           const char *why)
{
	char ago[24];

	show_ago(ago, asked_s);
	if (is_asking)
		paint_text(a, 0, 1, INK_WAIT, "asking ...");
	else
		paintf(a, 0, 1, INK_DIM, "%zu %s%s, %s; R asks again", n, what, n == 1 ? "" : "s",
		       ago);
	if (why[0])
		paint_prose(a, 1, 1, INK_BAD, why);
}
