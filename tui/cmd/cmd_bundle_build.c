/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle build, resume: versions with their proof onto media. What it will be is said first; then
 * the inventory is signed and logged, and only then does a byte leave, so that an interrupted
 * bundle can be gone on with: it is known by its number.
 */
#include "tui/cmd/bundle_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/text.h"
#include "registry/bundle_build.h"
#include "registry/bundle_media.h"
#include "tui/cmd/audit.h"
#include "tui/cmd/bundle.h"
#include "tui/cmd/sign.h"

#define USUAL_BPS ((uint64_t)100 << 20) /* of a disk that is carried */

struct build {
	struct app *app;
	struct ledger ledger;
	struct bundle_ask ask;
	struct buf checkpoint;
	struct bundle_draft draft;
	char *dir, *name; /* where it goes; NULL: stdout */
	struct bundle_written written;
	bool changed;
	const struct args *encrypt; /* whose --encrypt-to says for whom; NULL: in the clear */
};

/* --- where it goes --- */

static void
default_name(const struct build *b, struct buf *ret)
{
	const struct bundle_inventory *const v = &b->draft.bundle.inventory;

	buf_addf(ret, "bundle-%.8s-%04" PRIu64 ".tar%s", v->registry_id, v->counter,
	         b->encrypt ? ".age" : "");
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
	default_name(b, &name);
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
		               b->draft.bundle.inventory.counter, part, b->ask.split);
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
	if (b->encrypt && b->ask.split > 0) {
		(void)err_set(e, ERR_USAGE, "--split cuts what is not encrypted");
		return err_hint(e,
		                "cut the encrypted file, `split -b 4G -d -a 3`, and join it with "
		                "`cat`");
	}
	if (b->ask.split > 0 && !b->name)
		return err_set(e, ERR_USAGE, "--split cuts files, and --to - is none");
	if (!b->name && app_is_interactive(b->app) && isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "a bundle is not for a terminal: --to FILE or a pipe");
	if (bundle_parts(&b->draft.bundle, b->ask.split) == 0)
		return err_set(e, ERR_USAGE, "more than %u parts: --split a larger size",
		               BUNDLE_PARTS_MAX);
	return 0;
}

/* --- encrypted: through age into a file that has its name once age is done with it --- */

static int
finish_file(struct build *b, int dir, int fd, const char *partial, struct err *e)
{
	if (fsync(fd) < 0 || renameat(dir, partial, dir, b->name) < 0)
		return err_sys(e, "write \"%s/%s\"", b->dir, b->name);
	return fs_sync_dir(dir, e);
}

static int
write_through(struct build *b, int out, struct err *e)
{
	const struct progress progress = out_progress(b->app->out);
	struct age age;
	int rc = age_encrypt(b->encrypt, "--encrypt-to", out, &age, e);

	if (rc < 0)
		return rc;
	const struct bundle_media m = { .stdout_fd = age.fd, .progress = &progress };
	rc = bundle_write(b->app->registry->blobs, &b->draft.bundle, &m, &b->written, e);
	out_progress_done(b->app->out);
	if (rc == 0 || (rc == -ERR_SYS && e->sys == EPIPE))
		rc = age_end(&age, e);
	age_kill(&age);
	return rc;
}

