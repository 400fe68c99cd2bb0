/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was read last: rows that scroll by are not read at each frame. */
#include "tui/view/trust.h"

#include <stdio.h>
#include <string.h>

#include "tui/view/show.h"

void
trust_renew(struct trust *t, struct txn *txn)
{
	struct applied now = { 0 };
	struct err ignored = { 0 };

	t->n = t->next = 0;
	t->policy = applied_get(txn, &now, &ignored) < 0 ? 0 : now.policy_seq;
}

static const struct checked *
found(struct trust *t, const char *registry_id, const char *model, const struct digest *version)
{
	struct digest of;

	checked_name(model, version, &of);
	for (size_t i = 0; i < t->n; i++)
		if (memcmp(&t->rows[i].of, &of, sizeof(of)) == 0)
			return &t->rows[i].found;
	struct trust_row *const r = &t->rows[t->next];
	t->next = (t->next + 1) % TRUST_ROWS;
	t->n = t->n < TRUST_ROWS ? t->n + 1 : t->n;
	r->of = of;
	(void)checked_look(registry_id, model, version, &r->found);
	return &r->found;
}

enum ink
trust_word(struct trust *t, const char *registry_id, const char *model,
           const struct digest *version, bool is_signed, char ret[static 24])
{
	const struct checked *c = found(t, registry_id, model, version);
	char age[16];

	if (c->time_s > 0 && !c->is_good) {
		(void)str_copy(ret, 24, "FAILED");
		return INK_BAD;
	}
	if (c->time_s > 0 && is_signed && c->policy == t->policy) {
		show_age(age, c->time_s);
		(void)snprintf(ret, 24, "ok %s", age);
		return INK_OK;
	}
	(void)str_copy(ret, 24, is_signed ? "signed" : "UNSIGNED");
	return is_signed ? INK_TEXT : INK_BAD;
}
