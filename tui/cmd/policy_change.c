/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way for every change of the policy. A key is found before somebody is asked and used after:
 * who may not is told at once. The envelope counts when the new policy and the old one both say so,
 * which may take two keys of one person, or several people.
 */
#include "tui/cmd/policy_change.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/change.h"
#include "registry/policy_draft.h"
#include "registry/policy_edit.h"
#include "registry/policy_words.h"
#include "registry/statement.h"
#include "tui/cmd/cmd.h"

#define KIND "policy"

int
policy_change_begin(struct policy_change *c, struct err *e)
{
	int rc = ledger_open(c->app->registry, &c->ledger, e);

	if (rc < 0)
		return rc;
	c->doc = policy_edit_begin(&c->ledger.policy);
	return 0;
}

void
policy_change_end(struct policy_change *c)
{
	for (size_t i = 0; i < c->by_n; i++)
		signer_fini(&c->by[i]);
	json_decref(c->doc);
	policy_fini(&c->next);
	buf_fini(&c->envelope);
	buf_fini(&c->missing);
	free(c->draft);
	ledger_fini(&c->ledger);
}

int
policy_change_self(struct policy_change *c, char ret[SIGNER_SIZE], struct err *e)
{
	cleanup_signer struct signer s = { 0 };
	int rc = signer_find(c->app, &c->ledger.policy, ROLE_BIT(ROLE_ROOT), &s, e);

	if (rc == 0)
		(void)str_copy(ret, SIGNER_SIZE, s.id);
	return rc;
}

int
policy_change_roles(const struct args *in, unsigned *ret, struct err *e)
{
	enum policy_role role;

	*ret = 0;
	args_foreach(name, in, "--role") {
		if (policy_role_parse(name, &role) < 0) {
			(void)err_set(e, ERR_USAGE, "there is no role \"%s\"", name);
			return err_hint(e, "root, author, approver, deployer, "
			                   "scanner, agent or log");
		}
		*ret |= ROLE_BIT(role);
	}
	return 0;
}

/* --- the next policy --- */

int
policy_change_draft(struct policy_change *c, const char *path, struct str envelope, struct err *e)
{
	const struct policy *const now = &c->ledger.policy;
	int rc = policy_draft_read(envelope, &c->next, e);

	if (rc < 0)
		return err_prefix(e, "\"%s\"", path);
	c->draft_path = path;
	buf_add(&c->envelope, envelope.p, envelope.n);
	if (digest_eq(&c->next.digest, &now->digest)) {
		c->is_so = true;
		return 0;
	}
	if (!streq(c->next.registry_id, c->app->registry->id))
		return err_set(e, ERR_UNTRUSTED, "\"%s\" is a policy of another registry, %s", path,
		               c->next.registry_id);
	if (c->next.version == now->version + 1 && digest_eq(&c->next.previous, &now->digest))
		return 0;
	(void)err_set(e, ERR_CONFLICT,
	              "\"%s\" is policy %" PRIu64 ", made behind another one than policy %" PRIu64
	              " that is in force",
	              path, c->next.version, now->version);
	return err_hint(e, "make the change again and let it be signed again");
}

static int
make_next(struct policy_change *c, struct err *e)
{
	int rc;

	if (c->draft_path)
		return 0;
	rc = policy_edit_end(c->doc, &c->ledger.policy, clock_now_s(), &c->next, e);
	if (rc < 0)
		return err_hint(e, "see `slipway policy show`; nothing was changed");
	c->is_so = rc == 1;
	return 0;
}

/* --- who signs --- */

static bool
is_root(const struct policy *p, const struct signer *s)
{
	return policy_has_role(p, &s->item.pub, ROLE_ROOT);
}

/* This person's key that p counts, unless one of those found already is. */
static int
find_signer(struct policy_change *c, const struct policy *p, struct err *e)
{
	int rc;

	for (size_t k = 0; k < c->by_n; k++)
		if (is_root(p, &c->by[k]))
			return 0;
	rc = signer_find(c->app, p, ROLE_BIT(ROLE_ROOT), &c->by[c->by_n], e);
	c->by_n += rc == 0;
	return rc;
}

