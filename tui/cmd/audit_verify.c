/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit verify FILE: a proof or an export from elsewhere, checked with nothing but the fingerprint
 * of its registry's first policy. Opens no registry, reads no key of this person.
 */
#include "tui/cmd/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/log_export.h"
#include "registry/proof.h"
#include "tui/cmd/fingerprint.h"

static int
parse_root(const char *text, struct digest *ret, struct err *e)
{
	if (!text) {
		(void)err_set(e, ERR_USAGE, "audit verify: whose log may it be?");
		return err_hint(e, "--root FINGERPRINT of its first policy, as `slipway init` "
		                   "printed it there; not from the file or whoever sent it");
	}
	return fingerprint_parse(text, ret, e);
}

static void
json_signer(struct json_out *j, const char *key, const struct proof_signer *s)
{
	jo_begin(j, key, '{');
	jo_string(j, "person", s->person);
	jo_string(j, "key", s->key_id);
	jo_u64(j, "sequence", s->seq);
	jo_end(j, '}');
}

static void
json_head(struct json_out *j, const char *key, const struct tree_head *h)
{
	jo_begin(j, key, '{');
	jo_u64(j, "size", h->size);
	jo_digest(j, "root", &h->root);
	jo_string(j, "key", h->key_id);
	jo_end(j, '}');
}

static void
show_json(struct json_out *j, const struct proof_result *p)
{
	static const char *const names[] = { [PROOF_PROMOTION] = "promotion",
		                             [PROOF_CONSISTENCY] = "consistency",
		                             [PROOF_EXPORT] = "export" };

	jo_string(j, "proof", names[p->kind]);
	jo_string(j, "registry", p->registry_id);
	jo_u64(j, "policyVersion", p->policy_version);
	jo_digest(j, "policyDigest", &p->policy_digest);
	json_head(j, "checkpoint", &p->head);
	if (p->kind == PROOF_CONSISTENCY)
		json_head(j, "oldCheckpoint", &p->old);
	if (p->kind != PROOF_PROMOTION)
		return;
	jo_string(j, "model", p->model);
	jo_u64(j, "version", p->number);
	jo_digest(j, "digest", &p->version);
	jo_string(j, "stage", p->stage);
	jo_bool(j, "rollback", p->is_rollback);
	jo_u64(j, "sequence", p->promotion_seq);
	jo_digest(j, "leaf", &p->promotion_leaf);
	jo_time(j, "time", p->time_s);
	json_signer(j, "author", &p->author);
	json_signer(j, "authorisedBy", &p->deployer);
	jo_begin(j, "approvedBy", '[');
	for (size_t i = 0; i < p->approvers_n; i++)
		json_signer(j, NULL, &p->approvers[i]);
	jo_end(j, ']');
	json_signer(j, "recordedBy", &p->agent);
	jo_bool(j, "breakGlass", p->is_break_glass);
}

static void
field_signer(struct out *o, const char *title, const struct proof_signer *s)
{
	out_field(o, title, "%s %s, entry %" PRIu64, s->person, s->key_id, s->seq);
}

static void
show_promotion(struct out *o, const struct proof_result *p)
{
	char hex[DIGEST_HEX_SIZE], when[CLOCK_TEXT_SIZE];

	clock_text(when, p->time_s);
	digest_hex(&p->version, hex);
	out_field(o, "proved", "%s@v%" PRIu64 " was %s %s", p->model, p->number,
	          p->is_rollback ? "put back into" : "promoted to", p->stage);
	if (p->is_break_glass)
		out_field(o, "BREAK-GLASS", "%s went around the rule of two", p->deployer.person);
	out_field(o, "version", "sha256:%s", hex);
	out_field(o, "entry", "%" PRIu64 ", by its writer's clock %s", p->promotion_seq, when);
	field_signer(o, "brought in by", &p->author);
	field_signer(o, "authorised by", &p->deployer);
	for (size_t i = 0; i < p->approvers_n; i++)
		field_signer(o, "approved by", &p->approvers[i]);
	field_signer(o, "recorded by", &p->agent);
}

