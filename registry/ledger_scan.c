/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the log as evidence. Each line from the pin on is checked and appended to the tree;
 * policies, targets, authorisations and promotions count only with a signature of a key that the
 * policy in force allows, and a promotion only when a person authorised just this before it. Lines
 * that do not verify are records without authority: they are passed over, and said. What cannot be
 * looked at is an error, never an absence.
 */
#include <inttypes.h>
#include <string.h>

#include "registry/base/message.h"
#include "registry/base/vec.h"
#include "registry/evidence.h"

#define TOLD_MAX 3 /* of the entries that do not count; then their number is enough */

struct scan {
	struct registry *r;
	struct ledger *l;
	bool has_policy;
	uint64_t start; /* entries before it were verified when they were pinned */
	/* those that verified in this scan, until their plan is carried out */
	VEC(struct authorisation) by;
	VEC(struct approval) approvals;
	uint64_t incarnation; /* which of registry.json's; behind the last one authority begins */
};

/* Forward: what the policy that is in force there says, and nothing later. */
static struct authority
authority_here(const struct scan *s)
{
	return (struct authority){ .policy = &s->l->policy, .registry_id = s->r->id };
}

/* Of an entry before the scan: the policy that was in force there. */
static int
authority_there(struct scan *s, const struct entry *n, struct authority *ret, struct err *e)
{
	*ret = (struct authority){ .registry_id = s->r->id };
	return ledger_policy_at(s->r, s->l, n->seq, &ret->policy, e);
}

/* What could not be looked at (a row that leads nowhere) is no verdict: taking it for one would let
 * whoever can damage the database hide a promotion. */
static int
passed_over(struct scan *s, const struct log_line *line, const struct err *why, struct err *e)
{
	if (why->code != ERR_SIGNATURE && why->code != ERR_UNTRUSTED &&
	    why->code != ERR_MALFORMED && why->code != ERR_TOO_BIG && why->code != ERR_POLICY &&
	    why->code != ERR_NEEDS_PERSON) {
		*e = *why;
		return err_prefix(e, "log entry %" PRIu64, line->seq);
	}
	if (s->l->passed_over++ < TOLD_MAX)
		message(MESSAGE_WARNING,
		        "log entry %" PRIu64 " does not verify and does not count: %s", line->seq,
		        why->msg);
	return 0;
}

static int
see_policy(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct policy fresh = { 0 };
	int rc = authority_envelope(n, &envelope, e);

	if (rc == 0)
		rc = policy_accept(s->has_policy ? &s->l->policy : NULL, buf_str(&envelope),
		                   s->r->id, &fresh, e);
	if (rc < 0)
		return rc;
	fresh.seq = n->seq;
	policy_fini(&s->l->policy);
	s->l->policy = fresh;
	s->has_policy = true;
	json_array_append_new(s->l->next_pin.policies, evidence_place(line));
	return 0;
}

/* A removed target keeps its place, so that an old statement cannot bring it back. */
static int
see_target(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	const struct authority a = authority_here(s);
	struct target_claim claim;
	struct digest last;
	json_t *place;
	int rc = authority_target(&a, n, &claim, e);

	if (rc == 0)
		rc = ledger_target_leaf(s->l, claim.name, &last, e);
	if (rc < 0)
		return rc;
	if (!digest_eq(&last, &claim.previous))
		return err_set(e, ERR_SIGNATURE,
		               "it does not continue what was said about target \"%s\"",
		               claim.name);
	place = evidence_place(line);
	json_object_set_new(place, "removed", json_boolean(claim.removes));
	json_object_set_new(s->l->next_pin.targets, claim.name, place);
	return 0;
}

static int
see_authorisation(struct scan *s, const struct entry *n, struct err *e)
{
	const struct authority a = authority_here(s);
	struct authorisation v;
	int rc = authority_authorisation(&a, n, &v, e);

	if (rc == 0)
		vec_push(&s->by, v);
	return rc;
}

static int
see_approval(struct scan *s, const struct entry *n, struct err *e)
{
	const struct authority a = authority_here(s);
	struct approval v;
	int rc = authority_approval(&a, n, &v, e);

	if (rc == 0)
		vec_push(&s->approvals, v);
	return rc;
}

/* The entry that a promotion names, when it lies before this scan. */
static int
named_entry(struct scan *s, const struct signed_place *at, const struct promotion *p,
            const char *what, struct entry *ret, struct err *e)
{
	if (digest_is_zero(&at->leaf) || at->seq >= s->start || at->seq >= p->seq)
		return err_set(e, ERR_SIGNATURE, "nobody has %s its plan before it", what);
	if (evidence_entry(s->r, at->seq, &at->leaf, ret, e) == 0)
		return 0;
	e->code = ERR_STORE; /* the database must know it */
	return -ERR_STORE;
}

