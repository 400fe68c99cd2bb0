/* SPDX-License-Identifier: Apache-2.0 */
/* backup: a copy of the living registry in another folder, new or brought up to date. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/backup.h"
#include "registry/base/text.h"

static void
show(struct app *a, const char *dir, const struct backup_result *b)
{
	struct out *const o = a->out;
	char size[16], fresh[16];
	struct json_out *j;

	text_size(size, b->blob_bytes);
	text_size(fresh, b->new_bytes);
	out_object_begin(o, "Backup");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "path", dir);
		jo_string(j, "registry", a->registry->id);
		jo_u64(j, "entries", b->entries);
		jo_u64(j, "newEntries", b->new_entries);
		jo_u64(j, "blobs", b->blobs);
		jo_u64(j, "blobBytes", b->blob_bytes);
		jo_u64(j, "newBlobs", b->new_blobs);
		jo_u64(j, "newBytes", b->new_bytes);
		jo_bool(j, "changed", b->new_entries > 0 || b->new_blobs > 0);
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME) {
		out_text(o, "%s\n", dir);
		return;
	}
	out_text(o, "backup in %s: %" PRIu64 " entries, %" PRIu64 " blobs of %s\n", dir,
	         b->entries, b->blobs, size);
	out_text(o, "new: %" PRIu64 " entries, %" PRIu64 " blobs of %s\n", b->new_entries,
	         b->new_blobs, fresh);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const struct progress p = out_progress(a->out);
	const char *const dir = in->pos[0];
	struct backup_result done;
	int rc;

	rc = app_open(a, REGISTRY_NO_DB, e);
	if (rc == 0)
		rc = backup_run(a->registry, dir, &p, &done, e);
	out_progress_done(a->out);
	if (rc < 0)
		return err_prefix(e, "backup");
	show(a, dir, &done);
	out_note(a->out,
	         "to restore: cp -a %s DIR && slipway -R DIR audit accept-restore --reason TEXT",
	         dir);
	return 0;
}

const struct cmd cmd_backup = {
	.name = "backup",
	.args = "DIR",
	.summary = "copy the registry, or bring its copy up to date",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_WRITES_FILES,
	.run = run,
	.examples = "  slipway backup /mnt/safe/models\n",
};