static void
show_text(struct out *o, const struct proof_result *p)
{
	char hex[DIGEST_HEX_SIZE];

	if (p->kind == PROOF_PROMOTION)
		show_promotion(o, p);
	if (p->kind == PROOF_CONSISTENCY)
		out_field(o, "proved",
		          "the log at %" PRIu64 " entries is the beginning of that at %" PRIu64,
		          p->old.size, p->head.size);
	out_field(o, "registry", "%s", p->registry_id);
	digest_hex(&p->policy_digest, hex);
	out_field(o, "policy", "%" PRIu64 " %s", p->policy_version, hex);
	digest_hex(&p->head.root, hex);
	out_field(o, "checkpoint", "%" PRIu64 " entries, root %s", p->head.size, hex);
	out_field(o, "log key", "%s", p->head.key_id);
	out_field(o, "files", "not checked");
	out_field(o, "witness", "not checked");
}

static int
verify_proof(struct app *a, const char *path, const struct digest *root, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct proof_result p;
	int rc = fs_read_at(AT_FDCWD, path, PROOF_MAX, &text, e);

	if (rc == 0)
		rc = proof_check(buf_str(&text), root, &p, e);
	if (rc < 0)
		return err_prefix(e, "verify \"%s\"", path);
	out_object_begin(a->out, "ProofVerification");
	if (out_object_json(a->out))
		show_json(out_object_json(a->out), &p);
	else
		show_text(a->out, &p);
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", path);
	proof_result_fini(&p);
	return 0;
}

/* --- folders --- */

struct seen {
	struct out *out;
	struct err first;
};

static const struct out_column problem_columns[] = {
	{ "WHAT", "what", OUT_LEFT, false, true },
	{ "CODE", "code", OUT_LEFT, false, false },
	{ "DOES NOT COUNT", "message", OUT_LEFT, false, false },
	{ "NEXT", "hint", OUT_LEFT, true, false },
};

static void
problem(void *arg, const char *what, const struct err *why)
{
	struct seen *const s = arg;

	if (s->first.code == ERR_OK)
		s->first = *why;
	out_cell(s->out, what);
	out_cell(s->out, err_name(why->code));
	out_cell(s->out, why->msg);
	out_cell(s->out, why->hint[0] ? why->hint : NULL);
}

static void
show_export(struct out *o, const struct log_export_result *x)
{
	struct json_out *const j = out_object_json(o);

	if (j) {
		show_json(j, &x->proof);
		jo_u64(j, "since", x->since);
		jo_u64(j, "statements", x->statements);
		jo_u64(j, "problemCount", x->problems);
		return;
	}
	show_text(o, &x->proof);
	out_field(o, "entries", "%" PRIu64 " to %" PRIu64, x->since, x->proof.head.size - 1);
	out_field(o, "statements", "%" PRIu64 " good", x->statements);
	out_field(o, "does not count", "%" PRIu64, x->problems);
}

static int
verify_export(struct app *a, const char *path, const struct digest *root, struct err *e)
{
	struct seen s = { .out = a->out };
	struct log_export_result x;
	int rc;

	out_object_begin(a->out, "ExportVerification");
	out_table_begin(a->out, "problems", problem_columns, COUNT(problem_columns));
	rc = log_export_check(path, root, problem, &s, &x, e);
	out_table_end(a->out);
	if (rc == 0)
		show_export(a->out, &x);
	out_object_end(a->out);
	if (rc == 0 && x.problems > 0) {
		*e = s.first;
		rc = -(int)e->code;
	}
	return rc < 0 ? err_prefix(e, "verify \"%s\"", path) : 0;
}

int
audit_verify_file(struct app *a, const char *path, const char *root, struct err *e)
{
	struct digest d;
	struct stat st;
	int rc = parse_root(root, &d, e);

	if (rc < 0)
		return rc;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return verify_export(a, path, &d, e);
	return verify_proof(a, path, &d, e);
}
