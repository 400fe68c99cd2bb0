/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve, plan export: another person's yes to a plan, by a key here, in an agent, or on another
 * machine. What is signed there is the very bytes that were exported: they are read back, compared
 * with the plan, and put into the envelope as they are.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "crypto/sshsig.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/gate_check.h"
#include "registry/statement.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/proposal.h"
#include "tui/cmd/shown.h"
#include "tui/cmd/sign.h"

#define KIND "approval"

struct approve {
	struct app *a;
	struct plan plan;
	struct ledger ledger;
	bool has_ledger;
	struct ledger_consent consent; /* by.person "": nobody has authorised it yet */
	const struct policy_stage *stage;
	int64_t expires_s;
};

static void
approve_fini(struct approve *v)
{
	ledger_consent_fini(&v->consent);
	if (v->has_ledger)
		ledger_fini(&v->ledger);
	plan_fini(&v->plan);
}

static int
read_lifetime(const struct args *in, struct approve *v, struct err *e)
{
	const char *const text = arg_value(in, "--expires");
	const uint64_t most_ms = v->stage->approval_hours * 3600u * 1000u;
	uint64_t ms = most_ms;

	if (text && (parse_duration_ms(text, &ms) < 0 || ms < 1000 || ms > most_ms)) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no time that an approval may last", text);
		return err_hint(e, "at most %" PRIu64 "h for %s by the policy, as in --expires 4h",
		                v->stage->approval_hours, v->stage->name);
	}
	v->expires_s = clock_now_s() + (int64_t)(ms / 1000);
	return 0;
}

/* The plan, still true, and who said yes until now. */
static int
look(struct app *a, const struct args *in, struct approve *v, struct err *e)
{
	struct err nobody = { 0 };
	struct plan_row row;
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	v->a = a;
	if (rc < 0)
		return rc;
	rc = plan_find(t, in->pos[0], &row, e);
	store_abort(t);
	if (rc == 0 && streq(row.state, PLAN_DISCARDED)) {
		err_set(e, ERR_CONFLICT, "this plan was discarded");
		rc = err_hint(e, "whoever wants it after all: slipway apply %s", in->pos[0]);
	}
	if (rc == 0)
		rc = plan_load(a->registry, &row.id, &v->plan, e);
	if (rc == 0)
		rc = ledger_open(a->registry, &v->ledger, e);
	if (rc < 0)
		return rc;
	v->has_ledger = true;
	rc = plan_still_holds(a->registry, &v->ledger, &v->plan, e);
	if (rc < 0)
		return rc;
	rc = gates_check(a->registry, &v->ledger, &v->plan, clock_now_s(), e);
	if (rc < 0)
		return rc;
	v->stage = policy_stage(&v->ledger.policy, v->plan.stage);
	rc = ledger_consent(a->registry, &v->ledger, &v->plan, &v->consent, &nobody);
	if (rc < 0 && rc != -ERR_NOT_FOUND) {
		*e = nobody;
		return rc;
	}
	return read_lifetime(in, v, e);
}

static json_t *
claim_of(const struct approve *v)
{
	json_t *const o = plan_claim(&v->plan, &v->ledger.policy);
	char when[CLOCK_TEXT_SIZE];

	clock_text(when, v->expires_s);
	json_object_set_new(o, "expires", json_string(when));
	if (v->a->reason)
		json_object_set_new(o, "reason", json_from_str(str_of(v->a->reason)));
	return o;
}

/* May this person be one of the others? */
static int
check_person(const struct approve *v, const char *person, struct err *e)
{
	if (!streq(person, v->consent.by.person))
		return 0;
	(void)err_set(e, ERR_POLICY, "\"%s\" has authorised this plan and cannot approve it too",
	              person);
	return err_hint(e, "another person of role \"approver\" must: see `slipway policy show`");
}

static const struct approval *
own_approval(const struct approve *v, const char *person)
{
	const int64_t now = clock_now_s();

	for (size_t i = 0; i < v->consent.approvals_n; i++)
		if (streq(v->consent.approvals[i].person, person) &&
		    v->consent.approvals[i].expires_s > now)
			return &v->consent.approvals[i];
	return NULL;
}

/* --- by a key that is at hand --- */

static int
sign_here(struct approve *v, struct buf *ret, char person[SIGNER_SIZE], bool *ret_already,
          struct err *e)
{
	cleanup_signer struct signer s = { 0 };
	cleanup_json json_t *claim = claim_of(v);
	int rc = signer_find(v->a, &v->ledger.policy, ROLE_BIT(ROLE_APPROVER), &s, e);

	if (rc == 0)
		rc = check_person(v, s.id, e);
	if (rc < 0)
		return rc;
	(void)str_copy(person, SIGNER_SIZE, s.id);
	*ret_already = own_approval(v, s.id) != NULL;
	if (*ret_already)
		return 0;
	return signer_sign(v->a, &s, KIND, "plan", &v->plan.id, claim, ret, e);
}

