/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle build, resume: versions with their proof onto media. What it will be is said first; then
 * the inventory is signed and logged, and only then does a byte leave, so that an interrupted
 * bundle can be gone on with: it is known by its number.
 */
#include "tui/cmd/bundle.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/bundle_build.h"
#include "registry/bundle_media.h"
#include "registry/ref.h"
#include "tui/cmd/audit.h"
#include "tui/cmd/sign.h"

#define DAYS_MAX  400
#define USUAL_BPS ((uint64_t)100 << 20) /* of a disk that is carried */

struct recipient {
	char id[REGISTRY_ID_SIZE];
};
struct build {
	struct app *app;
	struct ledger ledger;
	VEC(struct version_row) versions;
	VEC(struct recipient) recipients;
	uint64_t since, days, split;
	struct buf checkpoint;
	struct bundle_draft draft;
	char *dir, *name; /* where it goes; NULL: stdout */
	struct bundle_written written;
	bool changed;
};

/* --- what is asked for --- */

static int
by_version(const void *a, const void *b)
{
	const struct version_row *const x = a, *const y = b;
	const int rc = strcmp(x->model, y->model);

	return rc != 0 ? rc : x->number < y->number ? -1 : x->number > y->number;
}

struct stage_walk {
	struct build *b;
	const char *stage;
	struct txn *t;
	struct err *e;
};

static int
take_stage(void *arg, const struct model_row *m)
{
	struct stage_walk *const w = arg;
	const struct stage_mark *const s = model_stage(m, w->stage);
	struct version_row v;
	int rc;

	if (!s || s->number == 0)
		return 0;
	rc = version_get(w->t, m->name, s->number, &v, w->e);
	if (rc == 0)
		vec_push(&w->b->versions, v);
	return rc;
}

static int
find_one(struct build *b, struct txn *t, const char *text, const char *stage, struct err *e)
{
	cleanup_free char *ref =
	        stage && !strchr(text, '@') ? xasprintf("%s@%s", text, stage) : xstrdup(text);
	struct version_row v;
	int rc = ref_find(t, ref, &v, e);

	if (rc == 0)
		vec_push(&b->versions, v);
	return rc;
}

