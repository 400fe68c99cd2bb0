/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit checkpoint, prove and export: the log's tree signed by its own key, and files that show to
 * somebody without the registry what it says. Nothing is signed that was not read just now.
 */
#include "tui/cmd/audit.h"

#include <fcntl.h>
#include <inttypes.h>

#include "registry/base/fs.h"
#include "registry/keyring.h"
#include "registry/log_export.h"
#include "registry/proof.h"
#include "registry/ref.h"
#include "tui/cmd/sign.h"

static int
no_log_key(struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "the log's key is not among your keys on this machine");
	return err_hint(e, "`slipway audit checkpoint` where it is, and bring the file for "
	                   "--checkpoint; `slipway policy show` names it");
}

static int
sign_tree(struct app *a, const struct ledger *l, struct buf *ret, struct err *e)
{
	cleanup_key struct secret_key *key = NULL;
	struct tree_head h;
	char name[65];
	int rc;

	keyring_log_name(a->registry->id, name);
	rc = keyring_load(name, NULL, &key, e);
	if (rc == -ERR_NOT_FOUND)
		return no_log_key(e);
	if (rc < 0)
		return rc;
	if (!policy_has_role(&l->policy, &key->pub, ROLE_LOG)) {
		(void)err_set(e, ERR_POLICY,
		              "policy %" PRIu64 " does not give role \"log\" to the key \"%s\"",
		              l->policy.version, name);
		return err_hint(e, "see `slipway policy show` and `slipway policy add`");
	}
	proof_head(l, &h);
	return tree_head_sign(a->registry->id, &h, key, ret, e);
}

int
audit_checkpoint(struct app *a, const struct ledger *l, const char *path, struct buf *ret,
                 struct err *e)
{
	return path ? fs_read_at(AT_FDCWD, path, TREE_HEAD_MAX, ret, e) : sign_tree(a, l, ret, e);
}

/* --- where it goes --- */

static void
show_file(struct app *a, const char *kind, const char *path, const struct tree_head *h)
{
	struct json_out *j;

	out_object_begin(a->out, kind);
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "path", path);
		jo_u64(j, "size", h->size);
		jo_digest(j, "root", &h->root);
		jo_u64(j, "policy", h->policy_seq);
	}
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", path);
	else
		out_text(a->out, "%s: %" PRIu64 " entries\n", path, h->size);
}

/* Never over a file that is there. path NULL: stdout, the bytes as they are. */
static int
deliver(struct app *a, const char *kind, const struct buf *text, const char *path,
        const struct tree_head *h, struct err *e)
{
	int rc = 0;

	if (!path) {
		out_raw(a->out, text->p, text->n);
		return 0;
	}
	rc = fs_create_at(AT_FDCWD, path, text->p, text->n, 0644, e);
	if (rc == 0)
		show_file(a, kind, path, h);
	return rc;
}

static int
run_checkpoint(struct app *a, const struct args *in, struct err *e)
{
	cleanup_buf struct buf note = { 0 };
	struct ledger l = { 0 };
	struct tree_head h;
	int rc = ledger_open(a->registry, &l, e);

	if (rc < 0)
		return rc;
	rc = audit_checkpoint(a, &l, NULL, &note, e);
	if (rc == 0)
		rc = tree_head_verify(buf_str(&note), &l.policy, a->registry->id, &h, e);
	if (rc == 0)
		rc = deliver(a, "Checkpoint", &note, arg_value(in, "--to"), &h, e);
	if (rc == 0)
		rc = ledger_save_pin(a->registry, &l, e);
	ledger_fini(&l);
	return rc;
}

/* --- prove --- */

static int
prove_promotion(struct app *a, const struct ledger *l, const char *ref, const char *stage,
                struct str checkpoint, struct buf *ret, struct err *e)
{
	struct version_row v;
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = ref_find(t, ref, &v, e);
	store_abort(t);
	if (rc < 0)
		return rc;
	rc = proof_promotion(a->registry, l, v.model, &v.digest, stage, checkpoint, ret, e);
	return rc < 0 ? err_prefix(e, "prove %s@v%" PRIu64, v.model, v.number) : 0;
}

static int
prove_growth(struct app *a, const struct ledger *l, const char *path, struct str checkpoint,
             struct buf *ret, struct err *e)
{
	cleanup_buf struct buf old = { 0 };
	int rc = fs_read_at(AT_FDCWD, path, TREE_HEAD_MAX, &old, e);

	return rc < 0 ? rc : proof_consistency(a->registry, l, buf_str(&old), checkpoint, ret, e);
}