/* --- by a key elsewhere --- */

static int
read_file(const char *path, size_t max, struct buf *ret, struct err *e)
{
	int rc = fs_read_at(AT_FDCWD, path, max, ret, e);

	return rc < 0 ? err_prefix(e, "read \"%s\"", path) : 0;
}

/* `ssh-keygen -Y sign FILE` writes FILE.sig beside it. */
static int
statement_path(const struct args *in, char **ret, struct err *e)
{
	const char *const sig = arg_value(in, "--signature"), *path = arg_value(in, "--statement");

	if (!path && has_suffix(sig, ".sig"))
		*ret = xstrndup(sig, strlen(sig) - strlen(".sig"));
	else if (path)
		*ret = xstrdup(path);
	else
		return err_set(e, ERR_USAGE,
		               "which statement does \"%s\" sign? say --statement FILE", sig);
	return 0;
}

/* What was exported says of this plan what we would say, but for its own time and reason. */
static int
check_claim(const struct approve *v, struct str payload, struct err *e)
{
	cleanup_json json_t *j = NULL, *mine = claim_of(v);
	const json_t *said;
	static const char *const free_members[] = { "expires", "reason", "policy" };
	int64_t expires_s;
	const char *when;
	int rc = json_parse(payload, "statement", &j, e);

	if (rc < 0)
		return rc;
	said = json_object_get(j, "predicate");
	when = json_opt_string(said, "expires");
	if (!when || clock_parse(when, &expires_s) < 0)
		return err_set(e, ERR_MALFORMED,
		               "the statement is no approval: it does not expire");
	if (expires_s > clock_now_s() + (int64_t)v->stage->approval_hours * 3600 + 300)
		return err_set(e, ERR_POLICY,
		               "the approval would last longer than the policy "
		               "allows");
	if (expires_s <= clock_now_s())
		return err_set(e, ERR_POLICY, "the approval has expired at %s", when);
	for (size_t i = 0; i < COUNT(free_members); i++) {
		json_object_del(mine, free_members[i]);
		if (json_object_get(said, free_members[i]))
			json_object_set(mine, free_members[i],
			                json_object_get(said, free_members[i]));
	}
	if (json_equal(mine, said))
		return 0;
	(void)err_set(e, ERR_SIGNATURE, "the statement that was signed is about another plan");
	return err_hint(e, "export this one: slipway plan export PLAN --to FILE");
}

static int
take_signature(struct approve *v, const struct args *in, struct buf *ret, char person[SIGNER_SIZE],
               bool *ret_already, struct err *e)
{
	cleanup_buf struct buf armour = { 0 }, pae = { 0 };
	cleanup_free char *path = NULL;
	cleanup_free uint8_t *blob = NULL;
	const struct policy_person *who;
	struct public_key key;
	char id[KEY_ID_SIZE];
	struct str payload;
	size_t blob_n;
	int rc = statement_path(in, &path, e);

	if (rc == 0)
		rc = read_file(arg_value(in, "--signature"), SSHSIG_MAX, &armour, e);
	if (rc == 0)
		rc = read_file(path, STATEMENT_MAX, &pae, e);
	if (rc == 0)
		rc = statement_pae_payload(buf_str(&pae), &payload, e);
	if (rc == 0)
		rc = check_claim(v, payload, e);
	if (rc < 0)
		return err_prefix(e, "approve");
	if (sshsig_dearmor(armour.p, armour.n, &blob, &blob_n) < 0 ||
	    sshsig_key(blob, blob_n, &key) < 0)
		return err_set(e, ERR_MALFORMED, "\"%s\" is no SSH signature",
		               arg_value(in, "--signature"));
	rc = sshsig_verify(blob, blob_n, KIND STATEMENT_NAMESPACE, pae.p, pae.n, &key, NULL);
	if (rc != SSHSIG_OK) {
		rc = signature_refused(rc, "the signature is not good for that statement", e);
		return *e->hint ? rc
		                : err_hint(e, "ssh-keygen -Y sign -n " KIND STATEMENT_NAMESPACE
		                              " -f KEY FILE makes it");
	}
	key_id(&key, id);
	who = policy_person_of(&v->ledger.policy, &key);
	if (!who || !(policy_roles_of(&v->ledger.policy, who) & ROLE_BIT(ROLE_APPROVER)))
		return err_set(e, ERR_POLICY, "key %s is no approver's in the policy", id);
	(void)str_copy(person, SIGNER_SIZE, who->id);
	rc = check_person(v, person, e);
	if (rc < 0)
		return rc;
	*ret_already = own_approval(v, person) != NULL;
	return *ret_already ? 0 : statement_envelope(payload, id, blob, blob_n, ret, e);
}

/* --- showing --- */

