/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy show and check: a policy as it was signed, the one in force or an older one, and what one
 * allows in words. Both only look.
 */
#include "tui/cmd/cmd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/history.h"
#include "registry/policy_draft.h"
#include "registry/policy_edit.h"
#include "registry/policy_words.h"

/* --- show --- */

static void
field(void *arg, const char *title, const char *text)
{
	out_field(arg, title, "%s", text);
}

static void
show(struct out *o, const struct policy *p)
{
	struct json_out *j;
	char hex[DIGEST_HEX_SIZE], issued[CLOCK_TEXT_SIZE];

	digest_hex(&p->digest, hex);
	clock_text(issued, p->issued_s);
	out_object_begin(o, "Policy");
	j = out_object_json(o);
	if (j) {
		jo_u64(j, "version", p->version);
		jo_digest(j, "digest", &p->digest);
		jo_u64(j, "entry", p->seq);
		jo_value(j, "document", p->doc);
	}
	out_field(o, "policy", "%" PRIu64 " %s", p->version, p->template_name);
	out_field(o, "digest", "sha256:%s", hex);
	out_field(o, "issued", "%s", issued);
	policy_lines(p, field, o);
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%" PRIu64 "\n", p->version);
}

/* The one before: each policy's entry says which was in force when it came. */
static int
step_back(struct registry *r, struct txn *t, struct policy *p, struct err *e)
{
	struct policy before = { 0 };
	struct entry now, then;
	int rc = history_entry(r, t, p->seq, &now, e);

	if (rc < 0)
		return rc;
	rc = now.has_policy ? history_entry(r, t, now.policy, &then, e)
	                    : err_set(e, ERR_MALFORMED, "policy %" PRIu64 " names none before it",
	                              p->version);
	entry_fini(&now);
	if (rc < 0)
		return rc;
	rc = policy_of_entry(&then, &before, e);
	before.seq = then.seq;
	entry_fini(&then);
	if (rc < 0)
		return rc;
	if (!digest_eq(&before.digest, &p->previous) || before.version + 1 != p->version)
		rc = err_set(e, ERR_DIGEST,
		             "log entry %" PRIu64 " is not the policy before %" PRIu64, before.seq,
		             p->version);
	policy_fini(p);
	*p = before;
	return rc;
}

static int
go_back(struct registry *r, struct txn *t, uint64_t number, struct policy *p, struct err *e)
{
	const uint64_t newest = p->version;
	int rc = 0;

	if (number == 0 || number > newest) {
		(void)err_set(e, ERR_NOT_FOUND, "there is no policy %" PRIu64, number);
		return err_hint(e, "the one in force is %" PRIu64, newest);
	}
	while (rc == 0 && p->version > number)
		rc = step_back(r, t, p, e);
	return rc;
}

static int
current(struct app *a, uint64_t number, struct policy *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0)
		rc = policy_current(a->registry, t, ret, e);
	if (rc < 0)
		return rc;
	if (number != UINT64_MAX)
		rc = go_back(a->registry, t, number, ret, e);
	if (rc < 0)
		policy_fini(ret);
	return rc;
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	uint64_t number = UINT64_MAX;
	struct policy p = { 0 };
	int rc;

	if (in->pos_n > 0 && parse_u64(in->pos[0], UINT32_MAX, &number) < 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no number of a policy", in->pos[0]);
		return err_hint(e, "slipway policy show 1 shows the first one");
	}
	rc = current(a, number, &p, e);
	if (rc < 0)
		return rc;
	show(a->out, &p);
	policy_fini(&p);
	return 0;
}

/* --- check --- */

static const struct out_column columns[] = {
	{ "STATE", "state", OUT_LEFT, false, false },
	{ "ABOUT", "about", OUT_LEFT, false, true },
	{ "WHAT", "text", OUT_LEFT, false, false },
};

struct checked {
	struct out *o;
	unsigned wrong;
};

