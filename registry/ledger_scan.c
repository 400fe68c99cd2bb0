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
#include "registry/evidence.h"

#define TOLD_MAX 3 /* of the entries that do not count; then their number is enough */

struct scan {
	struct registry *r;
	struct ledger *l;
	bool has_policy;
	json_t *authorised; /* plan's hex -> predicate, of authorisations that verified in this scan
	                     */
};

/* What could not be looked at (a row that leads nowhere) is no verdict: taking it for one would let
 * whoever can damage the database hide a promotion. */
static int
passed_over(struct scan *s, const struct log_line *line, const struct err *why, struct err *e)
{
	if (why->code != ERR_SIGNATURE && why->code != ERR_UNTRUSTED &&
	    why->code != ERR_MALFORMED && why->code != ERR_TOO_BIG) {
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
	json_decref(s->l->next_pin.policy);
	s->l->next_pin.policy = evidence_place(line);
	return 0;
}

/* A removed target keeps its place, so that an old statement cannot bring it back. */
static int
see_target(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	const struct authority a = evidence_authority(s->r, &s->l->policy);
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
	const struct authority a = evidence_authority(s->r, &s->l->policy);
	char hex[DIGEST_HEX_SIZE];
	json_t *predicate;
	struct digest plan;
	int rc = authority_authorisation(&a, n, &plan, &predicate, e);

	if (rc < 0)
		return rc;
	digest_hex(&plan, hex);
	json_object_set_new(s->authorised, hex, predicate);
	return 0;
}

/* The authorisation that lies before the pin: the agent signed its place. */
static int
find_authorisation(struct scan *s, const json_t *predicate, const struct promotion *p, json_t **ret,
                   struct err *e)
{
	const struct authority a = evidence_authority(s->r, &s->l->policy);
	const json_t *ref = json_object_get(predicate, "authorisation");
	struct digest leaf, plan;
	struct entry n;
	uint64_t seq;
	int rc = json_get_u64(ref, "seq", "promotion", &seq, e);

	if (rc == 0)
		rc = json_get_digest(ref, "leaf", "promotion", &leaf, e);
	if (rc == 0 && (s->l->from_start || seq >= p->seq))
		rc = err_set(e, ERR_SIGNATURE, "nobody has authorised its plan before it");
	if (rc < 0)
		return rc;
	if (evidence_entry(s->r, seq, &leaf, &n, e) < 0) {
		e->code = ERR_STORE; /* the database must know it */
		return -ERR_STORE;
	}
	rc = authority_authorisation(&a, &n, &plan, ret, e);
	entry_fini(&n);
	return rc;
}

static int
was_authorised(struct scan *s, const json_t *predicate, const struct promotion *p, struct err *e)
{
	cleanup_json json_t *found = NULL;
	char hex[DIGEST_HEX_SIZE];
	int rc = 0;

	digest_hex(&p->plan, hex);
	found = json_incref(json_object_get(s->authorised, hex));
	if (!found)
		rc = find_authorisation(s, predicate, p, &found, e);
	return rc < 0 ? rc : authority_allows(found, predicate, e);
}

static int
see_promotion(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	const struct authority a = evidence_authority(s->r, &s->l->policy);
	cleanup_json json_t *predicate = NULL;
	cleanup_free char *key = NULL;
	struct digest held = { 0 };
	struct promotion p;
	const json_t *now;
	int rc = authority_promotion(&a, n, &p, &predicate, e);

	if (rc == 0)
		rc = was_authorised(s, predicate, &p, e);
	if (rc < 0)
		return rc;
	key = xasprintf("%s %s", n->model, json_opt_string(n->body, "stage"));
	now = json_object_get(s->l->next_pin.promotions, key);
	if (now && json_get_digest(now, "leaf", "pin", &held, e) < 0)
		return -(int)e->code;
	if (!digest_eq(&held, &p.previous))
		return err_set(e, ERR_SIGNATURE, "it does not continue what the stage held then");
	json_object_set_new(s->l->next_pin.promotions, key, evidence_place(line));
	return 0;
}

static int
see_entry(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	if (streq(n->type, "policy"))
		return see_policy(s, n, line, e);
	if (!s->has_policy)
		return 0;
	if (streq(n->type, "target"))
		return see_target(s, n, line, e);
	if (streq(n->type, "authorisation"))
		return see_authorisation(s, n, e);
	if (streq(n->type, "promotion"))
		return see_promotion(s, n, line, e);
	if (streq(n->type, "lifecycle") || streq(n->type, "delete"))
		return evidence_life(s->r, s->l, n, e);
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
		merkle_append(&next->edge, &line.leaf);
		next->last_at = line.at;
		next->last_length = line.length;
		next->last_leaf = line.leaf;
		next->end = (struct log_pos){ line.at.segment, line.at.offset + line.length };
		rc = see_line(s, &line, e);
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
	struct scan s = { .r = r, .l = l, .has_policy = has_policy, .authorised = json_object() };
	struct log_reader *rd;
	int rc = log_reader_new(r->log, from, l->next_pin.edge.size, &rd, e);

	if (rc == 0) {
		rc = scan_lines(&s, rd, e);
		log_reader_free(rd);
	}
	if (rc == 0)
		rc = check_end(&s, e);
	json_decref(s.authorised);
	return rc;
}