/* One key that the new policy counts (the caller may have brought it), and one of the old policy's
 * when that is another. Only root changes something; but a draft may be signed by who is root of
 * one of the two. */
static int
find_signers(struct policy_change *c, struct err *e)
{
	struct err not_new = { 0 };
	int rc = find_signer(c, &c->next, &not_new);

	if (rc < 0 && rc != -ERR_POLICY) {
		*e = not_new;
		return rc;
	}
	rc = find_signer(c, &c->ledger.policy, e);
	if (rc != -ERR_POLICY || !c->draft_path || c->by_n == 0)
		return rc;
	err_clear(e);
	return 0;
}

static bool
has_signed(const struct policy_change *c, const struct signer *s)
{
	struct statement claim = { 0 };
	struct err ignored = { 0 };
	int rc;

	if (c->envelope.n == 0)
		return false;
	rc = statement_verify(buf_str(&c->envelope), KIND, &s->item.pub, 1, &claim, &ignored);
	if (rc == 0)
		statement_fini(&claim);
	return rc == 0;
}

static int
sign_by(struct policy_change *c, struct signer *s, struct err *e)
{
	cleanup_buf struct buf payload = { 0 }, sig = { 0 }, had = c->envelope;
	int rc;

	c->envelope = (struct buf){ 0 };
	rc = statement_payload(KIND, KIND, &c->next.digest, c->next.doc, &payload, e);
	if (rc == 0)
		rc = signer_signature(c->app, s, KIND, buf_str(&payload), &sig, e);
	if (rc < 0)
		return rc;
	if (had.n == 0)
		return statement_envelope(buf_str(&payload), s->item.id, sig.p, sig.n, &c->envelope,
		                          e);
	return statement_add_signature(buf_str(&had), s->item.id, sig.p, sig.n, &c->envelope, e);
}

/* Whom the change still waits for, by the new policy and by the old one. */
static void
find_missing(struct policy_change *c)
{
	cleanup_buf struct buf old = { 0 };
	const struct str text = buf_str(&c->envelope);

	policy_draft_missing(&c->next, text, &c->missing);
	policy_draft_missing(&c->ledger.policy, text, &old);
	if (old.n > 0 && !streq(buf_cstr(&old), buf_cstr(&c->missing)))
		buf_addf(&c->missing, "%s%s", c->missing.n > 0 ? ", and " : "", buf_cstr(&old));
}

static int
sign(struct policy_change *c, struct err *e)
{
	bool is_new = false;
	int rc = 0;

	for (size_t i = 0; i < c->by_n && rc == 0; i++) {
		if (has_signed(c, &c->by[i]))
			continue;
		rc = sign_by(c, &c->by[i], e);
		is_new = true;
	}
	if (rc < 0)
		return rc;
	c->changed = is_new;
	find_missing(c);
	return 0;
}

/* --- showing --- */

struct diff {
	struct out *o;
	struct json_out *j; /* NULL: text */
	char sign;
};

static void
diff_line(void *arg, const char *title, const char *text)
{
	const struct diff *const d = arg;
	cleanup_free char *whole = xasprintf("%s: %s", title, text);

	if (d->j)
		jo_string(d->j, NULL, whole);
	else
		out_text(d->o, "%c %s\n", d->sign, whole);
}

static bool
is_for_people(const struct out *o)
{
	return out_format_of(o) == OUT_TEXT || out_format_of(o) == OUT_WIDE;
}

static void
show_diff(const struct policy_change *c)
{
	const struct policy *const now = &c->ledger.policy;
	struct diff d = { .o = c->app->out };

	if (!is_for_people(c->app->out))
		return;
	out_text(d.o, "policy %" PRIu64 " -> %" PRIu64 "\n", now->version, c->next.version);
	d.sign = '-';
	policy_lines_beyond(&c->next, now, diff_line, &d);
	d.sign = '+';
	policy_lines_beyond(now, &c->next, diff_line, &d);
}

