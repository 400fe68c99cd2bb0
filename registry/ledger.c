/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the log as evidence. Each line from the pin on is checked and appended to the tree;
 * policies, authorisations and promotions count only with a signature of a key that the policy in
 * force allows, and a promotion only when the person's authorisation of its plan stands in the log
 * before it. Lines that do not verify are records without authority: they are passed over, and
 * said. What cannot be looked up is an error, never an absence.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/message.h"
#include "registry/entry.h"
#include "registry/evidence.h"
#include "registry/labels.h"
#include "registry/records.h"
#include "registry/statement.h"

/* A place in the log with the leaf that must be found there: what pins remember of an entry. */
static json_t *
place_json(const struct log_line *line)
{
	json_t *o = json_object();

	json_object_set_new(o, "seq", json_integer((json_int_t)line->seq));
	json_object_set_new(o, "leaf", json_from_digest(&line->leaf));
	json_object_set_new(o, "segment", json_integer((json_int_t)line->at.segment));
	json_object_set_new(o, "offset", json_integer((json_int_t)line->at.offset));
	json_object_set_new(o, "length", json_integer((json_int_t)line->length));
	return o;
}

int
evidence_at_place(struct registry *r, const json_t *place, struct entry *ret, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	uint64_t segment, offset, length;
	struct log_line line;
	struct digest leaf;
	int rc = json_get_u64(place, "segment", "pin", &segment, e);

	if (rc == 0)
		rc = json_get_u64(place, "offset", "pin", &offset, e);
	if (rc == 0)
		rc = json_get_u64(place, "length", "pin", &length, e);
	if (rc == 0)
		rc = json_get_digest(place, "leaf", "pin", &leaf, e);
	if (rc == 0)
		rc = log_read_at(r->log, (struct log_pos){ (uint32_t)segment, offset },
		                 (uint32_t)length, &b, &line, e);
	if (rc < 0)
		return rc;
	if (!digest_eq(&leaf, &line.leaf))
		return err_set(e, ERR_DIGEST,
		               "log entry %" PRIu64 " is not the one that was verified before",
		               line.seq);
	return entry_parse(line.json, line.seq, &line.leaf, ret, e);
}

int
evidence_entry(struct registry *r, uint64_t seq, const struct digest *leaf, struct entry *ret,
               struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	cleanup_buf struct buf b = { 0 };
	struct log_line line;
	struct log_pos at;
	uint32_t length;
	int rc = store_read_begin(r->store, &t, e);

	if (rc == 0)
		rc = log_place_get(t, seq, &at, &length, e);
	if (rc == -ERR_NOT_FOUND) {
		err_set(e, ERR_STORE, "the database does not know log entry %" PRIu64, seq);
		return err_hint(e, "slipway rebuild makes it anew from the log");
	}
	if (rc == 0)
		rc = log_read_at(r->log, at, length, &b, &line, e);
	if (rc < 0)
		return rc;
	if (line.seq != seq || (leaf && !digest_eq(leaf, &line.leaf))) {
		err_set(e, ERR_DIGEST, "log entry %" PRIu64 " is not what the database says", seq);
		return err_hint(e, "slipway rebuild makes the database anew from the log; then run "
		                   "`slipway check`");
	}
	return entry_parse(line.json, line.seq, &line.leaf, ret, e);
}

int
evidence_statement(struct registry *r, const struct entry *n, struct buf *ret, struct err *e)
{
	struct digest d;
	const char *s;

	if (json_is_object(n->statement)) {
		json_canonical(n->statement, ret);
		return 0;
	}
	s = json_string_value(n->statement);
	if (!s || !has_prefix(s, "sha256:") || digest_parse(&d, s + 7, strlen(s + 7)) < 0)
		return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " (%s) has no statement",
		               n->seq, n->type);
	return blob_read(r->blobs, &d, STATEMENT_MAX, ret, e);
}

int
evidence_verify(struct registry *r, const struct policy *p, const struct entry *n, const char *kind,
                enum policy_role role, struct statement *ret, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct public_key *keys = NULL;
	const char *registry_id;
	int rc = evidence_statement(r, n, &envelope, e);

	if (rc < 0)
		return rc;
	const size_t n_keys = policy_keys(p, role, &keys);
	rc = statement_verify(buf_str(&envelope), kind, keys, n_keys, ret, e);
	free(keys);
	if (rc < 0)
		return rc;
	rc = json_get_string(ret->predicate, "registry", kind, &registry_id, e);
	if (rc == 0 && !streq(registry_id, r->id))
		rc = err_set(e, ERR_UNTRUSTED, "a statement (%s) of another registry, %s", kind,
		             registry_id);
	if (rc < 0)
		statement_fini(ret);
	return rc;
}

/* --- policies --- */