static int
prove(struct app *a, const struct args *in, const struct ledger *l, struct err *e)
{
	const char *const since = arg_value(in, "--since");
	cleanup_buf struct buf note = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct tree_head h;
	int rc = audit_checkpoint(a, l, arg_value(in, "--checkpoint"), &note, e);

	if (rc == 0)
		rc = tree_head_peek(buf_str(&note), a->registry->id, &h, e);
	if (rc < 0)
		return rc;
	rc = since ? prove_growth(a, l, since, buf_str(&note), &text, e)
	           : prove_promotion(a, l, in->pos[0], arg_value(in, "--stage"), buf_str(&note),
	                             &text, e);
	return rc < 0 ? rc : deliver(a, "Proof", &text, arg_value(in, "--to"), &h, e);
}

static int
run_prove(struct app *a, const struct args *in, struct err *e)
{
	const bool has_since = arg_value(in, "--since") != NULL;
	struct ledger l = { 0 };
	int rc;

	if (has_since == (in->pos_n > 0) || has_since == (arg_value(in, "--stage") != NULL)) {
		(void)err_set(e, ERR_USAGE,
		              "audit prove: say what: a version and a stage, or an "
		              "older checkpoint");
		return err_hint(e, "slipway audit prove REF --stage S | --since FILE");
	}
	rc = ledger_open(a->registry, &l, e);
	if (rc < 0)
		return rc;
	rc = prove(a, in, &l, e);
	if (rc == 0)
		rc = ledger_save_pin(a->registry, &l, e);
	ledger_fini(&l);
	return rc;
}

/* --- export --- */

static int
export_lines(struct app *a, const struct args *in, const struct ledger *l, uint64_t since,
             struct err *e)
{
	cleanup_buf struct buf note = { 0 };
	struct tree_head h;
	int rc = audit_checkpoint(a, l, arg_value(in, "--checkpoint"), &note, e);

	if (rc == 0)
		rc = tree_head_peek(buf_str(&note), a->registry->id, &h, e);
	if (rc == 0)
		rc = log_export(a->registry, l, since, buf_str(&note), in->pos[0], e);
	if (rc == 0)
		show_file(a, "LogExport", in->pos[0], &h);
	return rc;
}

static int
run_export(struct app *a, const struct args *in, struct err *e)
{
	const char *const text = arg_value(in, "--since");
	struct ledger l = { 0 };
	uint64_t since = 0;
	int rc;

	if (text && parse_u64(text, INT64_MAX, &since) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no place in the log", text);
	rc = ledger_open(a->registry, &l, e);
	if (rc < 0)
		return rc;
	rc = export_lines(a, in, &l, since, e);
	if (rc == 0)
		rc = ledger_save_pin(a->registry, &l, e);
	ledger_fini(&l);
	return rc;
}

static const struct opt checkpoint_opts[] = {
	{ "--to", 0, "FILE", "write a new file; default: stdout", false },
	{ NULL, 0, NULL, NULL, false },
};
static const struct opt prove_opts[] = {
	{ "--stage", 0, "S", "that the version was brought into this stage", false },
	{ "--since", 0, "FILE", "that the log only grew since this checkpoint", false },
	{ "--checkpoint", 0, "FILE", "use one that the log key's holder made", false },
	{ "--to", 0, "FILE", "write a new file; default: stdout", false },
	{ NULL, 0, NULL, NULL, false },
};
static const struct opt export_opts[] = {
	{ "--since", 0, "SEQ", "from this place in the log on", false },
	{ "--checkpoint", 0, "FILE", "use one that the log key's holder made", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_audit_checkpoint = {
	.name = "audit",
	.sub = "checkpoint",
	.args = "",
	.summary = "sign the log's tree with the log's key",
	.group = "look",
	.opts = checkpoint_opts,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run_checkpoint,
	.examples = "  slipway audit checkpoint > friday.checkpoint\n",
};
const struct cmd cmd_audit_prove = {
	.name = "audit",
	.sub = "prove",
	.args = "[REF]",
	.summary = "one file that proves a promotion elsewhere",
	.group = "look",
	.opts = prove_opts,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run_prove,
	.examples = "  slipway audit prove fraud-ranker@v41 --stage production > v41.proof\n"
	            "  slipway audit prove --since friday.checkpoint --to week.proof\n",
};
const struct cmd cmd_audit_export = {
	.name = "audit",
	.sub = "export",
	.args = "DIR",
	.summary = "the log's lines as files that can be checked",
	.group = "look",
	.opts = export_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run_export,
	.examples = "  slipway audit export /media/usb/log-2026\n",
};