static int
find_authorisation(struct scan *s, const struct promotion *p, struct authorisation *ret,
                   struct err *e)
{
	const struct signed_place *const at = &p->authorisation;
	struct authority a;
	struct entry n;
	int rc;

	for (size_t i = s->by.n; i > 0; i--) {
		const struct authorisation *const v = &s->by.v[i - 1];
		if (v->seq != at->seq || !digest_eq(&v->leaf, &at->leaf))
			continue;
		*ret = *v;
		json_incref(ret->predicate);
		return 0;
	}
	rc = named_entry(s, at, p, "authorised", &n, e);
	if (rc < 0)
		return rc;
	rc = authority_there(s, &n, &a, e);
	if (rc == 0)
		rc = authority_authorisation(&a, &n, ret, e);
	entry_fini(&n);
	return rc;
}

static int
find_approval(struct scan *s, const struct signed_place *at, const struct promotion *p,
              struct approval *ret, struct err *e)
{
	struct authority a;
	struct entry n;
	int rc;

	for (size_t i = s->approvals.n; i > 0; i--) {
		const struct approval *const v = &s->approvals.v[i - 1];
		if (v->seq != at->seq || !digest_eq(&v->leaf, &at->leaf))
			continue;
		*ret = *v;
		json_incref(ret->predicate);
		return 0;
	}
	rc = named_entry(s, at, p, "approved", &n, e);
	if (rc < 0)
		return rc;
	rc = authority_there(s, &n, &a, e);
	if (rc == 0)
		rc = authority_approval(&a, &n, ret, e);
	entry_fini(&n);
	return rc;
}

/* Those whom the promotion names said yes to just this, and were enough by the policy there. */
static int
was_allowed(struct scan *s, const struct entry *n, const json_t *predicate,
            const struct promotion *p, struct err *e)
{
	struct approval approvals[APPROVALS_MAX] = { 0 };
	struct authorisation by = { 0 };
	char author[SIGNER_SIZE] = "";
	struct consent c = {
		.by = &by,
		.approvals = approvals,
		.author = author,
		.after = ledger_void_before(s->l, n->model, json_opt_string(n->body, "stage"),
		                            &p->plan),
	};
	int rc = find_authorisation(s, p, &by, e);

	for (size_t i = 0; rc == 0 && i < p->approvals_n; i++) {
		rc = find_approval(s, &p->approvals[i], p, &approvals[i], e);
		c.approvals_n += rc == 0;
	}
	if (rc == 0 && p->approvals_n > 0)
		rc = ledger_author(s->r, s->l, n->model, p->number, &p->version, author, e);
	if (rc == 0)
		rc = authority_admits(&s->l->policy, &c, predicate, e);
	for (size_t i = 0; i < c.approvals_n; i++)
		approval_fini(&approvals[i]);
	authorisation_fini(&by);
	return rc;
}

/* What goes back needs no second person, so it must really go back. */
static int
was_held(struct scan *s, const struct entry *n, const struct promotion *p, struct err *e)
{
	const char *const stage = json_opt_string(n->body, "stage");
	struct promotion at, before;
	int rc;

	if (p->empty || streq(p->kind, "promote"))
		return 0;
	rc = ledger_stage(s->r, s->l, n->model, stage, &at, e);
	while (rc == 0 && at.exists) {
		if (streq(at.kind, "promote") && digest_eq(&at.version, &p->version))
			return 0;
		rc = ledger_before(s->r, s->l, n->model, stage, &at, &before, e);
		at = before;
	}
	return rc < 0 ? rc : err_set(e, ERR_SIGNATURE, "a rollback to what the stage never held");
}

/* A plan that was carried out is not asked about again; of a discarded one nothing was said. */
static void
forget_plan(struct scan *s, const struct digest *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->by.n; i++) {
		if (digest_eq(&s->by.v[i].plan, plan))
			authorisation_fini(&s->by.v[i]);
		else
			s->by.v[kept++] = s->by.v[i];
	}
	s->by.n = kept;
	kept = 0;
	for (size_t i = 0; i < s->approvals.n; i++) {
		if (digest_eq(&s->approvals.v[i].plan, plan))
			approval_fini(&s->approvals.v[i]);
		else
			s->approvals.v[kept++] = s->approvals.v[i];
	}
	s->approvals.n = kept;
}