static int
write_encrypted(struct build *b, struct err *e)
{
	cleanup_free char *partial = b->name ? xasprintf("%s.partial", b->name) : NULL;
	cleanup_close int dir = -1, fd = -1;
	int rc;

	if (!b->name)
		return write_through(b, STDOUT_FILENO, e);
	rc = fs_open_dir(AT_FDCWD, b->dir, &dir, e);
	if (rc < 0)
		return rc;
	if (faccessat(dir, b->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_EXISTS,
		               "\"%s/%s\" is there: an encrypted bundle is never "
		               "the same twice",
		               b->dir, b->name);
	fd = openat(dir, partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "write \"%s/%s\"", b->dir, partial);
	rc = write_through(b, fd, e);
	return rc < 0 ? rc : finish_file(b, dir, fd, partial, e);
}

static int
write_out(struct build *b, unsigned from, struct err *e)
{
	if (b->encrypt)
		return write_encrypted(b, e);
	const struct progress progress = out_progress(b->app->out);
	const struct bundle_media m = {
		.dir = b->dir,
		.name = b->name,
		.stdout_fd = b->name ? -1 : STDOUT_FILENO,
		.split = b->ask.split,
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
	const unsigned parts = bundle_parts(x, b->ask.split);
	const uint64_t s = x->size / USUAL_BPS;

	bundle_line(x, &line);
	if (b->ask.split > 0)
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
	bundle_part_name(b->name, b->ask.split, 1, &name);
	out_object_begin(o, "BundleBuild");
	j = out_object_json(o);
	if (j) {
		bundle_json(j, x);
		jo_bool(j, "changed", b->changed);
		jo_string(j, "path", buf_cstr(&name));
		jo_string(j, "folder", b->dir);
		jo_u64(j, "parts",
		       b->app->dry_run ? bundle_parts(x, b->ask.split) : b->written.parts);
		jo_u64(j, "written", b->written.written);
	}
	out_object_end(o);
	if (b->app->dry_run)
		return;
	bundle_line(x, &line);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s/%s\n", b->dir, buf_cstr(&name));
	else if (b->ask.split > 0 && b->written.parts > 1)
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
	int rc = bundle_ask_versions(&b->ask, b->app, in, e);

	if (rc == 0)
		rc = audit_checkpoint(b->app, &b->ledger, arg_value(in, "--checkpoint"),
		                      &b->checkpoint, e);
	if (rc < 0)
		return rc;
	const struct bundle_request q = {
		.versions = b->ask.versions.v,
		.versions_n = b->ask.versions.n,
		.recipients = (char(*)[REGISTRY_ID_SIZE])b->ask.recipients.v,
		.recipients_n = b->ask.recipients.n,
		.since = b->ask.since,
		.days = b->ask.days,
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
	bundle_ask_fini(&b->ask);
	buf_fini(&b->checkpoint);
	bundle_draft_fini(&b->draft);
	free(b->dir);
	free(b->name);
}

/* Before anything is signed or written. */
static int
ask_encryption(struct build *b, const struct args *in, struct err *e)
{
	cleanup_free char *program = NULL;
	int rc = age_check_recipients(in, "--encrypt-to", e);

	if (rc == 0)
		rc = age_find(&program, e);
	b->encrypt = in;
	return rc;
}

static int
run_build(struct app *a, const struct args *in, struct err *e)
{
	struct build b = { .app = a };
	int rc = bundle_ask_options(&b.ask, in, e);

	if (rc == 0 && arg_value(in, "--encrypt-to"))
		rc = ask_encryption(&b, in, e);
	if (rc == 0 && in->pos_n == 0 && !arg_value(in, "--stage")) {
		(void)err_set(e, ERR_USAGE, "bundle build: which versions?");
		rc = err_hint(e, "slipway bundle build REF.., or --stage STAGE for what is there");
	}
	if (rc == 0)
		rc = ledger_open(a->registry, &b.ledger, e);
	if (rc == 0)
		rc = bundle_ask_other_side(&b.ask, a, &b.ledger, in, e);
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
	if (rc == 0 && from > bundle_parts(&b->draft.bundle, b->ask.split))
		rc = err_set(e, ERR_USAGE, "the bundle has %u part%s",
		             bundle_parts(&b->draft.bundle, b->ask.split),
		             b->ask.split > 0 ? "s of that size" : "");
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
	int rc = bundle_ask_options(&b.ask, in, e);

	if (rc == 0)
		rc = resume(&b, in, e);
	fini(&b);
	return rc;
}

static const struct opt build_opts[] = {
	{ "--stage", 0, "STAGE", "what this stage holds: of all models, or of those named", false },
	{ "--since", 0, "N", "only what bundle N and those before it did not bring", false },
	{ "--for", 0, "FILE", "a receipt or a wish of the other side: only what it lacks", false },
	{ "--recipient", 0, "ID", "for this registry alone; may be repeated", true },
	{ "--expires", 0, "D", "how long it may be taken in; 90d when not given", false },
	{ "--split", 0, "SIZE", "parts of this size: 4G", false },
	{ "--encrypt-to", 0, "AGE1..", "encrypted with age for this key; may be repeated", true },
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
	{ "--encrypt-to", 0, "AGE1..", "encrypted with age for this key; may be repeated", true },
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
