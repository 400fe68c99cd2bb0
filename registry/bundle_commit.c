/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's documents into blobs, its entry into the log, and both back again. */
#include <inttypes.h>

#include "registry/bundle_build.h"
#include "registry/change.h"
#include "registry/evidence.h"
#include "registry/fault.h"

static int
put_docs(struct registry *r, const struct bundle *b, struct err *e)
{
	static const enum bundle_front docs[] = { FRONT_INVENTORY, FRONT_LIST, FRONT_PROOF };
	struct blob_batch *t = NULL;
	int rc = blob_batch_new(r->blobs, &t, e);

	for (size_t i = 0; rc == 0 && i < COUNT(docs); i++) {
		const struct buf *const text = &b->front[docs[i]].text;
		struct digest d;

		rc = blob_batch_add_mem(t, text->p ? text->p : "", text->n, &d, e);
	}
	if (rc == 0)
		rc = blob_batch_finish(t, e);
	blob_batch_free(t);
	return rc;
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct bundle_draft *const d = arg;
	struct bundle_claim last;
	int rc = bundle_row_last(t, BUNDLE_BUILT, d->claim.registry_id, &last, e);

	if (rc < 0)
		return rc;
	if (last.counter + 1 != d->claim.counter)
		return err_set(e, ERR_CONFLICT, "another bundle was built meanwhile");
	*ret_body = bundle_claim_body(&d->claim, NULL);
	return 0;
}

static void
make_claim(struct bundle_draft *d)
{
	const struct bundle_inventory *const v = &d->bundle.inventory;

	d->claim = (struct bundle_claim){
		.way = BUNDLE_BUILT,
		.counter = v->counter,
		.since = v->since,
		.created_s = v->created_s,
		.expires_s = v->expires_s,
		.inventory = d->bundle.front[FRONT_INVENTORY].digest,
		.proof = v->proof,
		.list = v->list,
		.request = d->request,
		.head_size = d->head.size,
		.head_root = d->head.root,
		.versions = v->versions_n,
		.bytes = v->bytes,
		.size = d->bundle.size,
	};
	(void)str_copy(d->claim.registry_id, sizeof d->claim.registry_id, v->registry_id);
}

int
bundle_commit(struct registry *r, struct bundle_draft *d, struct str envelope, const char *reason,
              struct err *e)
{
	struct bundle *const b = &d->bundle;
	struct change_result done;
	int rc;

	buf_clear(&b->front[FRONT_ENVELOPE].text);
	buf_add(&b->front[FRONT_ENVELOPE].text, envelope.p, envelope.n);
	bundle_inventory_fini(&b->inventory); /* read again from what was signed */
	bundle_list_fini(&b->list);
	rc = bundle_complete(b, e);
	if (rc == 0)
		rc = put_docs(r, b, e);
	if (rc < 0)
		return rc;
	make_claim(d);
	fault_pause("bundle-commit");
	const struct change c = {
		.type = "bundle",
		.check = check,
		.arg = d,
		.reason = reason,
		.blob = &d->claim.inventory,
		.statement = envelope,
	};
	rc = change_commit(r, &c, &done, e);
	if (rc < 0)
		return rc;
	d->claim.seq = done.seq;
	return 0;
}

static int
read_doc(struct registry *r, const struct digest *d, enum bundle_front i, struct bundle *b,
         struct err *e)
{
	return blob_promised(blob_read(r->blobs, d, bundle_front_max(i), &b->front[i].text, e), e);
}

int
bundle_load(struct registry *r, const struct bundle_claim *c, struct bundle *ret, struct err *e)
{
	struct entry n;
	int rc;

	*ret = (struct bundle){ 0 };
	rc = evidence_entry(r, c->seq, NULL, &n, e);
	if (rc < 0)
		return rc;
	rc = authority_envelope(&n, &ret->front[FRONT_ENVELOPE].text, e);
	entry_fini(&n);
	if (rc == 0)
		rc = read_doc(r, &c->inventory, FRONT_INVENTORY, ret, e);
	if (rc == 0)
		rc = read_doc(r, &c->list, FRONT_LIST, ret, e);
	if (rc == 0)
		rc = read_doc(r, &c->proof, FRONT_PROOF, ret, e);
	if (rc == 0)
		rc = bundle_complete(ret, e);
	if (rc < 0)
		bundle_fini(ret);
	return rc;
}
