/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt: a copied folder becomes a registry of its own, with a first policy by whoever adopts it.
 * What it was copied from goes on undisturbed; its history is kept here and decides nothing.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/adopt.h"
#include "registry/ledger.h"
#include "tui/cmd/founding.h"

struct adopt {
	struct app *app;
	struct founding f;
	struct adopt_state state;
	struct identity fresh;
	char previous[REGISTRY_ID_SIZE];
};

static int
confirm(const struct adopt *n, struct err *e)
{
	cleanup_free char *what = xasprintf(
	        "\"%s\" was copied from registry %s; it becomes a registry of its own, in which "
	        "nothing that was approved, promoted or signed there counts",
	        n->app->registry->dir, n->previous);

	return app_confirm(n->app, what, NULL, "slipway adopt --yes", e);
}

/* Behind the entries that were just made: as every later verb will read them. */
static int
pin_it(struct registry *r, struct err *e)
{
	struct ledger l;
	int rc;

	pin_fini(&r->pin); /* of what was here before */
	rc = ledger_open(r, &l, e);
	if (rc < 0)
		return rc;
	rc = pin_save(r->dir, &l.next_pin, e);
	ledger_fini(&l);
	return rc;
}

static int
make(struct adopt *n, struct err *e)
{
	struct registry *const r = n->app->registry;
	int rc = founding_person(n->app, &n->f, e);

	if (rc == 0)
		rc = adopt_new_id(r, &n->state, &n->fresh, e);
	if (rc < 0)
		return rc;
	(void)str_copy(n->f.id, sizeof n->f.id, n->fresh.id);
	rc = founding_keys(&n->f, e);
	if (rc == 0)
		rc = adopt_commit(r, &n->state, &n->fresh, n->app->reason, e);
	if (rc == 0)
		rc = founding_policy(n->app, &n->f, e);
	return rc < 0 ? rc : pin_it(r, e);
}

static void
show(const struct adopt *n, bool changed)
{
	struct out *const o = n->app->out;
	struct json_out *j;

	out_object_begin(o, "Adoption");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "path", n->app->registry->dir);
		jo_string(j, "id", n->app->registry->id);
		jo_string(j, "previous", changed ? n->previous : NULL);
		jo_u64(j, "foreignEntries", changed ? n->state.size : 0);
		jo_bool(j, "changed", changed);
	}
	out_field(o, "registry", "%s", n->app->registry->dir);
	out_field(o, "id", "%s%s", n->app->registry->id,
	          changed ? "" : " (at home here, nothing to adopt)");
	if (changed) {
		out_field(o, "copied from", "%s, %" PRIu64 " entries", n->previous, n->state.size);
		founding_show(n->app, &n->f);
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s\n", n->app->registry->id);
}

static int
adopt(struct adopt *n, struct err *e)
{
	int rc = adopt_look(n->app->registry, &n->state, e);

	if (rc < 0)
		return rc;
	(void)str_copy(n->previous, sizeof n->previous,
	               n->app->registry->identity.ids[n->state.incarnation]);
	if (n->state.is_at_home) {
		show(n, false);
		return 0;
	}
	rc = confirm(n, e);
	if (rc == 0)
		rc = make(n, e);
	if (rc == 0)
		show(n, true);
	else
		founding_take_back(&n->f);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct adopt n = { .app = a };
	int rc;

	a->no_passphrase = arg_flag(in, "--no-passphrase");
	rc = founding_choose(in, &n.f, e);
	if (rc == 0)
		rc = app_open(a, REGISTRY_WRITE | REGISTRY_NO_DB | REGISTRY_COPY | REGISTRY_ANY_PIN,
		              e);
	if (rc == 0)
		rc = adopt(&n, e);
	founding_fini(&n.f);
	return rc;
}

static const struct opt opts[] = {
	{ "--name", 0, "WHO", "who you are in the policy; default: your user name", false },
	{ "--policy", 0, "solo|team", "solo (default), or team: production wants a second person",
	  false },
	{ "--no-passphrase", 0, NULL, "leave a new key unencrypted on this disk", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_adopt = {
	.name = "adopt",
	.args = "",
	.summary = "make a registry of its own of a copied folder",
	.group = "keep",
	.opts = opts,
	.flags = CMD_CHANGES | CMD_CONFIRMS | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway -R /srv/copy adopt --name ana\n",
};
