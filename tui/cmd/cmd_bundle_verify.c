/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle verify: a bundle on a machine that may have no registry, with the fingerprint of its
 * source's first policy. Opens no registry, reads no key of this person; remembers the last number
 * of each source.
 */
#include "tui/cmd/bundle.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/bundle_pin.h"
#include "registry/bundle_source.h"
#include "tui/cmd/fingerprint.h"

#define TOLD_MAX 1000 /* problems; then their number is enough */

struct problem {
	uint64_t offset;
	unsigned part;
	char *what;
};
struct verify {
	struct app *app;
	struct bundle_source *source;
	struct bundle bundle;
	struct bundle_judged judged;
	bool is_judged;
	struct bundle_contents *contents;
	VEC(struct problem) problems;
	uint64_t problems_n;
	struct err first;
};

/* --- blobs --- */

static void
add_problem(struct verify *v, uint64_t offset, const struct err *why)
{
	struct problem p = { .offset = offset, .what = xstrdup(why->msg) };

	(void)bundle_source_at(v->source, offset, &p.part);
	if (v->problems_n++ == 0)
		v->first = *why;
	if (v->problems.n < TOLD_MAX)
		vec_push(&v->problems, p);
	else
		free(p.what);
}

static int
begin(void *arg, size_t i, struct err *e)
{
	struct verify *const v = arg;

	(void)e;
	bundle_contents_begin(v->contents, i);
	return 0;
}

static int
take(void *arg, const void *p, size_t n, struct err *e)
{
	struct verify *const v = arg;

	(void)e;
	bundle_contents_take(v->contents, p, n);
	return 0;
}

static int
end(void *arg, size_t i, uint64_t offset, const struct err *why, struct err *e)
{
	struct verify *const v = arg;
	struct err bad = { 0 };

	(void)e;
	if (!why && bundle_contents_end(v->contents, i, &bad) < 0) {
		(void)bundle_source_blame(v->source, offset, &bad);
		why = &bad;
	}
	if (why)
		add_problem(v, offset, why);
	return 0;
}

static int
verify_blobs(struct verify *v, struct err *e)
{
	const struct progress progress = out_progress(v->app->out);
	const struct bundle_walk w = { .begin = begin,
		                       .take = take,
		                       .end = end,
		                       .arg = v,
		                       .progress = &progress,
		                       .hashes = true };
	struct err bad = { 0 };
	int rc;

	v->contents = bundle_contents_new(&v->bundle, &v->judged.origin);
	rc = bundle_walk(v->source, &v->bundle, &w, e);
	out_progress_done(v->app->out);
	if (rc == 0 && v->problems_n == 0 &&
	    bundle_contents_finish(v->contents, NULL, NULL, &bad) < 0) {
		(void)bundle_source_blame(v->source, 0, &bad);
		add_problem(v, v->bundle.begin, &bad);
	}
	return rc;
}

/* --- the front --- */

static int
no_root(const struct bundle *b, struct err *e)
{
	(void)err_set(e, ERR_USAGE,
	              "bundle verify: whose bundle may it be? registry %s was never "
	              "verified here",
	              b->inventory.registry_id);
	return err_hint(e, "--root FINGERPRINT of its first policy, as `slipway init` printed it "
	                   "there; not from the file or whoever brought it");
}

static int
judge(struct verify *v, const struct args *in, struct bundle_pin *pin, struct err *e)
{
	const char *const root = arg_value(in, "--root");
	struct bundle_expect x = { .self = arg_value(in, "--recipient"), .now_s = clock_now_s() };
	struct digest given;
	int rc = bundle_pin_load(v->bundle.inventory.registry_id, pin, e);

	if (rc == 0 && root)
		rc = fingerprint_parse(root, &given, e);
	if (rc < 0)
		return rc;
	if (!root && !pin->exists)
		return no_root(&v->bundle, e);
	if (root && pin->exists && !digest_eq(&given, &pin->root))
		return err_set(e, ERR_UNTRUSTED,
		               "registry %s was verified here with another "
		               "fingerprint",
		               v->bundle.inventory.registry_id);
	x.root = root ? &given : &pin->root;
	x.seen = pin->seen;
	rc = bundle_judge(&v->bundle, &x, &v->judged, e);
	v->is_judged = rc == 0;
	if (rc < 0)
		return bundle_source_blame(v->source, 0, e);
	pin->root = *x.root;
	return 0;
}

