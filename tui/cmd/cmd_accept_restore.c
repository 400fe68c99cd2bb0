/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit accept-restore: a backup was put back on purpose. What this person had seen and what the
 * folder has now is said before anything is asked; a root signs it into the log, and others who see
 * that entry move their own pins by the same command without a signature.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/message.h"
#include "registry/change.h"
#include "registry/restore.h"
#include "tui/cmd/sign.h"

struct accept {
	struct app *app;
	struct restore_look look;
	struct ledger ledger;
	bool is_settled; /* a root has said so already: only the pin is moved */
};

/* What lies behind a place to which a root has put the log back is another log, as it must be. */
static bool
is_suspicious(const struct accept *n)
{
	return n->look.is_forked && !(n->is_settled && n->look.fork_at > n->ledger.restore.size);
}

static void
say(const struct accept *n)
{
	const struct restore_look *const l = &n->look;
	char now[DIGEST_HEX_SIZE], then[DIGEST_HEX_SIZE];
	const json_t *name;
	size_t i;

	digest_hex(&l->root, now);
	digest_hex(&l->pinned_root, then);
	if (l->has_pin)
		out_note(n->app->out, "you have seen: %" PRIu64 " entries, root %s", l->pinned_size,
		         then);
	out_note(n->app->out, "the folder has: %" PRIu64 " entries, root %s", l->size, now);
	if (n->is_settled)
		out_note(n->app->out,
		         "a root has accepted that it was put back to %" PRIu64 " entries",
		         n->ledger.restore.size);
	if (is_suspicious(n))
		out_note(n->app->out,
		         "THE LOG IS NOT THE ONE THAT YOU HAVE SEEN: its entries differ from what "
		         "you verified. A backup put back and used since looks so, and so does a "
		         "rewritten history");
	if (l->lost > 0)
		out_note(n->app->out, "%" PRIu64 " entries are lost", l->lost);
	json_array_foreach(l->gone, i, name)
	        out_note(n->app->out, "lost: what was last said of %s", json_string_value(name));
}

static int
confirm(const struct accept *n, struct err *e)
{
	struct registry *const r = n->app->registry;
	cleanup_free char *line = NULL;

	if (!is_suspicious(n))
		return app_confirm(n->app, "the log as it is now will be the one that counts", NULL,
		                   "slipway audit accept-restore --reason TEXT --yes", e);
	line = xasprintf("slipway audit accept-restore --reason TEXT --yes --confirm %s", r->id);
	return app_confirm(n->app,
	                   "ANOTHER history will be the one that counts; compare the root with the "
	                   "other members first",
	                   r->id, line, e);
}

/* The log is taken from its first entry on, as if there were no pin. */
static int
read_log(struct accept *n, struct err *e)
{
	struct registry *const r = n->app->registry;
	struct pin seen = r->pin;
	int rc;

	r->pin.exists = false;
	rc = ledger_open(r, &n->ledger, e);
	r->pin = seen;
	n->is_settled = rc == 0 && !r->is_copy && n->ledger.has_restore &&
	                n->ledger.restore.size < n->look.pinned_size;
	return rc;
}

static int
sign(const struct accept *n, struct err *e)
{
	cleanup_signer struct signer s = { 0 };
	cleanup_json json_t *predicate = NULL;
	cleanup_buf struct buf envelope = { 0 };
	struct registry *const r = n->app->registry;
	int rc = signer_find(n->app, &n->ledger.policy, ROLE_BIT(ROLE_ROOT), &s, e);

	if (rc == 0)
		rc = restore_predicate(r, &n->look, n->app->reason, &predicate, e);
	if (rc == 0)
		rc = signer_sign(n->app, &s, "restore", "log", &n->look.root, predicate, &envelope,
		                 e);
	if (rc == 0)
		rc = change_rebuild(r, NULL, e); /* it may know more than the log has now */
	if (rc == 0)
		rc = registry_open_db(r, e);
	if (rc == 0)
		rc = restore_commit(r, &n->look, &n->ledger, buf_str(&envelope), n->app->reason, e);
	return rc;
}

/* With the entry that was just made. */
static int
move_pin(struct accept *n, struct err *e)
{
	int rc;

	ledger_fini(&n->ledger);
	rc = read_log(n, e);
	return rc < 0 ? rc : pin_save(n->app->registry->dir, &n->ledger.next_pin, e);
}

static bool
is_as_seen(const struct accept *n)
{
	return !n->app->registry->is_copy && n->look.has_pin && !n->look.is_forked &&
	       n->look.lost == 0;
}

static void
show(const struct accept *n, bool changed)
{
	struct out *const o = n->app->out;
	struct json_out *j;

	out_object_begin(o, "Restore");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "registry", n->app->registry->id);
		jo_u64(j, "entries", n->look.size);
		jo_digest(j, "root", &n->look.root);
		if (n->look.has_pin)
			jo_u64(j, "seenEntries", n->look.pinned_size);
		else
			jo_null(j, "seenEntries");
		jo_u64(j, "lostEntries", n->look.lost);
		jo_bool(j, "forked", n->look.is_forked);
		jo_bool(j, "signed", changed && !n->is_settled);
		jo_bool(j, "changed", changed);
	}
	out_object_end(o);
	if (out_format_of(o) != OUT_TEXT && out_format_of(o) != OUT_WIDE)
		return;
	if (!changed)
		out_text(o, "the log goes on from what you have seen: nothing to accept\n");
	else if (n->is_settled)
		out_text(o,
		         "a root has accepted it: what you have seen is now %" PRIu64 " entries\n",
		         n->ledger.size);
	else
		out_text(o, "accepted: the log goes on at entry %" PRIu64 "\n", n->ledger.size);
}

static int
accept_it(struct accept *n, struct err *e)
{
	struct registry *const r = n->app->registry;
	int rc = restore_look(r, &n->look, e);

	if (rc < 0)
		return rc;
	if (is_as_seen(n)) {
		show(n, false);
		return 0;
	}
	rc = read_log(n, e);
	if (rc < 0)
		return rc;
	say(n);
	const bool is_settled = n->is_settled;
	rc = confirm(n, e);
	if (rc == 0)
		rc = is_settled ? registry_drop_private(r, e) : sign(n, e);
	if (rc == 0)
		rc = move_pin(n, e);
	n->is_settled = is_settled;
	if (rc == 0)
		show(n, true);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct accept n = { .app = a };
	int rc;

	(void)in;
	if (!a->reason) {
		(void)err_set(e, ERR_USAGE, "audit accept-restore: why was it put back?");
		return err_hint(e, "slipway audit accept-restore --reason TEXT");
	}
	rc = app_open(a, REGISTRY_NO_DB | REGISTRY_COPY | REGISTRY_ANY_PIN, e);
	if (rc == 0)
		rc = accept_it(&n, e);
	restore_look_fini(&n.look);
	ledger_fini(&n.ledger);
	return rc;
}

const struct cmd cmd_audit_accept_restore = {
	.name = "audit",
	.sub = "accept-restore",
	.args = "--reason TEXT",
	.summary = "say that a backup was put back on purpose",
	.group = "look",
	.flags = CMD_CHANGES | CMD_CONFIRMS | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway audit accept-restore --reason 'disk of 12 May failed'\n",
};
