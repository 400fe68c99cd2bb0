/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's folder before a rollout: findings for preflight and lines for the preview of a plan.
 * Looks at files alone; what a server makes of them is its driver's to say.
 */
#include "deploy/folder_preview.h"

#include <inttypes.h>

#include "registry/base/text.h"

int
folder_findings(struct folder *f, const struct rollout *q, struct folder_stamp *ret_stamp,
                struct folder_look *ret_look, struct findings *ret, struct err *e)
{
	int rc;

	*ret_look = (struct folder_look){ 0 };
	rc = folder_stamp_read(f, ret_stamp, e);
	if (rc == -ERR_MALFORMED || rc == -ERR_DENIED) {
		findings_add(ret, FINDING_BLOCK, "stamp", "look at who wrote it and remove it",
		             "%s", e->msg);
		err_clear(e);
		*ret_stamp = (struct folder_stamp){ 0 };
	} else if (rc < 0) {
		return rc;
	}
	if (ret_stamp->exists && !streq(ret_stamp->registry_id, q->registry_id))
		findings_add(ret, FINDING_BLOCK, "foreign-registry",
		             "choose another folder for one of them",
		             "registry %s publishes into this folder", ret_stamp->registry_id);
	rc = folder_look(f, ret_stamp, ret_look, e);
	if (rc < 0)
		return rc;
	if (ret_look->foreign > 0)
		findings_add(ret, FINDING_BLOCK, "foreign-version",
		             "move it away, or finish the rollout that left it (job list)",
		             "the folder has a version %" PRIu64
		             " that this registry did not leave there",
		             ret_look->foreign);
	return 0;
}

uint64_t
folder_bytes(const struct source *s)
{
	uint64_t total = 0;

	for (size_t i = 0; s && i < s->n; i++)
		if (__builtin_add_overflow(total, s->files[i].size, &total))
			return UINT64_MAX;
	return total;
}

static int
stamp_of(const struct target *t, const char *entry, struct folder_stamp *ret, struct err *e)
{
	struct folder *f = NULL;
	int rc;

	*ret = (struct folder_stamp){ 0 };
	rc = folder_open(t->path, entry, false, &f, e);
	if (rc == 0)
		rc = folder_stamp_read(f, ret, e);
	folder_close(f);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e); /* the first version of this model here */
	return 0;
}

int
folder_preview(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	const size_t n = q->files ? q->files->n : 0;
	struct folder_stamp stamp;
	char entry[256], size[16];
	int rc;

	rc = folder_entry_name(t, q->model, entry, e);
	if (rc == 0)
		rc = stamp_of(t, entry, &stamp, e);
	if (rc < 0)
		return rc;
	if (!q->empty && stamp.number == q->number) {
		buf_addf(ret, "%s/%s/%" PRIu64 " stays, its files are compared\n", t->path, entry,
		         q->number);
		return 0;
	}
	text_size(size, folder_bytes(q->files));
	if (!q->empty)
		buf_addf(ret, "%s/%s/%" PRIu64 " appears (%zu %s, %s)\n", t->path, entry,
		         q->number, n, n == 1 ? "file" : "files", size);
	if (stamp.number > 0)
		buf_addf(ret, "%s/%s/%" PRIu64 " is held back as slipway-v%" PRIu64 "\n", t->path,
		         entry, stamp.number, stamp.number);
	if (q->empty)
		buf_addf(ret, "%s/%s then has no version\n", t->path, entry);
	return 0;
}