/* The document that the entry's statement carries. Its own root must have signed it, and so must
 * the root of the policy before (old NULL: the first one). */
static int
policy_verify(struct registry *r, const struct policy *old, const struct entry *n,
              struct policy *ret, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement claim = { 0 }, s = { 0 };
	struct public_key *keys = NULL;
	int rc = evidence_statement(r, n, &envelope, e);

	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &claim, e);
	if (rc < 0)
		return rc;
	rc = policy_parse(claim.predicate, ret, e);
	statement_fini(&claim);
	if (rc < 0)
		return rc;
	size_t n_keys = policy_keys(ret, ROLE_ROOT, &keys);
	rc = statement_verify(buf_str(&envelope), "policy", keys, n_keys, &s, e);
	free(keys);
	if (rc == 0 && !digest_eq(&s.subject, &ret->digest))
		rc = err_set(e, ERR_SIGNATURE, "a policy that is not the one its signature names");
	statement_fini(&s);
	if (rc == 0 && old) {
		n_keys = policy_keys(old, ROLE_ROOT, &keys);
		rc = statement_verify(buf_str(&envelope), "policy", keys, n_keys, &s, e);
		free(keys);
		statement_fini(&s);
	}
	if (rc == 0 && !streq(ret->registry_id, r->id))
		rc = err_set(e, ERR_UNTRUSTED, "a policy of another registry, %s",
		             ret->registry_id);
	if (rc == 0 && (ret->version != (old ? old->version + 1 : 1) ||
	                (old && !digest_eq(&ret->previous, &old->digest))))
		rc = err_set(e, ERR_MALFORMED,
		             "policy %" PRIu64 " does not follow the one in force", ret->version);
	if (rc < 0)
		policy_fini(ret);
	else
		ret->seq = n->seq;
	return rc;
}

/* --- the scan --- */

struct scan {
	struct registry *r;
	struct ledger *l;
	bool has_policy;
	json_t *authorised; /* plan's hex -> sequence, of authorisations that verified in this scan
	                     */
};

/* An entry that does not verify is passed over, and said. What could not be looked at (a blob that
 * is gone, a row that leads nowhere) is no verdict: taking it for one would let whoever can delete
 * a file hide a promotion. */
static int
passed_over(struct scan *s, const struct entry *n, const struct err *why, struct err *e)
{
	if (why->code != ERR_SIGNATURE && why->code != ERR_UNTRUSTED &&
	    why->code != ERR_MALFORMED && why->code != ERR_TOO_BIG) {
		*e = *why;
		return err_prefix(e, "log entry %" PRIu64 " (%s)", n->seq, n->type);
	}
	s->l->passed_over++;
	message(MESSAGE_WARNING,
	        "log entry %" PRIu64 " (%s) does not verify and does not count: %s", n->seq,
	        n->type, why->msg);
	return 0;
}

static int
see_policy(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	struct policy fresh = { 0 };
	struct err why = { 0 };

	if (policy_verify(s->r, s->has_policy ? &s->l->policy : NULL, n, &fresh, &why) < 0) {
		if (!s->has_policy) { /* nothing can be believed without the first one */
			*e = why;
			return -(int)why.code;
		}
		return passed_over(s, n, &why, e);
	}
	policy_fini(&s->l->policy);
	s->l->policy = fresh;
	s->has_policy = true;
	json_decref(s->l->next_pin.policy);
	s->l->next_pin.policy = place_json(line);
	return 0;
}

static int
see_authorisation(struct scan *s, const struct entry *n, struct err *e)
{
	struct statement st = { 0 };
	char hex[DIGEST_HEX_SIZE];
	struct err why = { 0 };

	if (evidence_verify(s->r, &s->l->policy, n, "authorisation", ROLE_DEPLOYER, &st, &why) < 0)
		return passed_over(s, n, &why, e);
	digest_hex(&st.subject, hex);
	json_object_set_new(s->authorised, hex, json_integer((json_int_t)n->seq));
	statement_fini(&st);
	return 0;
}

static int
optional_digest(const json_t *o, const char *key, struct digest *ret, struct err *e)
{
	*ret = (struct digest){ 0 };
	if (json_is_null(json_object_get(o, key)))
		return 0;
	return json_get_digest(o, key, "promotion", ret, e);
}

