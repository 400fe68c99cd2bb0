/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy allows, said to who is about to sign it or to live under it. A warning is a risk
 * that somebody may want; wrong is what stops the work: nobody can do it, or everybody is refused.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "registry/base/clock.h"
#include "registry/policy_words.h"

#define NEAR_S (30 * 24 * 3600) /* that near, an end is a warning */

static const char *const names[] = {
	[ADVICE_FACT] = "ok", [ADVICE_WARNING] = "warning", [ADVICE_WRONG] = "wrong"
};

struct advice {
	const struct policy *p;
	policy_advice_fn *fn;
	void *arg;
};

const char *
policy_advice_name(enum policy_advice a)
{
	return names[a];
}

static PRINTF(4, 5) void say(const struct advice *v, enum policy_advice a, const char *about,
                             const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	v->fn(v->arg, a, about, buf_cstr(&text));
}

static void
add_people(const struct policy *p, uint64_t who, struct buf *ret)
{
	for (size_t i = 0; i < p->people_n; i++)
		if (who & UINT64_C(1) << i)
			buf_addf(ret, "%s%s", ret->n > 0 ? ", " : "", p->people[i].id);
	if (who == 0)
		buf_adds(ret, "nobody");
}

static uint64_t
count(uint64_t who)
{
	return (uint64_t)__builtin_popcountll(who);
}

static void
expiry(const struct advice *v, int64_t now_s)
{
	const int64_t end_s = v->p->expires_s;
	char when[CLOCK_TEXT_SIZE];

	if (end_s == 0)
		return;
	clock_text(when, end_s);
	if (end_s <= now_s)
		say(v, ADVICE_WRONG, "expires", "it expired at %s: only rollback is allowed", when);
	else
		say(v, end_s - now_s < NEAR_S ? ADVICE_WARNING : ADVICE_FACT, "expires",
		    "it ends at %s, in %" PRId64 " days", when, (end_s - now_s) / (24 * 3600));
}

static void
root(const struct advice *v)
{
	const struct policy *const p = v->p;
	const uint64_t who = p->roles[ROLE_ROOT];
	cleanup_buf struct buf people = { 0 };

	add_people(p, who, &people);
	say(v, ADVICE_FACT, "root", "%s: %" PRIu64 " of %" PRIu64 " sign the next policy",
	    buf_cstr(&people), p->root_threshold, count(who));
	if (count(who) == p->root_threshold)
		say(v, ADVICE_WARNING, "root",
		    "when %s loses a key, nobody can change this policy any more",
		    count(who) == 1 ? buf_cstr(&people) : "one of them");
}

static void
machines(const struct advice *v)
{
	const struct policy *const p = v->p;

	if (p->roles[ROLE_AGENT] == 0)
		say(v, ADVICE_WRONG, "agent",
		    "no agent's key is known: no stage can move, as nobody can say that it was "
		    "done");
	if (p->roles[ROLE_LOG] == 0)
		say(v, ADVICE_WARNING, "log",
		    "no log key is known: checkpoints and proofs cannot be signed");
	if (p->roles[ROLE_AUTHOR] == 0)
		say(v, ADVICE_WRONG, "author", "nobody may bring in versions");
	if (p->roles[ROLE_DEPLOYER] == 0)
		say(v, ADVICE_WRONG, "deployer", "nobody may move a stage");
}

/* Is there a deployer beside whom enough others may approve? */
static bool
can_be_approved(const struct policy *p, const struct policy_stage *s)
{
	for (size_t i = 0; i < p->people_n; i++) {
		const uint64_t one = UINT64_C(1) << i;
		if ((p->roles[ROLE_DEPLOYER] & one) &&
		    count(p->roles[ROLE_APPROVER] & ~one) >= s->approvals)
			return true;
	}
	return false;
}

static void
approvals(const struct advice *v, const struct policy_stage *s)
{
	const struct policy *const p = v->p;
	cleanup_buf struct buf approvers = { 0 };
	const uint64_t alone = p->roles[ROLE_AUTHOR] & p->roles[ROLE_DEPLOYER];
	cleanup_buf struct buf both = { 0 };

	if (s->approvals > 0) {
		add_people(p, p->roles[ROLE_APPROVER], &approvers);
		say(v, ADVICE_FACT, s->name,
		    "whoever authorises needs %" PRIu64 " of %s beside them, within %" PRIu64 " h",
		    s->approvals, buf_cstr(&approvers), s->approval_hours);
		if (!can_be_approved(p, s))
			say(v, ADVICE_WRONG, s->name,
			    "it wants %" PRIu64
			    " approval%s by others than the deployer, and there "
			    "are not so many people",
			    s->approvals, s->approvals == 1 ? "" : "s");
		return;
	}
	add_people(p, alone, &both);
	if (alone && s->is_protected)
		say(v, ADVICE_WARNING, s->name,
		    "one person can do all alone, from import to promotion: %s", buf_cstr(&both));
	else
		say(v, ADVICE_FACT, s->name, "no approval is wanted");
}