static void
advice(void *arg, enum policy_advice a, const char *about, const char *text)
{
	struct checked *const c = arg;

	out_cell(c->o, policy_advice_name(a));
	out_cell(c->o, about);
	out_cell(c->o, text);
	c->wrong += a == ADVICE_WRONG;
}

static PRINTF(3, 4) void say(struct checked *c, enum policy_advice a, const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	advice(c, a, "draft", buf_cstr(&text));
}

/* How far a draft is on its way. */
static void
check_draft(struct checked *c, const struct policy *now, const struct policy *next,
            struct str envelope)
{
	cleanup_buf struct buf missing = { 0 };

	if (digest_eq(&next->digest, &now->digest)) {
		say(c, ADVICE_FACT, "policy %" PRIu64 " is in force", now->version);
		return;
	}
	if (!streq(next->registry_id, now->registry_id))
		say(c, ADVICE_WRONG, "it is of another registry, %s", next->registry_id);
	else if (next->version != now->version + 1 || !digest_eq(&next->previous, &now->digest))
		say(c, ADVICE_WRONG,
		    "it was made behind another policy than %" PRIu64 ", which is in force",
		    now->version);
	if (!envelope.p)
		return;
	policy_draft_missing(next, envelope, &missing);
	if (missing.n == 0)
		policy_draft_missing(now, envelope, &missing);
	if (missing.n > 0)
		say(c, ADVICE_FACT, "it waits for the signature of %s", buf_cstr(&missing));
	else
		say(c, ADVICE_FACT, "everybody who must has signed it");
}

/* A draft with signatures, or a document that would be the next one. */
static int
read_file(const char *path, const struct policy *now, struct policy *ret, struct buf *envelope,
          struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	int rc = fs_read_at(AT_FDCWD, path, POLICY_MAX, &text, e);

	if (rc < 0)
		return err_prefix(e, "read \"%s\"", path);
	rc = json_parse(buf_str(&text), path, &j, e);
	if (rc < 0)
		return rc;
	if (json_object_get(j, "payloadType")) {
		json_canonical(j, envelope);
		return policy_draft_read(buf_str(envelope), ret, e);
	}
	if (!json_is_object(j))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no policy", path);
	rc = policy_edit_end(j, now, clock_now_s(), ret, e);
	return rc == 1 ? policy_parse(now->doc, ret, e) : rc;
}

static int
run_check(struct app *a, const struct args *in, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct policy now = { 0 }, other = { 0 };
	struct checked c = { .o = a->out };
	int rc = current(a, UINT64_MAX, &now, e);

	if (rc == 0 && in->pos_n > 0)
		rc = read_file(in->pos[0], &now, &other, &envelope, e);
	if (rc == 0) {
		out_table_begin(a->out, "PolicyAdviceList", columns, COUNT(columns));
		if (in->pos_n > 0)
			check_draft(&c, &now, &other, buf_str(&envelope));
		policy_advise(in->pos_n > 0 ? &other : &now, clock_now_s(), advice, &c);
		out_table_end(a->out);
	}
	policy_fini(&now);
	policy_fini(&other);
	if (rc == 0 && c.wrong > 0)
		return err_set(e, ERR_DIFFERENT, "%u thing%s about this policy cannot work",
		               c.wrong, c.wrong == 1 ? "" : "s");
	return rc;
}

const struct cmd cmd_policy_show = {
	.name = "policy",
	.sub = "show",
	.args = "[N]",
	.summary = "show the policy in force, or an older one: people, roles, stages",
	.group = "trust",
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_show,
	.examples = "  slipway policy show\n"
	            "  slipway policy show 1 -o json\n",
};

const struct cmd cmd_policy_check = {
	.name = "policy",
	.sub = "check",
	.args = "[FILE]",
	.summary = "say what a policy allows, what is risky and what cannot work",
	.group = "trust",
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_check,
	.examples = "  slipway policy check\n"
	            "  slipway policy check policy-3.json\n",
};
