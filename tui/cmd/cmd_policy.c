/* SPDX-License-Identifier: Apache-2.0 */
/* policy show: the policy in force, as it was signed. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/clock.h"
#include "registry/policy.h"

static void
people_of(const struct policy *p, enum policy_role role, struct buf *ret)
{
	for (size_t i = 0; i < p->people_n; i++)
		if (p->roles[role] & UINT64_C(1) << i)
			buf_addf(ret, "%s%s", ret->n > 0 ? ", " : "", p->people[i].id);
}

static void
show_people(struct out *o, const struct policy *p)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			out_field(o, p->people[i].id, "%s", p->people[i].keys[k].id);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		cleanup_buf struct buf names = { 0 };
		cleanup_free char *title = xasprintf("role %s",
		                                     policy_role_name((enum policy_role)i));
		people_of(p, (enum policy_role)i, &names);
		out_field(o, title, "%s", names.n > 0 ? buf_cstr(&names) : "nobody");
	}
	for (size_t i = 0; i < p->stages_n; i++)
		out_field(o, "stage", "%" PRIu64 " %s%s", p->stages[i].order, p->stages[i].name,
		          p->stages[i].is_protected ? ", protected" : "");
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
	show_people(o, p);
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%" PRIu64 "\n", p->version);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct policy p;
	int rc;

	(void)in;
	rc = store_read_begin(a->registry->store, &t, e);
	if (rc == 0)
		rc = policy_current(a->registry, t, &p, e);
	if (rc < 0)
		return rc;
	show(a->out, &p);
	policy_fini(&p);
	return 0;
}

const struct cmd cmd_policy_show = {
	.name = "policy",
	.sub = "show",
	.args = "",
	.summary = "show the policy in force: people, keys, roles, stages",
	.group = "trust",
	.flags = CMD_READS,
	.run = run,
};
