/* SPDX-License-Identifier: Apache-2.0 */
/* export: a version's files as a new folder, each checked while it is copied. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/export.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

static int
find(struct app *a, const char *text, struct version_row *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(a->registry->store, &t, e);
	if (rc == 0)
		rc = ref_find(t, text, ret, e);
	return rc == 0 ? version_is_live(ret, e) : rc;
}

static void
show(struct app *a, const struct version_row *v, const char *dir)
{
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	version_name(v->model, v->number, name);
	out_object_begin(a->out, "Export");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "model", v->model);
		jo_u64(j, "version", v->number);
		jo_digest(j, "digest", &v->digest);
		jo_string(j, "path", dir);
		jo_u64(j, "files", v->files);
		jo_u64(j, "bytes", v->bytes);
	}
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", dir);
	else
		out_text(a->out, "%s: %" PRIu64 " file%s in %s\n", name, v->files, v->files == 1 ?
		         "" : "s", dir);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const struct progress p = out_progress(a->out);
	struct manifest m = { 0 };
	struct version_row v;
	int rc;

	rc = find(a, in->pos[0], &v, e);
	if (rc == 0)
		rc = version_manifest(a->registry, &v.digest, &m, e);
	if (rc == 0)
		rc = export_tree(a->registry->blobs, &m, in->pos[1], &p, e);
	out_progress_done(a->out);
	if (rc == 0)
		show(a, &v, in->pos[1]);
	manifest_fini(&m);
	return rc;
}

const struct cmd cmd_export = {
	.name = "export",
	.args = "REF DIR",
	.summary = "write a version's files into a new folder",
	.group = "take out",
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run,
	.examples = "  slipway export fraud-ranker@production ./serving\n",
};
