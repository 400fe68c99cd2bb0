/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here is bounded: plans, lines of a journal, entries of a story. */
#include "tui/view/board_facts.h"

#include "registry/history.h"
#include "registry/journal.h"
#include "registry/plan_state.h"

#define PLANS_LOOK   200u
#define LINES_LOOK   5000u
#define ENTRIES_LOOK 200u
#define BACKS_MAX    256u
#define PROVED_MAX   64u

void
board_facts_fini(struct board_facts *f)
{
	vec_fini(&f->waits);
	vec_fini(&f->moves);
	vec_fini(&f->backs);
}

/* --- plans that wait --- */

struct plans {
	struct board_facts *f;
	struct txn *txn;
	const struct policy *policy;
	size_t seen;
};

static int
plan_keep(void *arg, const struct plan_row *p)
{
	struct plans *s = arg;
	struct plan_state is;

	plan_state(s->txn, s->policy, p, &is);
	if (is.is_waiting) {
		struct board_wait w = { .number = p->number };
		(void)str_copy(w.model, sizeof(w.model), p->model);
		(void)str_copy(w.stage, sizeof(w.stage), p->stage);
		vec_push(&s->f->waits, w);
	}
	return ++s->seen == PLANS_LOOK;
}

void
board_facts_reset(struct board_facts *f, struct registry *r, struct txn *t)
{
	struct policy policy = { 0 };
	struct plans s = { .f = f, .txn = t };
	struct err ignored = { 0 };

	f->waits.n = f->moves.n = 0;
	if (policy_current(r, t, &policy, &ignored) == 0)
		s.policy = &policy;
	(void)plan_each(t, plan_keep, &s, &ignored);
	policy_fini(&policy);
}

const struct board_wait *
board_wait_of(const struct board_facts *f, const char *model, const char *stage)
{
	for (size_t i = 0; i < f->waits.n; i++)
		if (streq(f->waits.v[i].model, model) && streq(f->waits.v[i].stage, stage))
			return &f->waits.v[i];
	return NULL;
}

/* --- moves --- */

static int
target_count(void *arg, const struct target_row *row)
{
	(void)row;
	(*(size_t *)arg)++;
	return 0;
}

/* How many targets have their proof, by the journal; each is counted once. */
static size_t
proved_count(struct journal *j)
{
	char seen[PROVED_MAX][129];
	struct journal_line l;
	struct err ignored = { 0 };
	bool has = true;
	size_t n = 0;

	for (size_t i = 0; i < LINES_LOOK && n < PROVED_MAX; i++) {
		size_t k = 0;
		if (journal_next(j, &l, &has, &ignored) < 0 || !has)
			break;
		if (l.proofs == 0 || !l.target[0])
			continue;
		while (k < n && !streq(seen[k], l.target))
			k++;
		if (k == n)
			(void)str_copy(seen[n++], sizeof(seen[0]), l.target);
	}
	return n;
}

const struct board_move *
board_move_known(const struct board_facts *f, const char *job)
{
	for (size_t i = 0; i < f->moves.n; i++)
		if (streq(f->moves.v[i].job, job))
			return &f->moves.v[i];
	return NULL;
}

const struct board_move *
board_move_of(struct board_facts *f, struct registry *r, struct txn *t, const struct stage_mark *k)
{
	const struct board_move *const known = board_move_known(f, k->job);
	struct board_move m = { 0 };
	struct err ignored = { 0 };
	struct journal *j;

	if (known || journal_open(r->rootfd, k->job, &j, &ignored) < 0)
		return known;
	(void)str_copy(m.job, sizeof(m.job), k->job);
	m.is_alive = journal_is_alive(j);
	m.proved = proved_count(j);
	journal_close(j);
	(void)target_each(t, k->stage, target_count, &m.targets, &ignored);
	vec_push(&f->moves, m);
	return &f->moves.v[f->moves.n - 1];
}

/* --- ways back --- */

/* Promotions push, rollbacks pop: the second that is left from above. */
struct story {
	const char *stage;
	size_t seen, pushed; /* entries looked at; promotions that are still on the pile */
	uint64_t sought;     /* what a rollback left on top; 0: none */
	uint64_t number;
	bool is_found, is_whole;
};

static int
entry_look(void *arg, const struct entry *n)
{
	struct story *s = arg;

	s->is_whole = !n->has_previous;
	if (!streq(n->type, "promotion") || !streq(json_opt_string(n->body, "stage"), s->stage))
		return ++s->seen == ENTRIES_LOOK;
	const uint64_t number = json_opt_u64(n->body, "number");
	if (streq(json_opt_string(n->body, "kind"), "rollback")) {
		if (s->sought == 0)
			s->sought = number;
	} else if (s->sought == 0 || s->sought == number) {
		s->sought = 0;
		s->pushed++;
		s->number = number;
	}
	s->is_found = s->pushed == 2;
	return s->is_found || ++s->seen == ENTRIES_LOOK;
}

const struct board_back *
board_back_of(const struct board_facts *f, const struct model_row *m, const char *stage)
{
	for (size_t i = 0; i < f->backs.n; i++)
		if (f->backs.v[i].last_seq == m->last_seq && streq(f->backs.v[i].model, m->name) &&
		    streq(f->backs.v[i].stage, stage))
			return &f->backs.v[i];
	return NULL;
}

void
board_back_find(struct board_facts *f, struct registry *r, struct txn *t, const struct model_row *m,
                const char *stage)
{
	struct story s = { .stage = stage };
	struct board_back b = { .last_seq = m->last_seq };
	struct err ignored = { 0 };

	if (history_each(r, t, m->name, entry_look, &s, &ignored) >= 0) {
		b.is_known = s.is_found || s.is_whole;
		b.number = s.is_found ? s.number : 0;
	}
	(void)str_copy(b.model, sizeof(b.model), m->name);
	(void)str_copy(b.stage, sizeof(b.stage), stage);
	if (f->backs.n == BACKS_MAX)
		f->backs.n = 0;
	vec_push(&f->backs, b);
}