/* Predicate of a promotion statement into p. */
static int
promotion_read(const json_t *o, struct promotion *p, struct err *e)
{
	const json_t *previous = json_object_get(o, "previous");
	const char *kind;
	int rc = json_get_string(o, "kind", "promotion", &kind, e);

	if (rc == 0)
		rc = json_get_u64(o, "number", "promotion", &p->number, e);
	if (rc == 0)
		rc = optional_digest(o, "version", &p->version, e);
	if (rc == 0)
		rc = json_get_digest(o, "plan", "promotion", &p->plan, e);
	if (rc == 0 && json_is_object(previous)) {
		rc = json_get_digest(previous, "leaf", "promotion", &p->previous, e);
		if (rc == 0)
			rc = json_get_u64(previous, "seq", "promotion", &p->previous_seq, e);
	}
	if (rc < 0)
		return rc;
	if (str_copy(p->kind, sizeof p->kind, kind) < 0)
		return err_set(e, ERR_MALFORMED, "promotion: an unknown kind");
	p->empty = digest_is_zero(&p->version);
	p->proofs = proofs_from_json(json_object_get(o, "proofs"));
	p->exists = true;
	return 0;
}

/* Verifies a promotion entry: the agent's signature, and that it speaks of this model and stage. */
int
evidence_promotion(struct registry *r, const struct policy *policy, const struct entry *n,
                   struct promotion *ret, json_t **ret_predicate, struct err *e)
{
	struct statement st = { 0 };
	const char *model, *stage, *body_stage;
	int rc = evidence_verify(r, policy, n, "promotion", ROLE_AGENT, &st, e);

	*ret = (struct promotion){ .seq = n->seq, .leaf = n->leaf, .time_s = n->time_s };
	if (rc < 0)
		return rc;
	rc = promotion_read(st.predicate, ret, e);
	if (rc == 0)
		rc = json_get_string(st.predicate, "model", "promotion", &model, e);
	if (rc == 0)
		rc = json_get_string(st.predicate, "stage", "promotion", &stage, e);
	if (rc == 0)
		rc = json_get_string(n->body, "stage", "promotion", &body_stage, e);
	if (rc == 0 && (!streq(model, n->model) || !streq(stage, body_stage)))
		rc = err_set(e, ERR_SIGNATURE, "the statement is about \"%s\" in %s", model, stage);
	if (rc == 0 && !digest_eq(&st.subject, ret->empty ? &ret->plan : &ret->version))
		rc = err_set(e, ERR_SIGNATURE,
		             "the statement names another subject than its version");
	if (rc == 0 && ret_predicate)
		*ret_predicate = json_incref(st.predicate);
	statement_fini(&st);
	return rc;
}

/* A person's authorisation of its plan must stand before it: seen in this scan, or looked up and
 * verified. */
static int
was_authorised(struct scan *s, const json_t *predicate, const struct promotion *p, struct err *e)
{
	const json_t *ref = json_object_get(predicate, "authorisation");
	char hex[DIGEST_HEX_SIZE];
	struct statement st = { 0 };
	struct digest leaf;
	struct entry n;
	uint64_t seq;
	int rc;

	digest_hex(&p->plan, hex);
	if (json_object_get(s->authorised, hex))
		return 0;
	if (s->l->from_start)
		return err_set(e, ERR_SIGNATURE, "nobody has authorised its plan before it");
	rc = json_get_u64(ref, "seq", "promotion", &seq, e);
	if (rc == 0)
		rc = json_get_digest(ref, "leaf", "promotion", &leaf, e);
	if (rc == 0 && seq >= p->seq)
		rc = err_set(e, ERR_SIGNATURE, "the authorisation comes after the promotion");
	if (rc < 0)
		return rc;
	if (evidence_entry(s->r, seq, &leaf, &n, e) < 0) {
		e->code = ERR_STORE; /* the agent signed the place: the database must know it */
		return -ERR_STORE;
	}
	rc = evidence_verify(s->r, &s->l->policy, &n, "authorisation", ROLE_DEPLOYER, &st, e);
	if (rc == 0 && !digest_eq(&st.subject, &p->plan))
		rc = err_set(e, ERR_SIGNATURE, "the authorisation is for another plan");
	statement_fini(&st);
	entry_fini(&n);
	return rc;
}

static int
see_promotion(struct scan *s, const struct entry *n, const struct log_line *line, struct err *e)
{
	cleanup_free char *key = NULL;
	cleanup_json json_t *predicate = NULL;
	const json_t *now;
	struct digest held = { 0 };
	struct promotion p;
	struct err why = { 0 };

	if (!n->model)
		err_set(&why, ERR_MALFORMED, "it names no model");
	else if (evidence_promotion(s->r, &s->l->policy, n, &p, &predicate, &why) == 0)
		(void)was_authorised(s, predicate, &p, &why);
	if (why.code)
		return passed_over(s, n, &why, e);
	key = xasprintf("%s %s", n->model, json_opt_string(n->body, "stage"));
	now = json_object_get(s->l->next_pin.promotions, key);
	if (now && json_get_digest(now, "leaf", "pin", &held, e) < 0)
		return -(int)e->code;
	if (!digest_eq(&held, &p.previous)) {
		err_set(&why, ERR_SIGNATURE, "it does not continue what the stage held then");
		return passed_over(s, n, &why, e);
	}
	json_object_set_new(s->l->next_pin.promotions, key, place_json(line));
	return 0;
}