static int
see_promotion(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	const struct authority a = authority_here(s);
	cleanup_json json_t *predicate = NULL;
	cleanup_free char *key = NULL;
	struct digest held = { 0 };
	struct promotion p;
	const json_t *now;
	int rc = authority_promotion(&a, n, &p, &predicate, e);

	if (rc == 0)
		rc = was_allowed(s, n, predicate, &p, e);
	if (rc < 0)
		return rc;
	key = evidence_stage_key(n->model, json_opt_string(n->body, "stage"));
	now = json_object_get(s->l->next_pin.promotions, key);
	if (now && json_get_digest(now, "leaf", "pin", &held, e) < 0)
		return -(int)e->code;
	if (!digest_eq(&held, &p.previous))
		return err_set(e, ERR_SIGNATURE, "it does not continue what the stage held then");
	rc = was_held(s, n, &p, e);
	if (rc < 0)
		return rc;
	json_object_set_new(s->l->next_pin.promotions, key, evidence_place(line));
	evidence_stage_moved(s->l, key);
	forget_plan(s, &p.plan);
	return 0;
}

static int
see_discard(struct scan *s, const struct entry *n, struct err *e)
{
	struct digest plan;
	int rc = evidence_discard(s->l, n, &plan, e);

	if (rc == 0)
		forget_plan(s, &plan);
	return rc;
}

/* As the puts ask it: who signs an entry does so under the policy that is in force there. */
static int
names_policy(const struct scan *s, const struct entry *n, struct err *e)
{
	if (!s->has_policy || (n->has_policy && n->policy == s->l->policy.seq))
		return 0;
	return err_set(e, ERR_SIGNATURE, "it names another policy than the one in force");
}

static int
check_root(const struct scan *s, const struct digest *root, enum err_code code, struct err *e)
{
	struct digest is;

	merkle_root(&s->l->next_pin.edge, &is); /* before this line */
	if (digest_eq(&is, root))
		return 0;
	return err_set(e, code, "it names another log than the one before it");
}

static void
forget_all(struct scan *s)
{
	for (size_t i = 0; i < s->by.n; i++)
		authorisation_fini(&s->by.v[i]);
	for (size_t i = 0; i < s->approvals.n; i++)
		approval_fini(&s->approvals.v[i]);
	s->by.n = 0;
	s->approvals.n = 0;
}

/* Nothing that was said before it counts any more. One that registry.json does not name is a line
 * that anybody may have written. */
static int
see_adoption(struct scan *s, const struct entry *n, struct err *e)
{
	const struct identity *const is = &s->r->identity;
	struct adoption_claim c;
	int rc = adoption_claim(n, &c, e);

	if (rc < 0)
		return rc;
	if (!identity_has(is, s->incarnation + 1, c.id))
		return err_set(e, ERR_UNTRUSTED, "this folder did not become that registry");
	if (!identity_has(is, s->incarnation, c.previous_id))
		return err_set(e, ERR_UNTRUSTED, "of a copy of another registry");
	rc = check_root(s, &c.root, ERR_DIGEST, e);
	if (rc < 0)
		return rc;
	s->incarnation++;
	s->has_policy = false;
	policy_fini(&s->l->policy);
	s->l->policy = (struct policy){ 0 };
	s->l->has_restore = false;
	json_object_clear(s->l->next_pin.promotions);
	json_object_clear(s->l->next_pin.targets);
	json_object_clear(s->l->next_pin.withdrawn);
	json_object_clear(s->l->next_pin.jobs);
	json_object_clear(s->l->next_pin.evidence);
	json_object_clear(s->l->next_pin.bundles);
	forget_all(s);
	json_array_clear(s->l->next_pin.policies);
	return 0;
}

static int
see_restore(struct scan *s, const struct entry *n, struct err *e)
{
	const struct authority a = authority_here(s);
	struct restore_claim c;
	int rc = authority_restore(&a, n, &c, e);

	if (rc == 0)
		rc = check_root(s, &c.root, ERR_SIGNATURE, e);
	if (rc < 0)
		return rc;
	s->l->has_restore = true;
	s->l->restore = c;
	return 0;
}

static int
see_entry(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	int rc;

	if (streq(n->type, "adoption"))
		return see_adoption(s, n, e);
	if (s->incarnation + 1 < s->r->identity.ids_n)
		return 0; /* of a registry that this is a copy of */
	rc = n->statement && !json_is_null(n->statement) ? names_policy(s, n, e) : 0;
	if (rc < 0)
		return rc;
	if (streq(n->type, "policy"))
		return see_policy(s, n, line, e);
	if (!s->has_policy)
		return 0;
	if (streq(n->type, "target"))
		return see_target(s, n, line, e);
	if (streq(n->type, "authorisation"))
		return see_authorisation(s, n, e);
	if (streq(n->type, "approval"))
		return see_approval(s, n, e);
	if (streq(n->type, "discard"))
		return see_discard(s, n, e);
	if (streq(n->type, "promotion"))
		return see_promotion(s, n, line, e);
	if (streq(n->type, "lifecycle") || streq(n->type, "delete"))
		return evidence_life(s->r, s->l, n, e);
	if (streq(n->type, "job"))
		return evidence_job(s->r, s->l, n, e);
	if (streq(n->type, "evidence"))
		return evidence_seen(s->r, s->l, n, line, e);
	if (streq(n->type, "restore"))
		return see_restore(s, n, e);
	if (streq(n->type, "bundle"))
		return evidence_bundle(s->r, s->l, n, e);
	return 0;
}

