/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came in bundles, as evidence: the last counter of each source and the tree of its log then,
 * remembered with the pin, so that no row decides whether a bundle is an old one.
 */
#include <inttypes.h>

#include "registry/bundle_check.h"
#include "registry/bundle_entry.h"
#include "registry/evidence.h"

int
ledger_bundle(const struct ledger *l, const char *registry_id, struct bundle_seen *ret,
              struct err *e)
{
	const json_t *const o = json_object_get(l->next_pin.bundles, registry_id);
	int rc;

	*ret = (struct bundle_seen){ 0 };
	if (!o)
		return 0;
	rc = json_get_u64(o, "counter", "pin", &ret->counter, e);
	if (rc == 0)
		rc = json_get_digest(o, "inventory", "pin", &ret->inventory, e);
	if (rc == 0)
		rc = json_get_u64(o, "entries", "pin", &ret->head_size, e);
	return rc < 0 ? rc : json_get_digest(o, "root", "pin", &ret->head_root, e);
}

int
evidence_bundle(struct registry *r, struct ledger *l, const struct entry *n, struct err *e)
{
	const struct authority a = { .policy = &l->policy, .registry_id = r->id };
	struct bundle_claim c;
	struct bundle_seen last;
	int rc = bundle_claim(&a, r->blobs, n, &c, e);

	if (rc < 0 || c.way != BUNDLE_IMPORTED)
		return rc;
	rc = ledger_bundle(l, c.registry_id, &last, e);
	if (rc == 0 && c.counter <= last.counter)
		rc = err_set(e, ERR_SIGNATURE, "bundle %" PRIu64 " came behind bundle %" PRIu64,
		             c.counter, last.counter);
	if (rc < 0)
		return rc;
	json_object_set_new(l->next_pin.bundles, c.registry_id,
	                    json_pack("{s:I, s:I, s:o, s:o}", "counter", (json_int_t)c.counter,
	                              "entries", (json_int_t)c.head_size, "inventory",
	                              json_from_digest(&c.inventory), "root",
	                              json_from_digest(&c.head_root)));
	return 0;
}