static void
diff_members(const struct policy_change *c, struct json_out *j)
{
	const struct policy *const now = &c->ledger.policy;
	struct diff d = { .o = c->app->out, .j = j };

	jo_begin(j, "removed", '[');
	if (!c->is_so)
		policy_lines_beyond(&c->next, now, diff_line, &d);
	jo_end(j, ']');
	jo_begin(j, "added", '[');
	if (!c->is_so)
		policy_lines_beyond(now, &c->next, diff_line, &d);
	jo_end(j, ']');
}

static void
show_end_text(struct policy_change *c, uint64_t version)
{
	struct out *const o = c->app->out;

	if (c->is_so)
		out_text(o, "policy %" PRIu64 " is so already\n", version);
	else if (c->app->dry_run)
		out_text(o, "policy %" PRIu64 " would be signed\n", version);
	else if (c->draft && c->missing.n > 0)
		out_text(o, "policy %" PRIu64 " waits in %s for %s\n", version, c->draft,
		         buf_cstr(&c->missing));
	else if (c->draft)
		out_text(o, "policy %" PRIu64 " is signed, in %s\n", version, c->draft);
	else
		out_text(o, "policy %" PRIu64 " is in force\n", version);
}

static void
show_end(struct policy_change *c)
{
	const struct policy *const shown = c->is_so ? &c->ledger.policy : &c->next;
	struct out *const o = c->app->out;
	struct json_out *j;

	if (out_format_of(o) == OUT_NAME) {
		if (c->draft)
			out_text(o, "%s\n", c->draft);
		else
			out_text(o, "%" PRIu64 "\n", shown->version);
		return;
	}
	out_object_begin(o, "PolicyChange");
	j = out_object_json(o);
	if (j) {
		jo_u64(j, "version", shown->version);
		jo_digest(j, "digest", &shown->digest);
		diff_members(c, j);
		jo_bool(j, "changed", c->changed);
		jo_bool(j, "dryRun", c->app->dry_run);
		jo_string(j, "draft", c->draft);
		jo_string(j, "missing", c->missing.n > 0 ? buf_cstr(&c->missing) : NULL);
	}
	out_object_end(o);
	show_end_text(c, shown->version);
}

/* --- the log, or a file --- */

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct policy_change *const c = arg;
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (!a.has_policy || a.policy_seq != c->ledger.policy.seq) {
		(void)err_set(e, ERR_CONFLICT, "somebody changed the policy while you decided");
		return err_hint(e, "look at it with `slipway policy show`, then say it again");
	}
	*ret_body = json_pack("{s:o, s:I}", "digest", json_from_digest(&c->next.digest), "version",
	                      (json_int_t)c->next.version);
	return 0;
}

/* Reads it back as every later verb will, and remembers it. */
static int
pin(struct policy_change *c, struct err *e)
{
	struct ledger after;
	int rc = ledger_open(c->app->registry, &after, e);

	if (rc < 0)
		return rc;
	rc = ledger_save_pin(c->app->registry, &after, e);
	ledger_fini(&after);
	return rc;
}

static int
commit(struct policy_change *c, struct err *e)
{
	const struct change change = { .type = KIND,
		                       .check = check,
		                       .arg = c,
		                       .reason = c->app->reason,
		                       .statement = buf_str(&c->envelope) };
	struct change_result done;
	struct policy accepted = { 0 };
	int rc = policy_accept(&c->ledger.policy, buf_str(&c->envelope), c->app->registry->id,
	                       &accepted, e);

	policy_fini(&accepted);
	if (rc == 0)
		rc = change_commit(c->app->registry, &change, &done, e);
	if (rc < 0)
		return rc;
	c->is_committed = true;
	c->changed = done.changed;
	return pin(c, e);
}

