/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts of the entries by which a version leaves use or comes back: lifecycle, delete. What was
 * signed is judged by authority_lifecycle.c, as the ledger does; here it becomes rows.
 */
#include "registry/entry_put.h"

#include <string.h>

#include "registry/records.h"

static int
newest_live(void *arg, const struct version_row *v)
{
	struct version_row *const ret = arg;

	if (v->state.life != LIFE_LIVE)
		return 0;
	*ret = *v;
	return 1;
}

void
put_newest(struct model_row *m, const struct version_row *v)
{
	m->latest_live = v->number;
	m->digest = v->digest;
	m->bytes = v->bytes;
	m->files = v->files;
	m->is_signed = v->is_signed;
	(void)str_copy(m->signer, sizeof m->signer, v->signer);
}

/* One more or one less that is live: which is the newest now? */
static int
count_live(struct txn *t, struct model_row *m, bool was_live, bool is_live, struct err *e)
{
	struct version_row newest = { 0 };
	int rc;

	if (was_live == is_live)
		return 0;
	m->live_n = is_live ? m->live_n + 1 : m->live_n - 1;
	rc = version_each(t, m->name, 0, newest_live, &newest, e);
	if (rc >= 0)
		put_newest(m, &newest);
	return rc < 0 ? rc : 0;
}

static int
change(struct txn *t, const struct entry *n, const struct life_claim *c, struct err *e)
{
	struct version_row v;
	struct model_row m;
	bool was_live;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = version_get(t, n->model, c->number, &v, e);
	if (rc == -ERR_NOT_FOUND || (rc == 0 && !digest_eq(&v.digest, &c->version)))
		return put_refuse(n, e, "a version that does not exist");
	if (rc < 0)
		return rc;
	was_live = v.state.life == LIFE_LIVE;
	rc = life_step(&v.state, c, &n->leaf, e);
	if (rc == 0)
		rc = version_put(t, &v, e);
	if (rc == 0)
		rc = count_live(t, &m, was_live, v.state.life == LIFE_LIVE, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}

int
put_lifecycle(struct txn *t, const struct entry *n, struct err *e)
{
	struct life_claim c;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_lifecycle(&a, n, &c, e);
	return rc < 0 ? rc : change(t, n, &c, e);
}
