/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a wish to a signed, running plan. The agent proposes; what is stored and signed is what was
 * shown: the intent's bytes are parsed and hashed here again, and compared with what was asked for.
 */
#include "tui/cmd/proposal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/change.h"
#include "registry/labels.h"
#include "registry/statement.h"
#include "tui/cmd/follow.h"
#include "tui/cmd/proposal_past.h"
#include "tui/cmd/sign.h"
#include "tui/job.h"

static bool
flag(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* --- asking --- */

static int
check_reply(struct app *a, const struct proposal_wish *w, struct proposal *p, struct err *e)
{
	const char *intent;
	int rc = json_get_string(p->reply, "intent", "the agent's answer", &intent, e);

	if (rc == 0)
		rc = plan_parse(str_of(intent), &p->plan, e);
	if (rc < 0)
		return rc;
	if (w->take && !plan_take_eq(&p->plan.take, w->take))
		return err_set(e, ERR_BUG, "the agent would take other fields than it was told");
	if (!streq(p->plan.kind, w->kind) || !streq(p->plan.model, w->model) ||
	    !streq(p->plan.stage, w->stage) || !streq(p->plan.registry_id, a->registry->id) ||
	    (w->to && !digest_eq(w->to, &p->plan.version)))
		return err_set(e, ERR_BUG,
		               "the agent planned something else than it was asked for");
	p->already = flag(p->reply, "already");
	p->repair = flag(p->reply, "repair");
	p->blocked = flag(p->reply, "blocked");
	p->is_protected = flag(p->reply, "protected");
	return proposal_past(a, p, e);
}

int
proposal_make(struct app *a, const struct proposal_wish *w, struct proposal *ret, struct err *e)
{
	cleanup_json json_t *request = json_object();
	int rc;

	*ret = (struct proposal){ 0 };
	json_object_set_new(request, "registry", json_string(a->registry->dir));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	json_object_set_new(request, "kind", json_string(w->kind));
	json_object_set_new(request, "model", json_string(w->model));
	json_object_set_new(request, "stage", json_string(w->stage));
	if (w->to)
		json_object_set_new(request, "to", json_from_digest(w->to));
	if (w->canary && w->canary->steps_n > 0) {
		json_object_set_new(request, "canary", canary_json(w->canary));
		json_object_set_new(request, "defaultLimits", json_boolean(w->default_limits));
	}
	if (w->take && w->take->n > 0)
		json_object_set_new(request, "take", plan_take_json(w->take));
	json_object_set_new(request, "defaultSteps", json_boolean(w->default_steps));
	rc = agent_call("plan", request, &ret->reply, e);
	if (rc == 0)
		rc = check_reply(a, w, ret, e);
	if (rc < 0)
		proposal_fini(ret);
	return rc;
}

int
proposal_again(struct app *a, const struct plan *p, struct proposal *ret, struct err *e)
{
	const struct proposal_wish w = { .kind = p->kind,
		                         .model = p->model,
		                         .stage = p->stage,
		                         .to = p->empty ? NULL : &p->version,
		                         .canary = &p->canary,
		                         .take = &p->take };

	return proposal_make(a, &w, ret, e);
}

void
proposal_fini(struct proposal *p)
{
	json_decref(p->reply);
	p->reply = NULL;
	plan_fini(&p->plan);
}

int
proposal_check_blocks(const struct proposal *p, struct err *e)
{
	const json_t *targets = json_object_get(p->reply, "targets"), *t, *f;
	size_t i, k;

	if (!p->blocked)
		return 0;
	json_array_foreach(targets, i, t)
	{
		json_array_foreach(json_object_get(t, "findings"), k, f)
		{
			if (!streq(json_text(f, "level"), "block"))
				continue;
			err_set(e,
			        streq(json_text(f, "code"), "offline") ? ERR_POLICY : ERR_CONFLICT,
			        "target \"%s\": %s", json_text(t, "name"), json_text(f, "text"));
			return err_hint(e, "%s", json_text(f, "hint"));
		}
	}
	return err_set(e, ERR_BUG, "the agent says blocked and gives no reason");
}

int
proposal_check_job(struct app *a, const struct proposal *p, bool *ret_same, struct err *e)
{
	const struct stage_mark *s;
	struct model_row m;
	struct job_row row = { 0 };
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	*ret_same = false;
	if (rc < 0)
		return rc;
	rc = model_get(t, p->plan.model, &m, e);
	s = rc == 0 ? model_stage(&m, p->plan.stage) : NULL;
	if (s && s->job[0])
		rc = job_get(t, s->job, &row, e);
	store_abort(t);
	if (rc < 0 || !s || !s->job[0])
		return rc;
	*ret_same = digest_eq(&row.plan, &p->plan.id);
	if (*ret_same)
		return 0;
	err_set(e, ERR_LOCKED, "%s of \"%s\" is being changed by job %s", p->plan.stage,
	        p->plan.model, s->job);
	return err_hint(e,
	                "slipway job follow %s (or `job resume`, `job abort` when it stands still)",
	                s->job);
}

/* --- showing --- */

static void
version_text(uint64_t number, char ret[24])
{
	if (number)
		snprintf(ret, 24, "v%" PRIu64, number);
	else
		snprintf(ret, 24, "nothing");
}

/* Of several targets in one place the first, with how many there are. */
static void
show_where(struct app *a, const json_t *targets)
{
	const json_t *t;
	size_t i;

	json_array_foreach(targets, i, t)
	{
		const size_t n = json_count_like(targets, i, "where");

		if (n == 0 || json_first_like(targets, i, "where") < i)
			continue;
		out_text(a->out, "  where     %s", json_text(t, "name"));
		if (n > 1)
			out_text(a->out, " and %zu more", n - 1);
		out_text(a->out, ": %s\n", json_text(t, "where"));
	}
}

static void
show_files(struct app *a, const struct proposal *p, const char *now)
{
	const json_t *c = json_object_get(p->reply, "fileChanges");

	if (json_is_object(c))
		out_text(a->out,
		         "  files     %" PRIu64 " changed, %" PRIu64 " added, %" PRIu64
		         " removed, %" PRIu64 " as in %s\n",
		         json_opt_u64(c, "changed"), json_opt_u64(c, "added"),
		         json_opt_u64(c, "removed"), json_opt_u64(c, "same"), now);
}

static void
show_head(struct app *a, const struct proposal *p)
{
	char now[24], then[24], id[DIGEST_HEX_SIZE], size[16], digest[DIGEST_HEX_SIZE];

	version_text(json_opt_u64(p->reply, "nowNumber"), now);
	version_text(p->plan.number, then);
	digest_hex(&p->plan.id, id);
	out_text(a->out, "plan %.16s: %s \"%s\" in %s: %s -> %s%s\n", id, p->plan.kind,
	         p->plan.model, p->plan.stage, now, then,
	         p->repair ? " (repair: a target does not hold it)" : "");
	show_where(a, json_object_get(p->reply, "targets"));
	if (!p->plan.empty) {
		digest_hex(&p->plan.version, digest);
		text_size(size, json_opt_u64(p->reply, "bytes"));
		out_text(a->out, "  version   sha256:%s\n            %" PRIu64 " file%s, %s\n",
		         digest, json_opt_u64(p->reply, "files"),
		         json_opt_u64(p->reply, "files") == 1 ? "" : "s", size);
		show_files(a, p, now);
	}
	if (json_opt_string(p->reply, "absent"))
		out_text(a->out, "  absent    %s\n", json_opt_string(p->reply, "absent"));
	if (json_opt_string(p->reply, "missingImages"))
		out_text(a->out, "  images    %s\n", json_opt_string(p->reply, "missingImages"));
}

/* Can the server say what it serves? Of a folder nothing is said but what lies in it. */
static bool
is_asked(const json_t *facts)
{
	size_t i;
	const json_t *layer;

	json_array_foreach(json_object_get(facts, "proofs"), i,
	                   layer) if (streq(json_string_value(layer), "listed")) return true;
	return false;
}

static void
show_canary(struct app *a, const struct canary_plan *c, const json_t *from)
{
	const char *const steps_by = json_text(from, "steps"),
	                  *limits_by = json_text(from, "limits");
	cleanup_buf struct buf steps = { 0 };

	if (streq(limits_by, "the usual")) /* they say so themselves */
		limits_by = "";

	if (c->steps_n == 0)
		return;
	canary_steps_text(c, &steps);
	out_text(a->out, "  canary    %s, then all%s%s%s\n", buf_cstr(&steps),
	         *steps_by ? ", as " : "", steps_by, *steps_by ? " says" : "");
	for (size_t i = 0; i < c->limits_n; i++)
		out_text(a->out, "    limit   %s%s%s%s\n", c->limits[i].text,
		         *limits_by ? ", as " : "", limits_by, *limits_by ? " says" : "");
	if (c->limits_n == 0)
		out_text(a->out,
		         "    limit   none: ready, and the golden request where there is one\n");
}

/* A list of each target, texts or objects with one; where it is another target's too, that one is
 * named. */
static void
show_list(struct app *a, const json_t *targets, size_t n, const char *key, const char *title)
{
	const json_t *one, *list = json_object_get(json_array_get(targets, n), key);
	const size_t like = json_first_like(targets, n, key);
	size_t i;

	if (like < n && json_array_size(list) > 1) {
		out_text(a->out, "    %-7s as of %s\n", title,
		         json_text(json_array_get(targets, like), "name"));
		return;
	}
	json_array_foreach(list, i, one)
	        out_text(a->out, "    %-7s %s\n", title,
	                 json_is_string(one) ? json_string_value(one) : json_text(one, "text"));
}

static void
show_target(struct app *a, const struct plan *p, const json_t *targets, size_t n)
{
	const json_t *t = json_array_get(targets, n);
	const json_t *facts = json_object_get(t, "facts"), *f;
	size_t i;

	out_text(a->out, "  target    %s: %s %s%s%s%s%s\n", json_text(t, "name"),
	         json_text(t, "driver"), json_text(t, "address"),
	         json_text(facts, "server")[0] ? ", " : "", json_text(facts, "server"),
	         json_text(facts, "version")[0] ? " " : "", json_text(facts, "version"));
	show_list(a, targets, n, "changes", "change");
	show_list(a, targets, n, "images", "image");
	json_array_foreach(json_object_get(t, "findings"), i, f)
	{
		if (!streq(json_text(f, "level"), "ok"))
			out_text(a->out, "    %-7s %s\n", json_text(f, "level"),
			         json_text(f, "text"));
		else if (streq(json_text(f, "code"), "gpus"))
			out_text(a->out, "    room    %s\n", json_text(f, "text"));
	}
	if (!json_is_object(facts)) /* nobody answered */
		return;
	if (p->empty)
		out_text(a->out, "    proof   that nothing %s\n",
		         is_asked(facts) ? "serves" : "is there");
	else
		out_text(a->out, "    proof   up to \"%s\"%s\n",
		         proofs_highest(proofs_from_json(json_object_get(facts, "proofs"))),
		         streq(json_text(t, "golden"), "yes")
		                 ? ", a golden request is asked"
		                 : ", no golden request: answers not checked");
}

static void
show_way_back(struct app *a, const json_t *back)
{
	const int64_t since = (int64_t)json_opt_u64(back, "since");
	char now[24], age[16] = "";

	version_text(json_opt_u64(back, "number"), now);
	if (since > 0)
		text_age(age, since, clock_now_s());
	if (json_opt_string(back, "command"))
		out_text(a->out, "  way back  %s%s%s: %s\n", now, *age ? ", there for " : "", age,
		         json_opt_string(back, "command"));
	else
		out_text(a->out, "  way back  none is needed: %s stays and is put right\n", now);
}

/* What is known of it: how long its steps are held, and how long the last such move took. */
static void
show_time(struct app *a, const struct proposal *p)
{
	const json_t *last = json_object_get(p->reply, "lasted");
	uint64_t held_s = 0;
	char held[16], took[16];

	for (size_t i = 0; i < p->plan.canary.steps_n; i++)
		held_s += p->plan.canary.steps[i].hold_s;
	text_took(held, held_s);
	text_took(took, json_opt_u64(last, "seconds"));
	if (held_s > 0)
		out_text(a->out, "  time      %s in steps%s", held, last ? "; " : "\n");
	else if (last)
		out_text(a->out, "  time      ");
	if (last)
		out_text(a->out, "the last one of this stage took %s\n", took);
}

void
proposal_show(struct app *a, const struct proposal *p)
{
	const json_t *targets = json_object_get(p->reply, "targets"), *o;
	size_t i;

	show_head(a, p);
	json_array_foreach(json_object_get(p->reply, "checks"), i, o)
	{
		if (streq(json_text(o, "state"), "ok"))
			out_text(a->out, "  %-9s ok, %s\n", json_text(o, "name"),
			         json_text(o, "text"));
		else if (streq(json_text(o, "name"), "gate"))
			out_text(a->out, "  %-9s %s, %s\n", json_text(o, "name"),
			         json_text(o, "state"), json_text(o, "text"));
		else
			out_text(a->out, "  %-9s %s\n", json_text(o, "name"),
			         json_text(o, "state"));
	}
	for (i = 0; i < json_array_size(targets); i++)
		show_target(a, &p->plan, targets, i);
	if (json_array_size(targets) == 0)
		out_text(a->out, "  target    none: the stage moves at once, nothing is proved\n");
	show_canary(a, &p->plan.canary, json_object_get(p->reply, "canaryFrom"));
	for (i = 0; i < p->plan.take.n; i++)
		out_text(a->out, "  take      %s, from whoever has it\n", p->plan.take.v[i]);
	show_way_back(a, json_object_get(p->reply, "wayBack"));
	show_time(a, p);
}

void
proposal_json(const struct proposal *p, struct json_out *j)
{
	static const char *const members[] = {
		"id",      "kind",          "model",       "stage",   "number",
		"version", "nowNumber",     "bytes",       "files",   "protected",
		"policy",  "already",       "repair",      "blocked", "canary",
		"checks",  "targets",       "wayBack",     "take",    "canaryFrom",
		"absent",  "missingImages", "fileChanges", "lasted",  "carry"
	};

	for (size_t i = 0; i < COUNT(members); i++)
		jo_value(j, streq(members[i], "kind") ? "action" : members[i],
		         json_object_get(p->reply, members[i]));
}

/* --- running --- */

static bool
is_as_before(enum job_state s)
{
	return s == JOB_ROLLED_BACK || s == JOB_FAILED || s == JOB_ABORTED;
}

/* The members are the same whatever came of it; job NULL: none ran. */
static void
promotion_members(struct app *a, const struct plan *p, const char *job, const char *state,
                  bool changed, bool rolled_back)
{
	struct json_out *j = out_object_json(a->out);
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->id, id);
	if (!j) {
		out_field(a->out, "model", "%s", p->model);
		out_field(a->out, "stage", "%s", p->stage);
		out_field(a->out, "action", "%s", p->kind);
		out_field(a->out, "number", "%" PRIu64, p->number);
		out_field(a->out, "plan", "%s", id);
		out_field(a->out, "job", "%s", job ? job : "");
		out_field(a->out, "state", "%s", state);
		out_field(a->out, "changed", "%s", changed ? "true" : "false");
		out_field(a->out, "rolledBack", "%s", rolled_back ? "true" : "false");
		return;
	}
	jo_string(j, "model", p->model);
	jo_string(j, "stage", p->stage);
	jo_string(j, "action", p->kind);
	jo_u64(j, "number", p->number);
	jo_string(j, "plan", id);
	jo_string(j, "job", job);
	jo_string(j, "state", state);
	jo_bool(j, "changed", changed);
	jo_bool(j, "rolledBack", rolled_back);
}

