/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence about versions, found without a row of the database: what is about one model is a chain,
 * its end is seen while the log is read and kept in the pin, and from there each one names the one
 * before it by its leaf. So neither can the newest be hidden nor an old one be logged again.
 */
#include "registry/attest.h"

#include <inttypes.h>

#include "registry/authority_private.h"
#include "registry/evidence.h"

int
ledger_evidence_last(const struct ledger *l, const char *model, struct signed_place *ret,
                     struct err *e)
{
	const json_t *const place = json_object_get(l->next_pin.evidence, model);

	*ret = (struct signed_place){ 0 };
	return place ? authority_place(place, "pin", ret, e) : 0;
}

int
evidence_seen(struct registry *r, struct ledger *l, const struct entry *n,
              const struct log_line *line, struct err *e)
{
	const struct authority a = { .policy = &l->policy, .registry_id = r->id };
	struct signed_place last;
	struct evidence v;
	int rc = authority_evidence(&a, n, &v, e);

	if (rc < 0)
		return rc;
	rc = ledger_evidence_last(l, n->model, &last, e);
	if (rc == 0)
		rc = evidence_continues(&v, &last, e);
	evidence_fini(&v);
	if (rc == 0)
		json_object_set_new(l->next_pin.evidence, n->model, evidence_place(line));
	return rc;
}

bool
evidence_is_about(const struct entry *n, uint64_t number, const struct digest *version,
                  enum evidence_type type)
{
	struct err ignored = { 0 };
	struct digest is;
	uint64_t of;

	return streq(json_opt_string(n->body, "type"), evidence_type_name(type)) &&
	       json_get_u64(n->body, "number", n->type, &of, &ignored) == 0 && of == number &&
	       json_get_digest(n->body, "digest", n->type, &is, &ignored) == 0 &&
	       digest_eq(&is, version);
}

/* *n becomes the one before it. NOT_FOUND: it was the first. */
static int
step_back(struct registry *r, struct entry *n, struct err *e)
{
	const json_t *const previous = json_object_get(n->body, "previous");
	struct signed_place at;
	struct entry before;
	int rc;

	if (!json_is_object(previous))
		return -ERR_NOT_FOUND;
	rc = authority_place(previous, n->type, &at, e);
	if (rc == 0)
		rc = evidence_entry(r, at.seq, &at.leaf, &before, e);
	if (rc < 0)
		return rc;
	entry_fini(n);
	*n = before;
	return 0;
}

/* Each was checked when it was seen, and has the leaf that the one behind it names. */
static int
find(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
     const struct digest *version, enum evidence_type type, struct entry *ret, struct err *e)
{
	const json_t *const place = json_object_get(l->next_pin.evidence, model);
	int rc;

	if (!place)
		return -ERR_NOT_FOUND;
	rc = evidence_at_place(r, place, ret, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && !evidence_is_about(ret, number, version, type))
		rc = step_back(r, ret, e);
	if (rc < 0)
		entry_fini(ret);
	return rc;
}

int
ledger_evidence(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
                const struct digest *version, enum evidence_type type, struct evidence *ret,
                struct err *e)
{
	struct authority a;
	struct entry n;
	int rc = find(r, l, model, number, version, type, &n, e);

	if (rc == -ERR_NOT_FOUND)
		return ledger_carried_evidence(r, l, model, number, version, type, ret, e);
	if (rc < 0)
		return rc;
	rc = evidence_authority(r, l, &n, &a, e);
	if (rc == 0)
		rc = authority_evidence(&a, &n, ret, e);
	entry_fini(&n);
	return rc;
}
