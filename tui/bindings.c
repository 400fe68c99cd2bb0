/* SPDX-License-Identifier: Apache-2.0 */
/* "none" is no key at all. */
#include "tui/bindings.h"

#include "tui/term/keys.h"

static const char *
keys_of(const char *value)
{
	return streq(value, "none") ? "" : value;
}

static void
forget(const struct conf *c)
{
	for (size_t i = 0; i < c->binds.n; i++)
		keys_reset(action_named(c->binds.v[i].action));
}

static bool
all_fit(const struct conf *c)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < c->binds.n; i++)
		if (keys_bind(c->binds.v[i].action, keys_of(c->binds.v[i].keys), &ignored) < 0)
			return false;
	return keys_check(&ignored) == 0;
}

static int
take_one(const struct conf_bind *b, struct err *e)
{
	int rc = keys_bind(b->action, keys_of(b->keys), e);

	if (rc == 0)
		rc = keys_check(e);
	if (rc == 0)
		return 0;
	keys_reset(action_named(b->action));
	(void)err_prefix(e, "%s", b->where);
	(void)err_hint(e, "slipway help keys names the actions and their keys");
	return rc;
}

void
bindings_take(const struct conf *c, bindings_wrong_fn *wrong, void *arg)
{
	if (all_fit(c))
		return;
	forget(c);
	for (size_t i = 0; i < c->binds.n; i++) {
		struct err e = { 0 };
		if (take_one(&c->binds.v[i], &e) < 0)
			wrong(arg, &e);
	}
}

static void
no_matter(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

int
bindings_check(const struct conf *c, const char *action, const char *keys, struct err *e)
{
	int rc;

	bindings_take(c, no_matter, NULL);
	rc = keys_bind(action, keys_of(keys), e);
	if (rc == 0)
		rc = keys_check(e);
	keys_reset(action_named(action));
	forget(c);
	return rc;
}