static int
show(struct approve *v, const char *person, bool changed, struct err *e)
{
	struct app *const a = v->a;
	struct err missing = { 0 };
	char id[DIGEST_HEX_SIZE];
	struct json_out *j;
	int rc;

	ledger_consent_fini(&v->consent);
	ledger_fini(&v->ledger);
	v->has_ledger = false;
	rc = ledger_open(a->registry, &v->ledger, &missing);
	v->has_ledger = rc == 0;
	if (rc < 0 && !changed) {
		*e = missing;
		return rc;
	}
	/* the approval is in the log, whatever can be said of it now */
	if (rc < 0)
		(void)err_prefix(&missing, "approved, and the log cannot be read again");
	else
		rc = ledger_consent(a->registry, &v->ledger, &v->plan, &v->consent, &missing);
	if (rc == 0)
		rc = ledger_is_approved(&v->ledger, &v->consent, clock_now_s(), &missing);
	digest_hex(&v->plan.id, id);
	out_object_begin(a->out, "Approval");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "plan", id);
		jo_string(j, "person", person);
		jo_bool(j, "changed", changed);
		jo_bool(j, "enough", rc == 0);
		jo_string(j, "missing", rc == 0 ? NULL : missing.msg);
	}
	out_field(a->out, "plan", "%s", id);
	out_field(a->out, "approved", "%s \"%s\" in %s: v%" PRIu64 ", by %s%s", v->plan.kind,
	          v->plan.model, v->plan.stage, v->plan.number, person,
	          changed ? "" : " (already)");
	if (rc == 0)
		out_field(a->out, "next", "slipway apply %.16s", id);
	else
		out_field(a->out, "missing", "%s", missing.msg);
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", id);
	if (v->has_ledger)
		ledger_remember(a->registry, &v->ledger);
	return 0;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	char person[SIGNER_SIZE] = "";
	struct approve v = { 0 };
	bool already = false;
	int rc = look(a, in, &v, e);

	if (rc == 0 && arg_value(in, "--signature"))
		rc = take_signature(&v, in, &envelope, person, &already, e);
	else if (rc == 0)
		rc = sign_here(&v, &envelope, person, &already, e);
	if (rc == 0 && !already)
		rc = plan_commit_signed(a, &v.plan, KIND, buf_str(&envelope), e);
	if (rc == 0)
		rc = show(&v, person, !already, e);
	approve_fini(&v);
	return rc;
}

/* --- plan export --- */

static int
write_statement(struct app *a, const char *path, struct str pae, struct err *e)
{
	int rc;

	if (!path || streq(path, "-")) {
		out_raw(a->out, pae.p, pae.n);
		return 0;
	}
	rc = fs_create_at(AT_FDCWD, path, pae.p, pae.n, 0644, e);
	if (rc < 0)
		return err_prefix(e, "write \"%s\"", path);
	out_note(a->out, "sign it: ssh-keygen -Y sign -n " KIND STATEMENT_NAMESPACE " -f KEY %s",
	         path);
	out_note(a->out, "then here: slipway approve PLAN --signature %s.sig", path);
	return 0;
}

static int
run_export(struct app *a, const struct args *in, struct err *e)
{
	cleanup_buf struct buf payload = { 0 }, pae = { 0 };
	cleanup_json json_t *claim = NULL;
	struct approve v = { 0 };
	int rc = look(a, in, &v, e);

	if (rc == 0) {
		claim = claim_of(&v);
		rc = statement_payload(KIND, "plan", &v.plan.id, claim, &payload, e);
	}
	if (rc == 0)
		rc = statement_pae(buf_str(&payload), &pae, e);
	if (rc == 0)
		rc = write_statement(a, arg_value(in, "--to"), buf_str(&pae), e);
	approve_fini(&v);
	return rc;
}

static const struct opt approve_opts[] = {
	{ "--expires", 0, "TIME", "how long it counts, as 4h; at most what the policy says",
	  false },
	{ "--signature", 0, "FILE", "a signature that ssh-keygen made elsewhere", false },
	{ "--statement", 0, "FILE", "what it signs; else the same name without .sig", false },
	{ 0 },
};

const struct cmd cmd_approve = {
	.name = "approve",
	.args = "PLAN",
	.summary = "say yes to a plan that another person has authorised",
	.group = "deploy",
	.opts = approve_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "slipway approve 3f9a0c1d2e4b5a69\n"
	            "slipway approve 3f9a0c1d2e4b5a69 --signature plan.sig",
};

static const struct opt export_opts[] = {
	{ "--to", 0, "FILE", "where to write it; default: standard output", false },
	{ "--expires", 0, "TIME", "how long the approval shall count", false },
	{ 0 },
};

const struct cmd cmd_plan_export = {
	.name = "plan",
	.sub = "export",
	.args = "PLAN",
	.summary = "write what an approver signs on another machine",
	.group = "deploy",
	.opts = export_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES | CMD_REASON,
	.run = run_export,
	.examples = "slipway plan export 3f9a0c1d2e4b5a69 --to plan\n",
};
