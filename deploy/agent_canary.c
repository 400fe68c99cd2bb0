/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose word it is how a promotion shares the requests: what the person says, else the policy of
 * the stage, else its targets. What a person says is never added to.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/agent_private.h"
#include "registry/canary.h"

static const char usual[] = "the usual";

/* A setting "steps" or "limits" of a target; NULL. */
static const char *
setting(const struct wave_target *v, const char *key)
{
	return v->t.settings ? json_opt_string(v->t.settings, key) : NULL;
}

/* The one that says it; two that say it differently cannot both be right. *ret NULL: none. */
static int
ask_targets(const struct wave *w, const char *key, const struct wave_target **ret, struct err *e)
{
	*ret = NULL;
	for (size_t i = 0; i < w->n; i++) {
		const char *const text = setting(&w->v[i], key);

		if (!text)
			continue;
		if (*ret && !streq(setting(*ret, key), text)) {
			err_set(e, ERR_CONFLICT, "targets \"%s\" and \"%s\" have other %s",
			        (*ret)->row.name, w->v[i].row.name, key);
			return err_hint(e, "say which: --steps 10%%:5m,50%%:15m, or --steps none");
		}
		*ret = &w->v[i];
	}
	return 0;
}

static void
say_target(char ret[AGENT_FROM_SIZE], const struct wave_target *v)
{
	(void)snprintf(ret, AGENT_FROM_SIZE, "target \"%.*s\"", AGENT_FROM_SIZE - 10, v->row.name);
}

static int
default_steps(const struct wave *w, const struct policy_stage *s, struct plan *p,
              struct agent_canary_from *from, struct err *e)
{
	const struct wave_target *by;
	int rc;

	if (s && s->canary.steps_n > 0) {
		memcpy(p->canary.steps, s->canary.steps, sizeof p->canary.steps);
		p->canary.steps_n = s->canary.steps_n;
		(void)str_copy(from->steps, sizeof from->steps, "the policy");
		return 0;
	}
	rc = ask_targets(w, "steps", &by, e);
	if (rc < 0 || !by)
		return rc;
	say_target(from->steps, by);
	rc = canary_steps_parse(setting(by, "steps"), &p->canary, e);
	return rc < 0 ? err_prefix(e, "target \"%s\"", by->row.name) : 0;
}

static int
default_limits(const struct wave *w, const struct policy_stage *s, struct plan *p,
               struct agent_canary_from *from, struct err *e)
{
	const struct wave_target *by;
	bool counts = true;
	int rc;

	p->canary.limits_n = 0;
	if (s && s->has_limits) {
		memcpy(p->canary.limits, s->canary.limits, sizeof p->canary.limits);
		p->canary.limits_n = s->canary.limits_n;
		(void)str_copy(from->limits, sizeof from->limits, "the policy");
		return 0;
	}
	rc = ask_targets(w, "limits", &by, e);
	if (rc < 0)
		return rc;
	if (by) {
		say_target(from->limits, by);
		rc = canary_limits_parse(setting(by, "limits"), &p->canary, e);
		return rc < 0 ? err_prefix(e, "target \"%s\"", by->row.name) : 0;
	}
	/* where every target can count */
	for (size_t i = 0; i < w->n; i++)
		counts = counts && w->v[i].d->traffic;
	if (counts)
		canary_limits_default(&p->canary);
	(void)str_copy(from->limits, sizeof from->limits, usual);
	return 0;
}

int
agent_canary(const json_t *request, const struct wave *w, const struct ledger *l, struct plan *p,
             struct agent_canary_from *ret, struct err *e)
{
	const struct policy_stage *const s = policy_stage(&l->policy, p->stage);
	const json_t *const said = json_object_get(request, "canary");
	const bool is_default = json_is_true(json_object_get(request, "defaultSteps"));
	int rc = said ? canary_read(said, &p->canary, e) : 0;

	*ret = (struct agent_canary_from){ 0 };
	/* beside nothing there is no newcomer */
	if (rc == 0 && !said && is_default && streq(p->kind, "promote") && w->now.exists &&
	    !w->now.empty)
		rc = default_steps(w, s, p, ret, e);
	if (rc == 0 && p->canary.steps_n > 0 &&
	    (ret->steps[0] || json_is_true(json_object_get(request, "defaultLimits"))))
		rc = default_limits(w, s, p, ret, e);
	return rc;
}

json_t *
agent_from_json(const struct agent_canary_from *from)
{
	return json_pack("{s:s, s:s}", "limits", from->limits, "steps", from->steps);
}
