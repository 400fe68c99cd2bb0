/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle want: what this site would like to have carried to it next time, for `bundle build --for`
 * on the other side. It says how far each source's bundles have come here, which of their versions
 * are here already, and which images a promotion would miss. It is a wish: nothing of it is signed.
 */
#include "tui/cmd/cmd.h"

#include "registry/bundle_entry.h"
#include "registry/ref.h"
#include "tui/cmd/proposal.h"

#define NAME "bundle want"

struct want {
	struct app *app;
	struct txn *txn;
	struct err *e;
	json_t *sites, *versions, *images;
	size_t first; /* of the model's versions */
};

/* Newest first of each registry: the first one is how far it has come. */
static int
add_site(void *arg, const struct bundle_claim *c)
{
	json_t *const sites = ((struct want *)arg)->sites;
	const json_t *const last = json_array_get(sites, json_array_size(sites) - 1);

	if (last && streq(json_text(last, "registry"), c->registry_id))
		return 0;
	json_array_append_new(sites, json_pack("{s:s, s:I, s:o}", "registry", c->registry_id,
	                                       "counter", (json_int_t)c->counter, "inventory",
	                                       json_from_digest(&c->inventory)));
	return 0;
}

/* They come newest first. */
static int
add_version(void *arg, const struct version_row *v)
{
	struct want *const w = arg;

	if (v->state.life != LIFE_DELETED)
		json_array_insert_new(w->versions, w->first,
		                      json_pack("{s:s, s:I, s:o}", "model", v->model, "number",
		                                (json_int_t)v->number, "digest",
		                                json_from_digest(&v->digest)));
	return 0;
}

/* What has its home here is nothing that another registry could bring. */
static int
add_model(void *arg, const struct model_row *m)
{
	struct want *const w = arg;

	w->first = json_array_size(w->versions);
	return m->home[0] ? version_each(w->txn, m->name, 0, add_version, w, w->e) : 0;
}

static int
add_rows(struct want *w, struct err *e)
{
	int rc = app_read_begin(w->app, &w->txn, e);

	if (rc < 0)
		return rc;
	rc = bundle_row_each(w->txn, BUNDLE_IMPORTED, NULL, add_site, w, e);
	if (rc >= 0)
		rc = model_each(w->txn, NULL, add_model, w, e);
	app_read_end(w->app, w->txn);
	return rc < 0 ? rc : 0;
}

/* The preflight of that promotion says what its targets' registries lack. */
static int
add_images(struct want *w, const char *ref, const char *stage, struct err *e)
{
	struct version_row v;
	const struct proposal_wish wish = {
		.kind = "promote", .model = v.model, .stage = stage, .to = &v.digest
	};
	struct proposal p;
	int rc = app_read_begin(w->app, &w->txn, e);

	if (rc < 0)
		return rc;
	rc = ref_find(w->txn, ref, &v, e);
	app_read_end(w->app, w->txn);
	if (rc == 0)
		rc = proposal_make(w->app, &wish, &p, e);
	if (rc < 0)
		return rc;
	json_array_extend(w->images, json_object_get(p.reply, "carry"));
	proposal_fini(&p);
	return 0;
}

static void
print(const struct want *w)
{
	cleanup_json json_t *doc =
	        json_pack("{s:s, s:s, s:s, s:O, s:O, s:O}", "apiVersion", "slipway/v1", "kind",
	                  "BundleWant", "registry", w->app->registry->id, "sites", w->sites,
	                  "versions", w->versions, "images", w->images);
	cleanup_buf struct buf text = { 0 };

	json_canonical(doc, &text);
	buf_addc(&text, '\n');
	out_raw(w->app->out, text.p, text.n);
}

static int
check_use(const struct args *in, struct err *e)
{
	const char *const ref = in->pos_n > 0 ? in->pos[0] : NULL;

	if (!ref == !arg_value(in, "--to"))
		return 0;
	(void)err_set(e, ERR_USAGE,
	              ref ? NAME ": \"%s\" to which stage?" : NAME ": what to \"%s\"?",
	              ref ? ref : arg_value(in, "--to"));
	return err_hint(e, "slipway " NAME " REF --to STAGE; without both it says what is here");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct want w = { .app = a,
		          .e = e,
		          .sites = json_array(),
		          .versions = json_array(),
		          .images = json_array() };
	int rc = check_use(in, e);

	if (rc == 0)
		rc = add_rows(&w, e);
	if (rc == 0 && in->pos_n > 0)
		rc = add_images(&w, in->pos[0], arg_value(in, "--to"), e);
	if (rc == 0)
		print(&w);
	json_decref(w.sites);
	json_decref(w.versions);
	json_decref(w.images);
	return rc;
}

static const struct opt opts[] = {
	{ "--to", 0, "STAGE", "the images too that REF would miss at this stage's targets", false },
	{ 0 },
};

const struct cmd cmd_bundle_want = {
	.name = "bundle",
	.sub = "want",
	.args = "[REF]",
	.summary = "say what the next bundle should bring, for who builds it",
	.group = "bring in",
	.opts = opts,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run,
	.examples = "  slipway bundle want > want.json\n"
	            "  slipway bundle want fraud-ranker@v41 --to production > want.json\n",
};
