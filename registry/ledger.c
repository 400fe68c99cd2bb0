/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: opened from this person's pin, or from the beginning, and kept as the next pin.
 * Entries are found again by place, and are what they were then or an error.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/message.h"
#include "registry/entry.h"
#include "registry/evidence.h"
#include "registry/records.h"

/* A place in the log with the leaf that must be found there: what pins remember of an entry. */
json_t *
evidence_place(const struct log_line *line)
{
	json_t *o = json_object();

	json_object_set_new(o, "seq", json_integer((json_int_t)line->seq));
	json_object_set_new(o, "leaf", json_from_digest(&line->leaf));
	json_object_set_new(o, "segment", json_integer((json_int_t)line->at.segment));
	json_object_set_new(o, "offset", json_integer((json_int_t)line->at.offset));
	json_object_set_new(o, "length", json_integer((json_int_t)line->length));
	return o;
}

char *
evidence_stage_key(const char *model, const char *stage)
{
	return xasprintf("%s %s", model, stage ? stage : "");
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
evidence_rows_begin(struct registry *r, struct txn **ret, struct err *e)
{
	*ret = r->rows;
	return r->rows ? 0 : store_read_begin(r->store, ret, e);
}

void
evidence_rows_end(struct registry *r, struct txn *t)
{
	if (t != r->rows)
		store_abort(t);
}

int
evidence_entry(struct registry *r, uint64_t seq, const struct digest *leaf, struct entry *ret,
               struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct log_line line;
	struct log_pos at;
	struct txn *t;
	uint32_t length;
	int rc = evidence_rows_begin(r, &t, e);

	if (rc < 0)
		return rc;
	rc = log_place_get(t, seq, &at, &length, e);
	evidence_rows_end(r, t);
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

/* A policy counts from the entry behind its own on. */
static const json_t *
policy_place(const struct ledger *l, uint64_t seq)
{
	for (size_t i = json_array_size(l->next_pin.policies); i > 0; i--) {
		const json_t *const place = json_array_get(l->next_pin.policies, i - 1);
		if ((uint64_t)json_integer_value(json_object_get(place, "seq")) < seq)
			return place;
	}
	return NULL;
}

/* The leaf that the place names is what makes it the policy: it was verified when it was seen. */
static int
policy_load(struct registry *r, const json_t *place, struct policy *ret, struct err *e)
{
	struct entry n;
	int rc = evidence_at_place(r, place, &n, e);

	if (rc < 0)
		return err_prefix(e, "a policy that was verified before");
	rc = policy_of_entry(&n, ret, e);
	if (rc == 0)
		ret->seq = n.seq;
	entry_fini(&n);
	return rc;
}

int
ledger_policy_at(struct registry *r, const struct ledger *l, uint64_t seq,
                 const struct policy **ret, struct err *e)
{
	const json_t *const place = policy_place(l, seq);
	uint64_t at;
	int rc;

	if (!place && r->identity.ids_n > 1)
		return err_set(e, ERR_UNTRUSTED,
		               "log entry %" PRIu64 " was made in another registry, %s", seq,
		               r->identity.ids[r->identity.ids_n - 2]);
	if (!place)
		return err_set(e, ERR_UNTRUSTED, "no policy was in force yet at log entry %" PRIu64,
		               seq);
	at = (uint64_t)json_integer_value(json_object_get(place, "seq"));
	*ret = at == l->policy.seq ? &l->policy : l->past;
	if ((*ret)->seq == at)
		return 0;
	policy_fini(l->past);
	rc = policy_load(r, place, l->past, e);
	return rc;
}

int
evidence_authority(struct registry *r, const struct ledger *l, const struct entry *n,
                   struct authority *ret, struct err *e)
{
	*ret = (struct authority){ .registry_id = r->id, .now = &l->policy };
	return ledger_policy_at(r, l, n->seq, &ret->policy, e);
}

static int
start_from_pin(struct registry *r, struct ledger *l, struct log_pos *ret_from, struct err *e)
{
	const struct pin *pin = &r->pin;
	struct pin *next = &l->next_pin;
	const size_t last = json_array_size(pin->policies) - 1;

	*next = *pin;
	next->policies = json_deep_copy(pin->policies);
	next->promotions = json_deep_copy(pin->promotions);
	next->targets = json_deep_copy(pin->targets);
	next->withdrawn = json_deep_copy(pin->withdrawn);
	next->jobs = json_deep_copy(pin->jobs);
	next->evidence = json_deep_copy(pin->evidence);
	next->bundles = json_deep_copy(pin->bundles);
	*ret_from = pin->end;
	return policy_load(r, json_array_get(next->policies, last), &l->policy, e);
}

int
ledger_open(struct registry *r, struct ledger *ret, struct err *e)
{
	struct log_pos from = { 1, 0 };
	int rc = 0;

	*ret = (struct ledger){ .past = xcalloc(1, sizeof *ret->past) };
	const bool has_pin = r->pin.exists && r->pin.withdrawn;
	if (has_pin) {
		rc = start_from_pin(r, ret, &from, e);
	} else {
		ret->from_start = true;
		ret->next_pin.policies = json_array();
		ret->next_pin.promotions = json_object();
		ret->next_pin.targets = json_object();
		ret->next_pin.withdrawn = json_object();
		ret->next_pin.jobs = json_object();
		ret->next_pin.evidence = json_object();
		ret->next_pin.bundles = json_object();
		(void)str_copy(ret->next_pin.id, sizeof ret->next_pin.id, r->id);
	}
	if (rc == 0)
		rc = ledger_scan(r, ret, from, has_pin, e);
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
	if (l->past)
		policy_fini(l->past);
	free(steal(&l->past));
	pin_fini(&l->next_pin);
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

void
ledger_remember(struct registry *r, const struct ledger *l)
{
	struct err e = { 0 };

	if (ledger_save_pin(r, l, &e) < 0)
		message(MESSAGE_WARNING, "%s", e.msg);
}
