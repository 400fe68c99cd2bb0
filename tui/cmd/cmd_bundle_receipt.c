/* SPDX-License-Identifier: Apache-2.0 */
/* bundle receipt: what came of a site's bundles, signed by this registry's log, for its people. */
#include "tui/cmd/bundle.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/receipt.h"
#include "tui/cmd/audit.h"

struct sources {
	const struct policy *policy;
	const char *wanted; /* a site's name or a registry's id; NULL: the only one */
	char registry_id[REGISTRY_ID_SIZE];
	size_t n;
};

static int
look(void *arg, const struct bundle_claim *c)
{
	struct sources *const s = arg;

	if (s->wanted && !streq(s->wanted, c->site) && !streq(s->wanted, c->registry_id))
		return 0;
	s->n += !streq(s->registry_id, c->registry_id);
	(void)str_copy(s->registry_id, sizeof s->registry_id, c->registry_id);
	return 0;
}

static int
find_source(struct app *a, struct sources *s, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0)
		rc = bundle_row_each(t, BUNDLE_IMPORTED, NULL, look, s, e);
	if (rc < 0)
		return rc;
	if (s->n > 1) {
		(void)err_set(e, ERR_AMBIGUOUS, "bundles came from more than one site");
		return err_hint(e, "slipway bundle receipt SITE; slipway bundle list shows them");
	}
	if (s->n == 0 && s->wanted)
		return err_set(e, ERR_NOT_FOUND, "no bundle came from \"%s\"", s->wanted);
	return s->n == 0 ? err_set(e, ERR_NOT_FOUND, "no bundle came in yet") : 0;
}

static void
show(struct app *a, const char *path, const struct sources *s, size_t bytes)
{
	struct json_out *j;

	out_object_begin(a->out, "BundleReceiptFile");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "path", path);
		jo_string(j, "registry", s->registry_id);
		jo_u64(j, "bytes", bytes);
	}
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", path);
	else
		out_text(a->out, "%s: for registry %s\n", path, s->registry_id);
}

static int
make(struct app *a, const struct args *in, const struct ledger *l, struct err *e)
{
	const char *const to = arg_value(in, "--to");
	struct sources s = { .wanted = in->pos_n > 0 ? in->pos[0] : NULL };
	cleanup_buf struct buf checkpoint = { 0 }, text = { 0 };
	int rc = find_source(a, &s, e);

	if (rc == 0)
		rc = audit_checkpoint(a, l, arg_value(in, "--checkpoint"), &checkpoint, e);
	if (rc == 0)
		rc = receipt_make(a->registry, l, s.registry_id, buf_str(&checkpoint), &text, e);
	if (rc < 0)
		return rc;
	if (!to) {
		out_raw(a->out, text.p, text.n);
		return 0;
	}
	rc = fs_create_at(AT_FDCWD, to, text.p, text.n, 0644, e);
	if (rc == 0)
		show(a, to, &s, text.n);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct ledger l = { 0 };
	int rc = ledger_open(a->registry, &l, e);

	if (rc == 0)
		rc = make(a, in, &l, e);
	if (rc == 0)
		rc = ledger_save_pin(a->registry, &l, e);
	ledger_fini(&l);
	return rc;
}

static const struct opt opts[] = {
	{ "--to", 0, "FILE", "where it goes; stdout when not given", false },
	{ "--checkpoint", 0, "FILE", "of the log, when its key is on another machine", false },
	{ 0 },
};

const struct cmd cmd_bundle_receipt = {
	.name = "bundle",
	.sub = "receipt",
	.args = "[SITE]",
	.summary = "what came of a site's bundles here, signed, to be carried back",
	.group = "take out",
	.opts = opts,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run,
	.examples = "  slipway bundle receipt hq --to /media/usb/receipt.json\n",
};
