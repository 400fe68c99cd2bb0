/* SPDX-License-Identifier: Apache-2.0 */
/* Targets as evidence: what a stage is served by is decided by who may deploy, not by a row. */
#include <inttypes.h>
#include <string.h>

#include "registry/base/vec.h"
#include "registry/evidence.h"

int
ledger_target_leaf(const struct ledger *l, const char *name, struct digest *ret, struct err *e)
{
	const json_t *place = json_object_get(l->next_pin.targets, name);

	*ret = (struct digest){ 0 };
	return place ? json_get_digest(place, "leaf", "pin", ret, e) : 0;
}

static int
read_target(struct registry *r, const struct ledger *l, const json_t *place, struct target_row *ret,
            struct err *e)
{
	struct target_claim claim;
	struct authority a;
	struct entry n;
	int rc = evidence_at_place(r, place, &n, e);

	if (rc < 0)
		return rc;
	rc = evidence_authority(r, l, &n, &a, e);
	if (rc == 0)
		rc = authority_target(&a, &n, &claim, e);
	if (rc == 0)
		rc = target_row_of(claim.name, claim.body, n.seq, ret, e);
	entry_fini(&n);
	return rc;
}

static int
by_order(const void *a, const void *b)
{
	const struct target_row *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
ledger_targets(struct registry *r, const struct ledger *l, const char *stage,
               struct target_row **ret, size_t *ret_n, struct err *e)
{
	VEC(struct target_row) rows = { 0 };
	struct target_row row;
	const char *name;
	json_t *place;
	int rc = 0;

	json_object_foreach(l->next_pin.targets, name, place)
	{
		if (json_is_true(json_object_get(place, "removed")))
			continue;
		rc = read_target(r, l, place, &row, e);
		if (rc < 0) {
			vec_fini(&rows);
			return err_prefix(e, "target \"%s\"", name);
		}
		if (!stage || streq(stage, row.stage))
			vec_push(&rows, row);
	}
	if (rows.n > 1)
		qsort(rows.v, rows.n, sizeof *rows.v, by_order);
	*ret = rows.v;
	*ret_n = rows.n;
	return 0;
}
