/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan on its way: asked from the agent, shown, stored, signed, applied. promote, rollback, plan
 * and apply are these steps in their order, and so the same intent has the same id from each of
 * them.
 */
#pragma once

#include "registry/plan.h"
#include "tui/app.h"

struct proposal {
	json_t *reply;    /* what the agent said, for showing */
	struct plan plan; /* the intent, its id checked here */
	bool already, repair, blocked, is_protected;
};
struct proposal_wish {
	const char *kind, *model, *stage;
	const struct digest *to;          /* the version's; NULL: one step back (rollback) */
	const struct canary_plan *canary; /* NULL: none */
	const struct plan_take *take;     /* NULL: nothing is taken from anybody */
	bool default_steps;  /* without a canary: what the policy or the targets say */
	bool default_limits; /* of the canary: those that its targets can count; it has none then */
};
/* UNREACHABLE, CONFLICT, POLICY... */
int proposal_make(struct app *a, const struct proposal_wish *w, struct proposal *ret,
                  struct err *e);
/* The same once more: what a stored plan asked for. */
int proposal_again(struct app *a, const struct plan *p, struct proposal *ret, struct err *e);
void proposal_fini(struct proposal *p);
void proposal_show(struct app *a,
                   const struct proposal *p); /* text on stdout; nothing under json */
void proposal_json(const struct proposal *p, struct json_out *j);   /* members of an object */
/* CONFLICT: a target says no; POLICY: the site is offline and it would fetch from outside. */
int proposal_check_blocks(const struct proposal *p, struct err *e);
/* LOCKED: another plan's job has the stage. *ret_same: this plan's own has, and may be joined. */
int proposal_check_job(struct app *a, const struct proposal *p, bool *ret_same, struct err *e);

/* A stored plan by its id or the beginning of one; its state is "dead" when the stage has moved.
 * NOT_FOUND, AMBIGUOUS. */
int proposal_stored(struct app *a, const char *id, struct plan_row *row, struct plan *ret,
                    struct err *e);
/* The intent as a blob and an entry; already there is success. */
int plan_store(struct app *a, const struct plan *p, bool *ret_changed, struct err *e);
/* What a signature over a plan says: its meaning again, by its members. A new reference. */
json_t *plan_claim(const struct plan *p, const struct policy *policy);
/* An entry of that type about the plan, which must be stored. */
int plan_commit_signed(struct app *a, const struct plan *p, const char *type, struct str envelope,
                       struct err *e);
/* Signs the authorisation with this person's key, unless a valid one stands; with break_glass one
 * that does without the others. NEEDS_PERSON: it stands, and more people must say yes. */
int plan_authorise(struct app *a, const struct plan *p, bool break_glass, struct err *e);
/* Says on stdout which plan waits. */
void plan_waits(struct app *a, const struct plan *p);
/* The stage holds it already: said, with "changed": false. */
void plan_is_done(struct app *a, const struct plan *p);
/* Starts the job and, unless --detach, follows it to its end and shows how it ended. */
int plan_run(struct app *a, const struct plan *p, struct err *e);