static int
write_draft(struct policy_change *c, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc;

	if (c->to)
		c->draft = xstrdup(c->to);
	else if (c->draft_path)
		c->draft = xstrdup(c->draft_path);
	else
		c->draft = xasprintf("policy-%" PRIu64 ".json", c->next.version);
	buf_add(&text, c->envelope.p, c->envelope.n);
	buf_addc(&text, '\n');
	if (c->draft_path && !c->to)
		rc = fs_write_at(AT_FDCWD, c->draft, text.p, text.n, 0644, e);
	else
		rc = fs_create_at(AT_FDCWD, c->draft, text.p, text.n, 0644, e);
	if (rc == -ERR_EXISTS)
		(void)err_hint(e, "move it away, or name another file with --to");
	return rc < 0 ? err_prefix(e, "write \"%s\"", c->draft) : 0;
}

static int
waits(struct policy_change *c, struct err *e)
{
	(void)err_set(e, ERR_NEEDS_PERSON, "policy %" PRIu64 " needs the signature of %.300s",
	              c->next.version, buf_cstr(&c->missing));
	return err_hint(e, "give them the file: slipway policy sign %.150s", c->draft);
}

static int
act(struct policy_change *c, struct err *e)
{
	cleanup_free char *what =
	        xasprintf("sign policy %" PRIu64 " of this registry", c->next.version);
	int rc = find_signers(c, e);

	if (rc == 0)
		show_diff(c);
	if (rc == 0 && !c->app->dry_run)
		rc = app_confirm(c->app, what, NULL, c->line, e);
	if (rc < 0 || c->app->dry_run)
		return rc;
	rc = sign(c, e);
	if (rc < 0)
		return rc;
	return c->to || c->missing.n > 0 ? write_draft(c, e) : commit(c, e);
}

int
policy_change_run(struct policy_change *c, struct err *e)
{
	int rc = make_next(c, e);

	if (rc == 0 && !c->is_so)
		rc = act(c, e);
	if (rc < 0)
		return rc;
	show_end(c);
	return c->missing.n > 0 && !c->to ? waits(c, e) : 0;
}

static void
add_word(struct buf *line, const char *word)
{
	if (*word && !word[strcspn(word, " ;'\"<>|&$()*?")]) {
		buf_addf(line, " %s", word);
		return;
	}
	buf_adds(line, " '");
	for (const char *c = word; *c; c++)
		if (*c == '\'')
			buf_adds(line, "'\"'\"'"); /* a backslash would be escaped when shown */
		else
			buf_addc(line, *c);
	buf_addc(line, '\'');
}

/* The command as it was typed, for a hint: what a shell would split stands in quotes, and what
 * looks like a flag behind "--". */
static char *
line_of(const struct args *in)
{
	struct buf line = { 0 }, words = { 0 };
	bool has_dash = false;

	for (size_t i = 0; i < in->pos_n; i++) {
		add_word(&words, in->pos[i]);
		has_dash = has_dash || in->pos[i][0] == '-';
	}
	buf_addf(&line, "slipway %s %s%s", in->cmd->name, in->cmd->sub,
	         has_dash ? "" : buf_cstr(&words));
	for (size_t i = 0; i < in->opts_n; i++) {
		buf_addf(&line, " %s", in->opts[i].opt->name);
		if (in->opts[i].opt->arg)
			add_word(&line, in->opts[i].value);
	}
	buf_addf(&line, " --yes%s%s", has_dash ? " --" : "", has_dash ? buf_cstr(&words) : "");
	buf_fini(&words);
	return buf_steal(&line);
}

int
policy_change(struct app *a, const struct args *in, policy_edit_fn *edit, struct err *e)
{
	cleanup_free char *line = line_of(in);
	struct policy_change c = { .app = a, .line = line, .to = arg_value(in, "--to") };
	int rc = policy_change_begin(&c, e);

	if (rc == 0)
		rc = edit(&c, in, e);
	if (rc == 0)
		rc = policy_change_run(&c, e);
	policy_change_end(&c);
	return rc;
}