static int
see_line(struct scan *s, const struct log_line *line, struct err *e)
{
	struct entry n = { 0 };
	struct err why = { 0 };
	int rc = entry_parse(line->json, line->seq, &line->leaf, &n, &why);

	if (rc == 0)
		rc = see_entry(s, &n, line, &why);
	entry_fini(&n);
	return rc < 0 ? passed_over(s, line, &why, e) : 0;
}

static int
check_bound(const struct pin *bound, const struct merkle_edge *edge, struct err *e)
{
	struct digest root;

	if (!bound->has_bound || edge->size != bound->bound_size)
		return 0;
	merkle_root(edge, &root);
	if (digest_eq(&root, &bound->bound_root))
		return 0;
	return err_set(e, ERR_DIGEST,
	               "the log's first %" PRIu64 " entries are not those that SLIPWAY_PIN names",
	               edge->size);
}

/* A pin whose file does not know everything that pins hold now is no place to start from; what it
 * saw must still be there. */
static int
check_old_pin(const struct pin *pin, const struct merkle_edge *edge, struct err *e)
{
	struct digest root, then;

	if (!pin->exists || pin->withdrawn || edge->size != pin->edge.size)
		return 0;
	merkle_root(edge, &root);
	merkle_root(&pin->edge, &then);
	if (digest_eq(&root, &then))
		return 0;
	return err_set(e, ERR_DIGEST,
	               "the log's first %" PRIu64 " entries are not those that you saw before",
	               edge->size);
}

static int
scan_lines(struct scan *s, struct log_reader *rd, struct err *e)
{
	struct pin *next = &s->l->next_pin;
	struct log_line line;
	enum log_step step;
	int rc = 0;

	while (rc == 0) {
		rc = log_next(rd, &step, &line, e);
		if (rc < 0 || step != LOG_LINE)
			break;
		next->last_at = line.at;
		next->last_length = line.length;
		next->last_leaf = line.leaf;
		next->end = (struct log_pos){ line.at.segment, line.at.offset + line.length };
		rc = see_line(s, &line, e);
		merkle_append(&next->edge, &line.leaf);
		if (rc == 0)
			rc = check_bound(&s->r->pin, &next->edge, e);
		if (rc == 0)
			rc = check_old_pin(&s->r->pin, &next->edge, e);
	}
	return rc;
}

static int
check_end(const struct scan *s, struct err *e)
{
	const struct ledger *l = s->l;

	if (l->passed_over > TOLD_MAX)
		message(MESSAGE_WARNING, "%" PRIu64 " log entries do not verify and do not count",
		        l->passed_over);
	if (s->r->pin.has_bound && l->next_pin.edge.size < s->r->pin.bound_size)
		return err_set(e, ERR_DIGEST,
		               "the log has %" PRIu64 " entries, SLIPWAY_PIN names %" PRIu64,
		               l->next_pin.edge.size, s->r->pin.bound_size);
	if (s->incarnation + 1 < s->r->identity.ids_n) {
		err_set(e, ERR_UNTRUSTED, "the log does not say how this folder became registry %s",
		        s->r->id);
		return err_hint(e, "if it was just being adopted, do that again: slipway adopt");
	}
	if (s->has_policy)
		return 0;
	err_set(e, ERR_UNTRUSTED, "registry \"%s\" has no policy that verifies", s->r->dir);
	return err_hint(e, "it was never finished, or its first policy was altered: look with "
	                   "`slipway check`");
}

int
ledger_scan(struct registry *r, struct ledger *l, struct log_pos from, bool has_policy,
            struct err *e)
{
	struct scan s = {
		.r = r, .l = l, .has_policy = has_policy, .start = l->next_pin.edge.size
	};
	struct log_reader *rd;

	if (!l->from_start) /* a pin is of this incarnation */
		s.incarnation = r->identity.ids_n - 1;
	int rc = log_reader_new(r->log, from, l->next_pin.edge.size, &rd, e);

	if (rc == 0) {
		rc = scan_lines(&s, rd, e);
		log_reader_free(rd);
	}
	if (rc == 0)
		rc = check_end(&s, e);
	forget_all(&s);
	vec_fini(&s.by);
	vec_fini(&s.approvals);
	return rc;
}