static bool
is_for_people(const struct app *a)
{
	return out_format_of(a->out) == OUT_TEXT || out_format_of(a->out) == OUT_WIDE;
}

static void
show_end(struct app *a, const struct plan *p, const char *job, const struct job_end *end)
{
	if (out_format_of(a->out) == OUT_NAME) {
		out_text(a->out, "%s\n", job);
		return;
	}
	if (is_for_people(a)) {
		if (!end)
			out_text(a->out, "job %s runs: slipway job follow %s\n", job, job);
		else if (end->last.state == JOB_SUCCEEDED)
			out_text(a->out, "%s (job %s)\n", end->last.text, job);
		return;
	}
	out_object_begin(a->out, "Promotion");
	promotion_members(a, p, job, end ? job_state_name(end->last.state) : "running",
	                  !end || !is_as_before(end->last.state),
	                  end && end->last.state == JOB_ROLLED_BACK);
	out_object_end(a->out);
}

void
plan_is_done(struct app *a, const struct plan *p)
{
	char held[24];

	if (out_format_of(a->out) == OUT_NAME)
		return; /* no job ran */
	if (is_for_people(a)) {
		version_text(p->empty ? 0 : p->number, held);
		out_text(a->out, "%s of \"%s\" holds %s already, nothing was changed\n", p->stage,
		         p->model, held);
		return;
	}
	out_object_begin(a->out, "Promotion");
	promotion_members(a, p, NULL, "already", false, false);
	out_object_end(a->out);
}

void
plan_waits(struct app *a, const struct plan *p)
{
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->id, id);
	if (out_format_of(a->out) == OUT_NAME) {
		out_text(a->out, "%s\n", id);
	} else if (is_for_people(a)) {
		out_text(a->out, "plan %s waits for another person\n", id);
	} else {
		out_object_begin(a->out, "Promotion");
		promotion_members(a, p, NULL, "waiting", true, false);
		out_object_end(a->out);
	}
}

int
plan_run(struct app *a, const struct plan *p, struct err *e)
{
	cleanup_json json_t *request = json_object();
	struct job_end end;
	char job[JOB_ID_SIZE];
	int rc;

	json_object_set_new(request, "mode", json_string("run"));
	json_object_set_new(request, "plan", json_from_digest(&p->id));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	(void)out_flush(a->out);
	rc = agent_start(a->registry->dir, request, job, e);
	if (rc < 0)
		return rc;
	if (a->detach) {
		show_end(a, p, job, NULL);
		return 0;
	}
	rc = job_follow(a, job, true, false, &end, e);
	if (rc < 0)
		return rc;
	show_end(a, p, job, &end);
	return job_result(job, &end, e);
}
