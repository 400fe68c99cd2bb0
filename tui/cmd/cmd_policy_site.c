/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy trust-site: another registry, by its fingerprint, and what of it counts here; or not any
 * more. Only the fingerprint says who that is, so it comes from a person and never from a file that
 * the other side has sent. What becomes of it is policy_change's affair.
 */
#include "tui/cmd/cmd.h"

#include "registry/near.h"
#include "registry/policy_edit.h"
#include "tui/cmd/fingerprint.h"
#include "tui/cmd/policy_change.h"

#define NAME "policy trust-site"

static int
read_counts(const struct args *in, unsigned *ret, struct err *e)
{
	unsigned one;

	*ret = COUNTS_VERSIONS;
	args_foreach(what, in, "--for") {
		if (policy_counts_parse(what, &one) < 0) {
			(void)err_set(e, ERR_USAGE, "\"%s\" is nothing that could count", what);
			return err_hint(e, "--for versions or evidence; versions always count");
		}
		if (one == COUNTS_APPROVALS) {
			(void)err_set(e, ERR_USAGE,
			              NAME ": approvals of another site do not count here yet");
			return err_hint(e, "they come with its versions and are told by `slipway "
			                   "history`; your own people approve");
		}
		*ret |= one;
	}
	return 0;
}

static void
say_near(const struct policy_change *c, const char *name)
{
	const struct policy *const p = &c->ledger.policy;
	struct near near = { .wanted = name };
	char names[200];

	for (size_t i = 0; i < p->sites_n; i++)
		near_offer(&near, p->sites[i].name);
	if (near_text(&near, names, sizeof names))
		out_note(c->app->out, "no site named \"%s\" is in the policy; there is %s", name,
		         names);
	else
		out_note(c->app->out, "no site named \"%s\" is in the policy", name);
}

static int
take(const struct policy_change *c, const struct args *in, struct err *e)
{
	if (arg_value(in, "--root") || arg_value(in, "--for")) {
		(void)err_set(e, ERR_USAGE, NAME ": --remove takes the whole site out");
		return err_hint(e, "to trust it for less, say again for what: slipway " NAME
		                   " NAME --root FINGERPRINT --for versions");
	}
	if (!policy_edit_site_remove(c->doc, in->pos[0]))
		say_near(c, in->pos[0]);
	return 0;
}

static int
trust(struct policy_change *c, const struct args *in, struct err *e)
{
	const char *const text = arg_value(in, "--root");
	struct digest root;
	unsigned counts;
	int rc;

	if (arg_flag(in, "--remove"))
		return take(c, in, e);
	if (!text) {
		(void)err_set(e, ERR_USAGE, NAME ": which registry is \"%s\"?", in->pos[0]);
		return err_hint(e, "--root FINGERPRINT of its first policy, as `slipway init` "
		                   "printed it there; not from a file that came with it");
	}
	rc = fingerprint_parse(text, &root, e);
	if (rc == 0)
		rc = read_counts(in, &counts, e);
	return rc < 0 ? rc : policy_edit_site(c->doc, in->pos[0], &root, counts, e);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, trust, e);
}

static const struct opt opts[] = {
	{ "--root", 0, "FINGERPRINT", "of its first policy, as its people read it to you", false },
	{ "--for", 0, "WHAT", "versions or evidence", true },
	{ "--remove", 0, NULL, "trust it for nothing any more", false },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_policy_site = {
	.name = "policy",
	.sub = "trust-site",
	.args = "NAME",
	.summary = "let versions of another registry in, or not any more",
	.group = "trust",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_DRY_RUN | CMD_REASON | CMD_SIGNS |
	         CMD_WRITES_FILES,
	.run = run,
	.examples = "  slipway policy trust-site hq --root \"$FINGERPRINT\" --for evidence\n"
	            "  slipway policy trust-site hq --remove --reason 'contract ended'\n",
};
