/* SPDX-License-Identifier: Apache-2.0 */
/* Plain lines for terminals that cannot do more: why, then every model once. No repaint, no boxes.
 */
#include "tui/linear.h"

#include "registry/records.h"

static int
model_line(void *arg, const struct model_row *m)
{
	struct app *a = arg;

	if (m->latest_live > 0)
		out_text(a->out, "%s v%llu, %s", m->name, (unsigned long long)m->latest_live,
		         m->is_signed ? "signed" : "UNSIGNED");
	else
		out_text(a->out, "%s, no live version", m->name);
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number > 0)
			out_text(a->out, ", %s holds v%llu", m->stages[i].stage,
			         (unsigned long long)m->stages[i].number);
	out_text(a->out, "\n");
	return 0;
}

int
linear_main(struct app *a, const char *why, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	out_text(a->out, "plain lines, because %s\n", why);
	rc = a->registry ? 0 : app_open(a, REGISTRY_READ, e);
	if (rc < 0)
		return rc;
	rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = model_each(t, NULL, model_line, a, e);
	if (rc < 0)
		return rc;
	out_text(a->out, "slipway help names the commands that do the rest\n");
	return 0;
}