static void
break_glass(const struct advice *v, const struct policy_stage *s)
{
	cleanup_buf struct buf people = { 0 };
	uint64_t who = 0;

	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (s->break_glass & ROLE_BIT(i))
			who |= v->p->roles[i];
	if (!s->break_glass)
		return;
	add_people(v->p, who, &people);
	say(v, who ? ADVICE_FACT : ADVICE_WARNING, s->name,
	    "the glass may be broken, with a reason, by %s", buf_cstr(&people));
}

/* Two numbers that no value is between. */
static bool
excludes(const struct gate *a, const struct gate *b)
{
	const bool is_low = a->op == GATE_GE || a->op == GATE_GT;
	const bool is_high = b->op == GATE_LE || b->op == GATE_LT;

	if (a->kind != GATE_METRIC || b->kind != GATE_METRIC || !is_low || !is_high ||
	    !streq(a->metric, b->metric))
		return false;
	if (a->op == GATE_GE && b->op == GATE_LE)
		return a->value > b->value;
	return a->value >= b->value;
}

static void
gates(const struct advice *v, const struct policy_stage *s)
{
	const struct policy *const p = v->p;
	const uint64_t witnesses =
	        p->roles[ROLE_AUTHOR] | p->roles[ROLE_APPROVER] | p->roles[ROLE_SCANNER];

	for (size_t i = 0; i < s->gates_n; i++) {
		const struct gate *const g = &s->gates[i];
		const struct policy_stage *const at = policy_stage(p, g->stage);
		if (g->kind == GATE_SOAK && at && at->order >= s->order)
			say(v, ADVICE_WRONG, s->name,
			    "\"%s\" cannot pass: a version is in %s only after it", g->text,
			    at->name);
		else if (g->kind != GATE_SOAK && witnesses == 0)
			say(v, ADVICE_WRONG, s->name,
			    "\"%s\" cannot pass: nobody may sign evidence", g->text);
		for (size_t k = 0; k < s->gates_n; k++)
			if (excludes(g, &s->gates[k]))
				say(v, ADVICE_WRONG, s->name, "\"%s\" and \"%s\" cannot both pass",
				    g->text, s->gates[k].text);
	}
}

static void
idle_people(const struct advice *v)
{
	for (size_t i = 0; i < v->p->people_n; i++)
		if (policy_roles_of(v->p, &v->p->people[i]) == 0)
			say(v, ADVICE_WARNING, v->p->people[i].id, "has no role");
}

/* Approvals are the one thing that another registry could give to itself. */
static void
sites(const struct advice *v)
{
	for (size_t i = 0; i < v->p->sites_n; i++) {
		const struct policy_site *const s = &v->p->sites[i];
		cleanup_buf struct buf counts = { 0 };
		policy_counts_text(s->counts, &counts);
		say(v, ADVICE_FACT, s->name, "of that site count here: %s", buf_cstr(&counts));
		if (s->counts & COUNTS_APPROVALS)
			say(v, ADVICE_WARNING, s->name,
			    "what was approved there counts for nothing here yet");
	}
}

static void
offline(const struct advice *v)
{
	cleanup_buf struct buf registries = { 0 }, schemes = { 0 };

	if (!v->p->offline)
		return;
	policy_offline_text(v->p, "registries", &registries);
	policy_offline_text(v->p, "schemes", &schemes);
	say(v, ADVICE_FACT, "offline", "servers fetch by: %s", buf_cstr(&schemes));
	if (json_array_size(json_object_get(v->p->offline, "registries")) > 0)
		say(v, ADVICE_FACT, "offline", "images come from: %s", buf_cstr(&registries));
	else
		say(v, ADVICE_WARNING, "offline",
		    "the site has no registry: whatever runs as an image is refused");
}

void
policy_advise(const struct policy *p, int64_t now_s, policy_advice_fn *fn, void *arg)
{
	const struct advice v = { p, fn, arg };

	expiry(&v, now_s);
	root(&v);
	machines(&v);
	idle_people(&v);
	for (size_t i = 0; i < p->stages_n; i++) {
		approvals(&v, &p->stages[i]);
		break_glass(&v, &p->stages[i]);
		gates(&v, &p->stages[i]);
	}
	sites(&v);
	offline(&v);
}