static int
remember(struct verify *v, struct bundle_pin *pin, struct err *e)
{
	pin->seen = (struct bundle_seen){
		.counter = v->bundle.inventory.counter,
		.inventory = v->bundle.front[FRONT_INVENTORY].digest,
		.head_size = v->judged.origin.trust.head.size,
		.head_root = v->judged.origin.trust.head.root,
	};
	return bundle_pin_save(v->bundle.inventory.registry_id, pin, e);
}

/* --- what is said --- */

static void
show_json(struct json_out *j, const struct verify *v)
{
	bundle_json(j, &v->bundle);
	jo_string(j, "signer", v->judged.signer);
	jo_u64(j, "policyVersion", v->judged.origin.trust.policy_version);
	jo_u64(j, "entries", v->judged.origin.trust.head.size);
	jo_bool(j, "ok", v->problems_n == 0);
	jo_u64(j, "parts", bundle_source_parts(v->source));
	jo_u64(j, "problemCount", v->problems_n);
	jo_begin(j, "problems", '[');
	for (size_t i = 0; i < v->problems.n; i++) {
		jo_begin(j, NULL, '{');
		jo_string(j, "what", v->problems.v[i].what);
		jo_u64(j, "part", v->problems.v[i].part);
		jo_u64(j, "offset", v->problems.v[i].offset);
		jo_end(j, '}');
	}
	jo_end(j, ']');
}

static void
show(const struct verify *v, bool has_self)
{
	struct out *const o = v->app->out;
	cleanup_buf struct buf line = { 0 };
	struct json_out *j;

	out_object_begin(o, "BundleVerification");
	j = out_object_json(o);
	if (j)
		show_json(j, v);
	bundle_line(&v->bundle, &line);
	if (out_format_of(o) == OUT_NAME) {
		out_text(o, "%" PRIu64 "\n", v->bundle.inventory.counter);
	} else if (!j) {
		out_text(o, "%s: %s\n", buf_cstr(&line), v->problems_n == 0 ? "ok" : "DAMAGED");
		bundle_fields(o, &v->bundle, v->judged.signer);
		if (v->bundle.inventory.recipients_n > 0 && !has_self)
			out_field(o, "recipient",
			          "not checked: --recipient ID of the registry here");
		for (size_t i = 0; i < v->problems.n; i++)
			out_field(o, i == 0 ? "problems" : "", "%s", v->problems.v[i].what);
	}
	out_object_end(o);
}

static int
run_source(struct verify *v, struct bundle_input *input, const struct args *in, struct err *e)
{
	struct bundle_pin pin;
	int rc = bundle_read_front(v->source, &v->bundle, e);

	if (rc == 0)
		rc = judge(v, in, &pin, e);
	if (rc == 0)
		rc = verify_blobs(v, e);
	if (rc == 0 && v->problems_n == 0)
		rc = bundle_input_end(input, e);
	if (rc < 0)
		return rc;
	show(v, arg_value(in, "--recipient") != NULL);
	if (v->problems_n > 0) {
		*e = v->first;
		return -(int)e->code;
	}
	return remember(v, &pin, e);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct verify v = { .app = a };
	struct bundle_input input;
	int rc = bundle_input_open(in, &input, e);

	v.source = input.source;
	if (rc == 0)
		rc = run_source(&v, &input, in, e);
	bundle_contents_free(v.contents);
	if (v.is_judged)
		bundle_judged_fini(&v.judged);
	bundle_fini(&v.bundle);
	vec_foreach(p, &v.problems)
		free(p->what);
	vec_fini(&v.problems);
	return bundle_input_close(&input, rc, e);
}

static const struct opt opts[] = {
	{ "--root", 0, "FINGERPRINT", "of the source's first policy, from a source of your own",
	  false },
	{ "--recipient", 0, "ID", "the registry that it should be for", false },
	{ "--identity", 0, "FILE", "the key of a medium that age encrypted", false },
	{ 0 },
};

const struct cmd cmd_bundle_verify = {
	.name = "bundle",
	.sub = "verify",
	.args = "FILE..",
	.summary = "check a bundle without any registry: all of it, and by whom",
	.group = "take out",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 999,
	.flags = CMD_WRITES_FILES,
	.run = run,
	.examples = "  slipway bundle verify /media/usb/bundle-3f2a11c0-0003.tar --root '9c41...'\n"
	            "  slipway bundle verify bundle-3f2a11c0-0003.tar.001\n",
};
