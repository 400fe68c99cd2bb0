/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit verify without a file: the whole log from its first line, as whoever trusts nothing reads
 * it: every leaf, every chain, every statement under the policy in force at its place. A line that
 * does not count is named, and makes the whole fail; a line that was altered ends the reading.
 */
#include "tui/cmd/audit.h"

#include <inttypes.h>

#include "registry/base/vec.h"
#include "registry/check.h"
#include "registry/checked.h"

struct policy_line {
	uint64_t seq, version;
	int64_t time_s;
	struct digest digest;
};
struct reading {
	struct out *out;
	struct err first; /* of what does not count */
	VEC(struct policy_line) policies;
	struct check_result result;
};

static const struct out_column problem_columns[] = {
	{ "WHAT", "what", OUT_LEFT, false, true },
	{ "CODE", "code", OUT_LEFT, false, false },
	{ "DOES NOT COUNT", "message", OUT_LEFT, false, false },
	{ "NEXT", "hint", OUT_LEFT, true, false },
};
static const struct out_column policy_columns[] = {
	{ "POLICY", "version", OUT_RIGHT, false, false },
	{ "ENTRY", "sequence", OUT_RIGHT, false, false },
	{ "AGE", "time", OUT_RIGHT, false, false },
	{ "DIGEST", "digest", OUT_LEFT, false, false },
};

static void
problem(void *arg, const char *what, const struct err *why)
{
	struct reading *const v = arg;

	if (v->first.code == ERR_OK)
		v->first = *why;
	out_cell(v->out, what);
	out_cell(v->out, err_name(why->code));
	out_cell(v->out, why->msg);
	out_cell(v->out, why->hint[0] ? why->hint : NULL);
}

static void
counted(void *arg, const struct entry *n)
{
	struct reading *const v = arg;
	struct policy_line p = { .seq = n->seq, .time_s = n->time_s };
	struct err ignored = { 0 };

	/* it counts: what its body says was compared with what was signed */
	if (streq(n->type, "policy") &&
	    json_get_u64(n->body, "version", n->type, &p.version, &ignored) == 0 &&
	    json_get_digest(n->body, "digest", n->type, &p.digest, &ignored) == 0)
		vec_push(&v->policies, p);
}

static void
show_policies(struct reading *v)
{
	char hex[DIGEST_HEX_SIZE];

	out_table_begin(v->out, "policies", policy_columns, COUNT(policy_columns));
	vec_foreach(p, &v->policies) {
		cleanup_json json_t *exact = json_from_digest(&p->digest);

		digest_hex(&p->digest, hex);
		out_cell_u64(v->out, p->version);
		out_cell_u64(v->out, p->seq);
		out_cell_time(v->out, p->time_s);
		out_cell_json(v->out, hex, exact);
	}
	out_table_end(v->out);
}

static const char *
pin_text(const struct registry *r, bool is_whole)
{
	return !is_whole ? "not checked" : r->pin.exists || r->pin.has_bound ? "agrees" : "none";
}

static void
show(struct app *a, struct reading *v)
{
	const struct check_result *const c = &v->result;
	const char *const pin = pin_text(a->registry, c->is_log_whole);
	struct json_out *const j = out_object_json(a->out);
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&c->root, hex);
	if (j) {
		jo_string(j, "registry", a->registry->id);
		jo_u64(j, "size", c->entries);
		if (c->is_log_whole)
			jo_digest(j, "root", &c->root);
		else
			jo_null(j, "root");
		jo_u64(j, "statements", c->statements);
		jo_string(j, "pin", pin);
		jo_u64(j, "problemCount", c->problems);
		return;
	}
	out_field(a->out, "registry", "%s", a->registry->id);
	out_field(a->out, "size", "%" PRIu64 " entries%s", c->entries,
	          c->is_log_whole ? "" : " before the damage");
	out_field(a->out, "root", "%s", c->is_log_whole ? hex : "not checked");
	out_field(a->out, "statements", "%" PRIu64 " good", c->statements);
	out_field(a->out, "pin", "%s", pin);
	out_field(a->out, "does not count", "%" PRIu64, c->problems);
}

static int
verdict(const struct reading *v, struct err *e)
{
	if (v->result.problems == 0)
		return 0;
	*e = v->first;
	if (err_exit_of(e->code) != err_exit_of(ERR_UNTRUSTED))
		e->code = ERR_UNTRUSTED; /* what a line says against itself: verification failed */
	if (v->result.problems > 1)
		(void)err_prefix(e, "%" PRIu64 " contradictions; the first", v->result.problems);
	return -(int)e->code;
}

static int
verify_log(struct app *a, struct err *e)
{
	struct reading v = { .out = a->out };
	int rc;

	rc = app_open(a, REGISTRY_NO_DB, e);
	if (rc < 0)
		return rc;
	out_object_begin(a->out, "AuditVerification");
	out_table_begin(a->out, "problems", problem_columns, COUNT(problem_columns));
	rc = check_log(a->registry, problem, counted, &v, &v.result, e);
	out_table_end(a->out);
	if (rc == 0) {
		show_policies(&v);
		show(a, &v);
	}
	if (rc == 0 || err_exit_status(e) == err_exit_of(ERR_DIGEST))
		checked_save(a->registry->id, NULL, NULL, v.result.entries, 0,
		             rc == 0 ? &v.first : e);
	out_object_end(a->out);
	vec_fini(&v.policies);
	return rc < 0 ? rc : verdict(&v, e);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *const root = arg_value(in, "--root");

	if (in->pos_n > 0)
		return audit_verify_file(a, in->pos[0], root, e);
	if (root)
		return err_set(e, ERR_USAGE, "audit verify: --root belongs to a file");
	return verify_log(a, e);
}

static const struct opt opts[] = {
	{ "--root", 0, "FINGERPRINT", "of the first policy, to check a file by", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_audit_verify = {
	.name = "audit",
	.sub = "verify",
	.args = "[FILE]",
	.summary = "check the whole log, or a proof of one",
	.group = "look",
	.opts = opts,
	.max_pos = 1,
	.run = run,
	.examples = "  slipway audit verify\n"
	            "  slipway audit verify v41.proof --root \"$FINGERPRINT\"\n",
};
