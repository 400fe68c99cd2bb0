/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc: removes what nothing needs any more. On a full disk it gives the ballast up before anything
 * else, as opening the database may need room, and makes it again when there is some.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/text.h"
#include "registry/gc.h"
#include "tui/cmd/shown.h"

#define GRACE_S  (24 * 3600)
#define ROOM_MIN ((uint64_t)1 << 20) /* less than this, and the ballast goes */

struct shown {
	struct app *app;
	bool is_verbose;
};

static const struct out_column columns[] = {
	{ "WHAT", "what", OUT_LEFT, false, true },
	{ "SIZE", "bytes", OUT_RIGHT, false, false },
	{ "STATE", "state", OUT_LEFT, false, false },
	{ "WHY", "why", OUT_LEFT, false, false },
};

static void
row(struct out *o, const char *what, uint64_t size, const char *state, const char *why)
{
	out_cell(o, what);
	out_cell_size(o, size);
	out_cell(o, state);
	out_cell(o, why);
}

static void
see(void *arg, enum gc_what what, const struct digest *d, uint64_t size)
{
	const struct shown *const s = arg;
	char hex[DIGEST_HEX_SIZE];
	cleanup_free char *name = NULL;

	digest_hex(d, hex);
	name = xasprintf("sha256:%s", hex);
	if (what == GC_REMOVED)
		row(s->app->out, name, size, s->app->dry_run ? "would be removed" : "removed",
		    "nothing needs it");
	else if (s->is_verbose)
		row(s->app->out, name, size, "kept", "nothing needs it yet; too young");
}

/* --- what is kept --- */

struct kept {
	struct shown *shown;
	struct txn *txn;
	const struct model_row *model;
	struct err *e;
};

static int
kept_version(void *arg, const struct version_row *v)
{
	const struct kept *const k = arg;
	char name[VERSION_NAME_SIZE];
	cleanup_buf struct buf why = { 0 }, stages = { 0 };

	if (v->state.life == LIFE_DELETED)
		return 0;
	version_name(v->model, v->number, name);
	stages_of(k->model, v->number, &stages);
	buf_adds(&why, lifecycle_name(v->state.life));
	if (stages.n > 0)
		buf_addf(&why, ", in %s", buf_cstr(&stages));
	buf_adds(&why, v->state.is_held ? ", held" : "");
	row(k->shown->app->out, name, v->bytes, "kept", buf_cstr(&why));
	return 0;
}

static int
kept_model(void *arg, const struct model_row *m)
{
	struct kept *const k = arg;

	k->model = m;
	return version_each(k->txn, m->name, 0, kept_version, k, k->e);
}

static int
show_kept(struct shown *s, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct kept k = { .shown = s, .e = e };
	int rc;

	if (!s->is_verbose)
		return 0;
	rc = store_read_begin(s->app->registry->store, &t, e);
	if (rc < 0)
		return rc;
	k.txn = t;
	rc = model_each(t, NULL, kept_model, &k, e);
	return rc < 0 ? rc : 0;
}

/* --- the sum --- */

static void
show(struct app *a, const struct gc_result *g, uint64_t ballast, bool made)
{
	struct out *const o = a->out;
	struct json_out *const j = out_object_json(o);
	char removed[16], young[16], needed[16], left[16];

	if (j) {
		jo_u64(j, "removedBlobs", g->removed);
		jo_u64(j, "removedBytes", g->removed_bytes);
		jo_u64(j, "youngBlobs", g->young);
		jo_u64(j, "youngBytes", g->young_bytes);
		jo_u64(j, "neededBlobs", g->needed);
		jo_u64(j, "neededBytes", g->needed_bytes);
		jo_u64(j, "abandonedBytes", g->abandoned_bytes);
		jo_bool(j, "ballastGivenUp", ballast > 0);
		jo_bool(j, "ballastMade", made);
		jo_bool(j, "changed", !a->dry_run && (g->removed > 0 || g->abandoned_bytes > 0));
		jo_bool(j, "dryRun", a->dry_run);
		return;
	}
	text_size(removed, g->removed_bytes);
	text_size(young, g->young_bytes);
	text_size(needed, g->needed_bytes);
	text_size(left, g->abandoned_bytes);
	out_field(o, a->dry_run ? "would be removed" : "removed", "%" PRIu64 " blob%s, %s",
	          g->removed, g->removed == 1 ? "" : "s", removed);
	if (g->abandoned_bytes > 0)
		out_field(o, "left behind", "%s of interrupted commands", left);
	if (g->young > 0)
		out_field(o, "too young", "%" PRIu64 " blob%s, %s", g->young,
		          g->young == 1 ? "" : "s", young);
	out_field(o, "needed", "%" PRIu64 " blob%s, %s", g->needed, g->needed == 1 ? "" : "s",
	          needed);
	if (ballast > 0)
		out_field(o, "ballast", made ? "given up and made again" : "given up");
}

static int
collect(struct app *a, const struct gc_options *options, uint64_t ballast, struct err *e)
{
	struct shown s = { .app = a, .is_verbose = out_is_verbose(a->out) };
	struct gc_result done;
	bool made = false;
	int rc;

	out_object_begin(a->out, "Garbage");
	out_table_begin(a->out, "blobs", columns, COUNT(columns));
	rc = gc_run(a->registry, options, see, &s, &done, e);
	if (rc == 0)
		rc = show_kept(&s, e);
	out_table_end(a->out);
	if (rc == 0 && !a->dry_run)
		made = registry_ballast_make(a->registry);
	if (rc == 0)
		show(a, &done, ballast, made);
	out_object_end(a->out);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *const grace = arg_value(in, "--grace");
	struct gc_options options = { .grace_s = GRACE_S, .dry_run = a->dry_run };
	uint64_t ms = 0, ballast = 0;
	int rc;

	if (grace && parse_duration_ms(grace, &ms) < 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no length of time", grace);
		return err_hint(e, "write it as 30m, 24h or 0s");
	}
	if (grace)
		options.grace_s = ms / 1000;
	rc = app_open(a, REGISTRY_NO_DB | (a->dry_run ? 0 : REGISTRY_WRITE), e);
	if (rc < 0)
		return rc;
	if (!a->dry_run && registry_room(a->registry) < ROOM_MIN)
		ballast = registry_ballast_drop(a->registry);
	rc = registry_open_db(a->registry, e);
	return rc < 0 ? rc : collect(a, &options, ballast, e);
}

static const struct opt opts[] = {
	{ "--grace", 0, "TIME", "keep what is younger than this (default 24h)", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_gc = {
	.name = "gc",
	.args = "",
	.summary = "remove files that nothing needs any more",
	.group = "keep",
	.opts = opts,
	.flags = CMD_CHANGES | CMD_DRY_RUN,
	.run = run,
	.examples = "  slipway gc --dry-run -v\n"
	            "  slipway gc --grace 1h\n",
};
