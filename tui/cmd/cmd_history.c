/* SPDX-License-Identifier: Apache-2.0 */
/* history: a model's entries of the log as sentences, newest first. */
#include "tui/cmd/cmd.h"

#include "registry/history.h"
#include "registry/ref.h"

struct shown {
	struct out *out;
	struct policy policy; /* empty: keys stay keys */
	uint64_t n, max;
};

static const struct out_column columns[] = {
	{ "ENTRY", "sequence", OUT_RIGHT, false, true },
	{ "AGE", "time", OUT_RIGHT, false, false },
	{ "WHO", "who", OUT_LEFT, false, false },
	{ "WHAT", "what", OUT_LEFT, false, false },
	{ "TYPE", "type", OUT_LEFT, true, false },
	{ "LEAF", "leaf", OUT_LEFT, true, false },
	{ "REASON", "reason", OUT_LEFT, true, false },
};

static int
row(void *arg, const struct entry *n)
{
	struct shown *const s = arg;
	cleanup_buf struct buf what = { 0 };
	cleanup_buf struct buf who = { 0 };

	if (s->n++ == s->max)
		return 1;
	history_sentence(n, &what, &who);
	history_name(&s->policy, &who);
	out_cell_u64(s->out, n->seq);
	out_cell_time(s->out, n->time_s);
	out_cell_str(s->out, buf_str(&who));
	out_cell_str(s->out, buf_str(&what));
	out_cell(s->out, n->type);
	out_cell_digest(s->out, &n->leaf);
	out_cell(s->out, n->reason);
	return 0;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *const max = arg_value(in, "--max");
	struct shown s = { .out = a->out, .max = UINT64_MAX };
	struct txn *t = NULL;
	struct err unnamed = { 0 };
	struct ref ref;
	int rc;

	if (max && parse_u64(max, UINT64_MAX, &s.max) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no number of rows", max);
	rc = ref_parse(in->pos[0], &ref, e);
	if (rc == 0)
		rc = app_read_begin(a, &t, e);
	if (rc < 0)
		return rc;
	(void)policy_current(a->registry, t, &s.policy, &unnamed);
	out_table_begin(a->out, "HistoryList", columns, COUNT(columns));
	rc = history_each(a->registry, t, ref.model, row, &s, e);
	out_table_end(a->out);
	app_read_end(a, t);
	policy_fini(&s.policy);
	return rc < 0 ? rc : 0;
}

static const struct opt opts[] = {
	{ "--max", 'n', "N", "at most N entries", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_history = {
	.name = "history",
	.args = "NAME",
	.summary = "what happened to a model, newest first",
	.group = "look",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run,
	.examples = "  slipway history fraud-ranker -n 10\n",
};