static int
find_versions(struct build *b, const struct args *in, struct err *e)
{
	const char *const stage = arg_value(in, "--stage");
	cleanup_txn struct txn *t = NULL;
	size_t kept = 0;
	int rc = store_read_begin(b->app->registry->store, &t, e);

	if (rc == 0 && in->pos_n == 0 && stage) {
		struct stage_walk w = { .b = b, .stage = stage, .t = t, .e = e };
		rc = model_each(t, NULL, take_stage, &w, e);
	}
	for (size_t i = 0; rc == 0 && i < in->pos_n; i++)
		rc = find_one(b, t, in->pos[i], stage, e);
	if (rc < 0)
		return rc;
	if (b->versions.n == 0)
		return err_set(e, ERR_NOT_FOUND, "no model has a version in %s", stage);
	qsort(b->versions.v, b->versions.n, sizeof *b->versions.v, by_version);
	for (size_t i = 0; i < b->versions.n; i++)
		if (kept == 0 || by_version(&b->versions.v[kept - 1], &b->versions.v[i]) != 0)
			b->versions.v[kept++] = b->versions.v[i];
	b->versions.n = kept;
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
take_recipients(struct build *b, const struct args *in, struct err *e)
{
	size_t kept = 0;

	args_foreach(id, in, "--recipient") {
		struct recipient one;

		if (strspn(id, "0123456789abcdef") != 32 ||
		    str_copy(one.id, sizeof one.id, id) < 0) {
			(void)err_set(e, ERR_USAGE, "--recipient: \"%s\" is no registry id", id);
			return err_hint(e, "32 hex digits, as `slipway doctor` shows them there");
		}
		vec_push(&b->recipients, one);
	}
	if (b->recipients.n > BUNDLE_RECIPIENTS_MAX)
		return err_set(e, ERR_USAGE, "more than %u recipients", BUNDLE_RECIPIENTS_MAX);
	if (b->recipients.n > 1)
		qsort(b->recipients.v, b->recipients.n, sizeof *b->recipients.v, by_text);
	for (size_t i = 0; i < b->recipients.n; i++)
		if (kept == 0 || !streq(b->recipients.v[kept - 1].id, b->recipients.v[i].id))
			b->recipients.v[kept++] = b->recipients.v[i];
	b->recipients.n = kept;
	return 0;
}

static int
take_split(struct build *b, const struct args *in, struct err *e)
{
	const char *const split = arg_value(in, "--split");

	if (!split)
		return 0;
	if (parse_size(split, &b->split) < 0 || b->split < BUNDLE_SPLIT_MIN)
		return err_set(e, ERR_USAGE, "--split: \"%s\" is no size of 16K or more", split);
	return 0;
}

static int
take_numbers(struct build *b, const struct args *in, struct err *e)
{
	const char *const since = arg_value(in, "--since"), *const days =
	                                                            arg_value(in, "--expires");
	uint64_t ms;

	b->days = BUNDLE_DAYS;
	if (since && (parse_u64(since, UINT32_MAX, &b->since) < 0 || b->since == 0))
		return err_set(e, ERR_USAGE, "--since: \"%s\" is no number of a bundle", since);
	if (!days)
		return 0;
	if (parse_duration_ms(days, &ms) < 0 || ms < 24 * 3600 * 1000 ||
	    ms / (24 * 3600 * 1000) > DAYS_MAX)
		return err_set(e, ERR_USAGE, "--expires: \"%s\" is not 1d to %dd", days, DAYS_MAX);
	b->days = ms / (24 * 3600 * 1000);
	return 0;
}

/* --- where it goes --- */

static void
default_name(const struct bundle *b, struct buf *ret)
{
	buf_addf(ret, "bundle-%.8s-%04" PRIu64 ".tar", b->inventory.registry_id,
	         b->inventory.counter);
}

/* --to: a folder, a file, or "-". */
static void
choose_place(struct build *b, const char *to)
{
	cleanup_buf struct buf name = { 0 };
	const char *slash;
	struct stat st;

	if (to && streq(to, "-"))
		return;
	default_name(&b->draft.bundle, &name);
	if (!to || (stat(to, &st) == 0 && S_ISDIR(st.st_mode))) {
		b->dir = xstrdup(to ? to : ".");
		b->name = buf_steal(&name);
		return;
	}
	slash = strrchr(to, '/');
	b->dir = !slash        ? xstrdup(".")
	         : slash == to ? xstrdup("/")
	                       : xstrndup(to, (size_t)(slash - to));
	b->name = xstrdup(slash ? slash + 1 : to);
}

static int
ask_medium(void *arg, unsigned part, char **ret_dir, struct err *e)
{
	struct build *const b = arg;
	cleanup_free char *question = NULL;
	cleanup_buf struct buf answer = { 0 };
	int rc;

	if (!app_is_interactive(b->app)) {
		(void)err_hint(e,
		               "put the next medium in: slipway bundle resume %" PRIu64
		               " --part %u --to DIR --split %" PRIu64,
		               b->draft.bundle.inventory.counter, part, b->split);
		return -ERR_NO_SPACE;
	}
	out_progress_done(b->app->out);
	question = xasprintf("\"%s\" is full: put the next medium in for part %u, and Enter (or "
	                     "its folder): ",
	                     b->dir, part);
	err_clear(e);
	rc = out_ask(b->app->out, question, &answer, e);
	if (rc < 0)
		return rc;
	*ret_dir = xstrdup(answer.n > 0 ? buf_cstr(&answer) : b->dir);
	return 0;
}

static int
check_room(const struct build *b, struct err *e)
{
	if (b->split > 0 && !b->name)
		return err_set(e, ERR_USAGE, "--split cuts files, and --to - is none");
	if (!b->name && app_is_interactive(b->app) && isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "a bundle is not for a terminal: --to FILE or a pipe");
	if (bundle_parts(&b->draft.bundle, b->split) == 0)
		return err_set(e, ERR_USAGE, "more than %u parts: --split a larger size",
		               BUNDLE_PARTS_MAX);
	return 0;
}

static int
write_out(struct build *b, unsigned from, struct err *e)
{
	const struct progress progress = out_progress(b->app->out);
	const struct bundle_media m = {
		.dir = b->dir,
		.name = b->name,
		.stdout_fd = b->name ? -1 : STDOUT_FILENO,
		.split = b->split,
		.from = from,
		.progress = &progress,
		.full = ask_medium,
		.arg = b,
	};
	int rc = bundle_write(b->app->registry->blobs, &b->draft.bundle, &m, &b->written, e);

	out_progress_done(b->app->out);
	if (rc < 0 && e->code != ERR_DIGEST && e->code != ERR_EXISTS && e->hint[0] == '\0')
		return err_hint(e, "slipway bundle resume %" PRIu64 " goes on with it",
		                b->draft.bundle.inventory.counter);
	return rc;
}

/* --- what is said --- */

static void
say_before(const struct build *b)
{
	cleanup_buf struct buf line = { 0 };
	const struct bundle *const x = &b->draft.bundle;
	const unsigned parts = bundle_parts(x, b->split);
	const uint64_t s = x->size / USUAL_BPS;

	bundle_line(x, &line);
	if (b->split > 0)
		buf_addf(&line, " in %u part%s", parts, parts == 1 ? "" : "s");
	buf_addf(&line, ", about %" PRIu64 "%s at 100 MB/s", s < 120 ? s + 1 : s / 60,
	         s < 120 ? " s" : " min");
	out_note(b->app->out, "%s", buf_cstr(&line));
}

static void
show(const struct build *b)
{
	struct out *const o = b->app->out;
	const struct bundle *const x = &b->draft.bundle;
	cleanup_buf struct buf line = { 0 }, name = { 0 };
	struct json_out *j;

	if (!b->name)
		return; /* stdout is the bundle */
	bundle_part_name(b->name, b->split, 1, &name);
	out_object_begin(o, "BundleBuild");
	j = out_object_json(o);
	if (j) {
		bundle_json(j, x);
		jo_bool(j, "changed", b->changed);
		jo_string(j, "path", buf_cstr(&name));
		jo_string(j, "folder", b->dir);
		jo_u64(j, "parts", b->app->dry_run ? bundle_parts(x, b->split) : b->written.parts);
		jo_u64(j, "written", b->written.written);
	}
	out_object_end(o);
	if (b->app->dry_run)
		return;
	bundle_line(x, &line);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s/%s\n", b->dir, buf_cstr(&name));
	else if (b->split > 0 && b->written.parts > 1)
		out_text(o, "%s: %s/%s and %u more\n", buf_cstr(&line), b->dir, buf_cstr(&name),
		         b->written.parts - 1);
	else
		out_text(o, "%s: %s/%s\n", buf_cstr(&line), b->dir, buf_cstr(&name));
	if (!b->changed && b->written.written == 0)
		out_note(o, "it was built before, and all of it is there");
}

/* --- build --- */

static int
draft(struct build *b, const struct args *in, struct err *e)
{
	int rc = find_versions(b, in, e);

	if (rc == 0)
		rc = audit_checkpoint(b->app, &b->ledger, arg_value(in, "--checkpoint"),
		                      &b->checkpoint, e);
	if (rc < 0)
		return rc;
	const struct bundle_request q = {
		.versions = b->versions.v,
		.versions_n = b->versions.n,
		.recipients = (char(*)[REGISTRY_ID_SIZE])b->recipients.v,
		.recipients_n = b->recipients.n,
		.since = b->since,
		.days = b->days,
		.now_s = clock_now_s(),
		.checkpoint = buf_str(&b->checkpoint),
	};
	return bundle_draft(b->app->registry, &b->ledger, &q, &b->draft, e);
}

static int
sign_and_commit(struct build *b, struct err *e)
{
	cleanup_signer struct signer s = { 0 };
	cleanup_json json_t *predicate = bundle_predicate(&b->draft.bundle.inventory);
	cleanup_buf struct buf envelope = { 0 };
	cleanup_free char *name = xasprintf("bundle-%" PRIu64, b->draft.bundle.inventory.counter);
	int rc = signer_find(b->app, &b->ledger.policy, ROLES_PERSON, &s, e);

	if (rc == 0)
		rc = signer_sign(b->app, &s, "bundle", name,
		                 &b->draft.bundle.front[FRONT_INVENTORY].digest, predicate,
		                 &envelope, e);
	if (rc == 0)
		rc = bundle_commit(b->app->registry, &b->draft, buf_str(&envelope), b->app->reason,
		                   e);
	b->changed = rc == 0;
	return rc;
}

/* Its size is known for sure once it is signed; an envelope has about so many bytes. */
static int
guess_size(struct build *b, struct err *e)
{
	struct bundle *const x = &b->draft.bundle;
	int rc;

	if (b->draft.is_built)
		return 0;
	bundle_inventory_fini(&x->inventory);
	bundle_list_fini(&x->list);
	rc = bundle_complete(x, e);
	return rc;
}

static int
build(struct build *b, const struct args *in, struct err *e)
{
	int rc = draft(b, in, e);

	if (rc == 0)
		rc = guess_size(b, e);
	if (rc < 0)
		return rc;
	choose_place(b, arg_value(in, "--to"));
	rc = check_room(b, e);
	if (rc < 0)
		return rc;
	say_before(b);
	if (!b->app->dry_run && !b->draft.is_built)
		rc = sign_and_commit(b, e);
	if (rc == 0 && b->changed)
		ledger_remember(b->app->registry, &b->ledger);
	if (rc == 0 && !b->app->dry_run)
		rc = write_out(b, 1, e);
	if (rc == 0)
		show(b);
	return rc;
}

static void
fini(struct build *b)
{
	ledger_fini(&b->ledger);
	vec_fini(&b->versions);
	vec_fini(&b->recipients);
	buf_fini(&b->checkpoint);
	bundle_draft_fini(&b->draft);
	free(b->dir);
	free(b->name);
}

static int
run_build(struct app *a, const struct args *in, struct err *e)
{
	struct build b = { .app = a };
	int rc = take_numbers(&b, in, e);

	if (rc == 0)
		rc = take_split(&b, in, e);
	if (rc == 0)
		rc = take_recipients(&b, in, e);
	if (rc == 0 && in->pos_n == 0 && !arg_value(in, "--stage")) {
		(void)err_set(e, ERR_USAGE, "bundle build: which versions?");
		rc = err_hint(e, "slipway bundle build REF.., or --stage STAGE for what is there");
	}
	if (rc == 0)
		rc = ledger_open(a->registry, &b.ledger, e);
	if (rc == 0)
		rc = build(&b, in, e);
	fini(&b);
	return rc;
}

/* --- resume --- */

static int
find_claim(struct build *b, const char *text, struct bundle_claim *ret, struct err *e)
{
	struct registry *const r = b->app->registry;
	cleanup_txn struct txn *t = NULL;
	uint64_t counter = 0;
	int rc;

	if (text && (parse_u64(text, UINT32_MAX, &counter) < 0 || counter == 0))
		return err_set(e, ERR_USAGE, "\"%s\" is no number of a bundle", text);
	rc = store_read_begin(r->store, &t, e);
	if (rc == 0)
		rc = counter > 0 ? bundle_row_get(t, BUNDLE_BUILT, r->id, counter, ret, e)
		                 : bundle_row_last(t, BUNDLE_BUILT, r->id, ret, e);
	if (rc != -ERR_NOT_FOUND && (rc < 0 || ret->counter > 0))
		return rc;
	if (counter > 0)
		(void)err_set(e, ERR_NOT_FOUND, "no bundle %" PRIu64 " was built here", counter);
	else
		(void)err_set(e, ERR_NOT_FOUND, "no bundle was built here");
	return err_hint(e, "slipway bundle list shows them");
}

static int
resume(struct build *b, const struct args *in, struct err *e)
{
	const char *const part = arg_value(in, "--part");
	struct bundle_claim c = { 0 };
	uint64_t from = 1;
	int rc = find_claim(b, in->pos_n > 0 ? in->pos[0] : NULL, &c, e);

	if (rc == 0 && part && (parse_u64(part, BUNDLE_PARTS_MAX, &from) < 0 || from == 0))
		rc = err_set(e, ERR_USAGE, "--part: \"%s\" is no part", part);
	if (rc == 0)
		rc = bundle_load(b->app->registry, &c, &b->draft.bundle, e);
	if (rc < 0)
		return rc;
	choose_place(b, arg_value(in, "--to"));
	rc = check_room(b, e);
	if (rc == 0 && from > bundle_parts(&b->draft.bundle, b->split))
		rc = err_set(e, ERR_USAGE, "the bundle has %u part%s",
		             bundle_parts(&b->draft.bundle, b->split),
		             b->split > 0 ? "s of that size" : "");
	if (rc < 0)
		return rc;
	say_before(b);
	rc = write_out(b, (unsigned)from, e);
	if (rc == 0)
		show(b);
	return rc;
}

static int
run_resume(struct app *a, const struct args *in, struct err *e)
{
	struct build b = { .app = a };
	int rc = take_split(&b, in, e);

	if (rc == 0)
		rc = resume(&b, in, e);
	fini(&b);
	return rc;
}

static const struct opt build_opts[] = {
	{ "--stage", 0, "STAGE", "what this stage holds: of all models, or of those named", false },
	{ "--since", 0, "N", "only what bundle N and those before it did not bring", false },
	{ "--recipient", 0, "ID", "for this registry alone; may be repeated", true },
	{ "--expires", 0, "D", "how long it may be taken in; 90d when not given", false },
	{ "--split", 0, "SIZE", "parts of this size: 4G", false },
	{ "--to", 0, "PLACE", "a file, a folder, or - for stdout; here when not given", false },
	{ "--checkpoint", 0, "FILE", "of the log, when its key is on another machine", false },
	{ 0 },
};

const struct cmd cmd_bundle_build = {
	.name = "bundle",
	.sub = "build",
	.args = "REF..",
	.summary = "versions with their proof as a file for a site without a connection",
	.group = "take out",
	.opts = build_opts,
	.max_pos = 512,
	.flags = CMD_READS | CMD_CHANGES | CMD_SIGNS | CMD_REASON | CMD_WRITES_FILES | CMD_DRY_RUN,
	.run = run_build,
	.examples = "  slipway bundle build fraud-ranker@v41 ocr-eng --to /media/usb\n"
	            "  slipway bundle build --stage production --since 3 --split 4G\n",
};

static const struct opt resume_opts[] = {
	{ "--split", 0, "SIZE", "parts of this size, as they were begun with", false },
	{ "--part", 0, "N", "from this part on; those before are elsewhere", false },
	{ "--to", 0, "PLACE", "where it was begun, or the next medium", false },
	{ 0 },
};

const struct cmd cmd_bundle_resume = {
	.name = "bundle",
	.sub = "resume",
	.args = "[N]",
	.summary = "go on writing a bundle, or write it again",
	.group = "take out",
	.opts = resume_opts,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES,
	.run = run_resume,
	.examples = "  slipway bundle resume --to /media/usb\n"
	            "  slipway bundle resume 3 --split 4G --part 2 --to /media/usb\n",
};