/* A tombstone needs no signature: it only takes away. */
static void
see_delete(struct scan *s, const struct entry *n)
{
	const json_int_t number = json_integer_value(json_object_get(n->body, "number"));
	cleanup_free char *key = xasprintf("%s %" JSON_INTEGER_FORMAT, n->model, number);

	json_object_set_new(s->l->deleted, key, json_true());
}

static int
see_line(struct scan *s, const struct log_line *line, struct err *e)
{
	struct entry n;
	int rc = entry_parse(line->json, line->seq, &line->leaf, &n, e);

	if (rc < 0)
		return rc;
	if (streq(n.type, "policy"))
		rc = see_policy(s, &n, line, e);
	else if (streq(n.type, "delete") && n.model)
		see_delete(s, &n);
	else if (streq(n.type, "authorisation") && s->has_policy)
		rc = see_authorisation(s, &n, e);
	else if (streq(n.type, "promotion") && s->has_policy)
		rc = see_promotion(s, &n, line, e);
	entry_fini(&n);
	return rc;
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

static int
scan_lines(struct scan *s, struct log_pos from, struct err *e)
{
	struct pin *next = &s->l->next_pin;
	struct log_reader *rd;
	struct log_line line;
	enum log_step step;
	int rc = log_reader_new(s->r->log, from, next->edge.size, &rd, e);

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
	}
	log_reader_free(rd);
	if (rc == 0 && s->r->pin.has_bound && next->edge.size < s->r->pin.bound_size)
		rc = err_set(e, ERR_DIGEST,
		             "the log has %" PRIu64 " entries, SLIPWAY_PIN names %" PRIu64,
		             next->edge.size, s->r->pin.bound_size);
	return rc;
}

static int
start_from_pin(struct scan *s, struct log_pos *ret_from, struct err *e)
{
	const struct pin *pin = &s->r->pin;
	struct pin *next = &s->l->next_pin;
	struct policy *p = &s->l->policy;
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	struct entry n;
	int rc;

	*next = *pin;
	next->policy = json_incref(pin->policy);
	next->promotions = json_deep_copy(pin->promotions);
	*ret_from = pin->end;
	/* the pinned leaf is what makes it the policy: it was verified when it was pinned */
	rc = evidence_at_place(s->r, pin->policy, &n, e);
	if (rc < 0)
		return err_prefix(e, "the pinned policy");
	rc = evidence_statement(s->r, &n, &envelope, e);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &st, e);
	if (rc == 0)
		rc = policy_parse(st.predicate, p, e);
	p->seq = n.seq;
	s->has_policy = rc == 0;
	statement_fini(&st);
	entry_fini(&n);
	return rc;
}

int
ledger_open(struct registry *r, struct ledger *ret, struct err *e)
{
	struct scan s = { .r = r, .l = ret, .authorised = json_object() };
	struct log_pos from = { 1, 0 };
	int rc = 0;

	*ret = (struct ledger){ .deleted = json_object() };
	if (r->pin.exists) {
		rc = start_from_pin(&s, &from, e);
	} else {
		ret->from_start = true;
		ret->next_pin.policy = json_object();
		ret->next_pin.promotions = json_object();
		(void)str_copy(ret->next_pin.id, sizeof ret->next_pin.id, r->id);
	}
	if (rc == 0)
		rc = scan_lines(&s, from, e);
	if (rc == 0 && !s.has_policy) {
		err_set(e, ERR_UNTRUSTED, "registry \"%s\" has no policy", r->dir);
		err_hint(e, "it was never finished: make a new one with `slipway init`");
		rc = -ERR_UNTRUSTED;
	}
	json_decref(s.authorised);
	if (rc < 0) {
		ledger_fini(ret);
		return rc;
	}
	ret->size = ret->next_pin.edge.size;
	ret->next_pin.exists = true;
	return 0;
}

void
ledger_fini(struct ledger *l)
{
	policy_fini(&l->policy);
	pin_fini(&l->next_pin);
	json_decref(l->deleted);
	l->deleted = NULL;
}

int
ledger_save_pin(struct registry *r, const struct ledger *l, struct err *e)
{
	struct pin now;
	bool is_newer;
	int rc = pin_load(r->dir, &now, e);

	if (rc < 0)
		return rc;
	/* another process of this person may have seen more meanwhile */
	is_newer = !now.exists || now.edge.size < l->next_pin.edge.size;
	pin_fini(&now);
	return is_newer ? pin_save(r->dir, &l->next_pin, e) : 0;
}
