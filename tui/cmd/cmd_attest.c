/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest: metrics, licence, lineage or a scan of a version, out of a file, signed. The file's bytes
 * are kept as a blob, what gates ask about is in the statement.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/change.h"
#include "registry/ref.h"
#include "tui/cmd/attest.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/shown.h"

struct attest {
	struct app *app;
	const struct version_row *version;
	enum evidence_type type;
	struct digest file;
	json_t *content;
	struct signer *signer; /* NULL: to be found */
};

/* The same again is no news. */
static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct attest *const v = arg;
	struct evidence last;
	int rc = evidence_get(t, v->version->model, v->version->number, v->type, &last, e);

	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (rc == 0) {
		const bool same = json_equal(last.content, v->content) &&
		                  digest_eq(&last.version, &v->version->digest);
		evidence_fini(&last);
		if (same)
			return CHANGE_NONE;
	}
	*ret_body = json_pack("{s:o, s:o, s:I, s:s}", "digest",
	                      json_from_digest(&v->version->digest), "file",
	                      json_from_digest(&v->file), "number",
	                      (json_int_t)v->version->number, "type", evidence_type_name(v->type));
	return 0;
}

static json_t *
predicate(const struct attest *v)
{
	json_t *o = json_object();

	json_object_set(o, "content", v->content);
	json_object_set_new(o, "file", json_from_digest(&v->file));
	json_object_set_new(o, "model", json_string(v->version->model));
	json_object_set_new(o, "number", json_integer((json_int_t)v->version->number));
	json_object_set_new(o, "registry", json_string(v->app->registry->id));
	json_object_set_new(o, "type", json_string(evidence_type_name(v->type)));
	json_object_set_new(o, "version", json_from_digest(&v->version->digest));
	return o;
}

/* Asked before the passphrase. */
static int
is_so(struct attest *v, bool *ret, struct err *e)
{
	struct txn *t;
	json_t *body = NULL;
	int rc = store_read_begin(v->app->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = check(t, v, &body, e);
	store_abort(t);
	json_decref(body);
	*ret = rc == CHANGE_NONE;
	return rc < 0 ? rc : 0;
}

static int
sign_and_commit(struct attest *v, bool *ret_changed, struct err *e)
{
	cleanup_json json_t *o = predicate(v);
	cleanup_signer struct signer found = { 0 };
	struct signer *const signer = v->signer ? v->signer : &found;
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done = { 0 };
	struct ledger l;
	int rc = ledger_open(v->app->registry, &l, e);

	if (rc < 0)
		return rc;
	if (!v->signer)
		rc = signer_find(v->app, &l.policy,
		                 ROLE_BIT(ROLE_AUTHOR) | ROLE_BIT(ROLE_APPROVER) |
		                         ROLE_BIT(ROLE_SCANNER),
		                 &found, e);
	if (rc == 0)
		rc = signer_sign(v->app, signer, "evidence", v->version->model,
		                 &v->version->digest, o, &envelope, e);
	if (rc == 0) {
		const struct change c = { .type = "evidence",
			                  .model = v->version->model,
			                  .check = check,
			                  .arg = v,
			                  .blob = &v->file,
			                  .reason = v->app->reason,
			                  .statement = buf_str(&envelope) };
		rc = change_commit(v->app->registry, &c, &done, e);
	}
	if (rc == 0)
		ledger_remember(v->app->registry, &l);
	*ret_changed = rc == 0 && done.changed;
	ledger_fini(&l);
	return rc;
}

int
attest_file(struct app *a, const struct version_row *version, enum evidence_type type,
            const char *path, struct signer *signer, bool *ret_changed, struct err *e)
{
	struct attest v = {
		.app = a, .version = version, .type = type, .signer = signer
	};
	cleanup_buf struct buf text = { 0 };
	bool so = false;
	int rc = fs_read_at(AT_FDCWD, path, ATTEST_FILE_MAX, &text, e);

	*ret_changed = false;
	if (rc == 0)
		rc = attest_read(type, buf_str(&text), &v.content, e);
	if (rc < 0)
		return err_prefix(e, "\"%s\"", path);
	digest_small(text.p, text.n, &v.file);
	rc = is_so(&v, &so, e);
	if (rc == 0 && !so)
		rc = blob_put_mem(a->registry->blobs, text.p, text.n, &v.file, NULL, e);
	if (rc == 0 && !so)
		rc = sign_and_commit(&v, ret_changed, e);
	json_decref(v.content);
	return rc;
}

static int
find(struct app *a, const char *text, struct version_row *ret, struct err *e)
{
	struct ref ref;
	struct txn *t;
	int rc = ref_parse(text, &ref, e);

	if (rc == 0 && ref.kind == REF_MODEL) {
		(void)err_set(e, ERR_USAGE, "\"%s\" names a model, not a version", text);
		return err_hint(e, "slipway attest %s@v1 --type metrics FILE", text);
	}
	if (rc == 0)
		rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = ref_resolve(t, &ref, ret, e);
	store_abort(t);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *const word = arg_value(in, "--type");
	char name[VERSION_NAME_SIZE];
	enum evidence_type type;
	struct version_row v;
	struct json_out *j;
	bool changed;
	int rc;

	if (!word || evidence_type_parse(word, &type) < 0) {
		(void)err_set(e, ERR_USAGE, "attest: of which type?");
		return err_hint(e, "--type metrics, licence, lineage or scan");
	}
	rc = find(a, in->pos[0], &v, e);
	if (rc == 0)
		rc = attest_file(a, &v, type, in->pos[1], NULL, &changed, e);
	if (rc < 0)
		return rc;
	version_name(v.model, v.number, name);
	out_object_begin(a->out, "Attested");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "model", v.model);
		jo_u64(j, "version", v.number);
		jo_string(j, "type", word);
		jo_bool(j, "changed", changed);
	}
	out_object_end(a->out);
	out_text(a->out, "%s%s%s%s\n", name, out_format_of(a->out) == OUT_NAME ? "" : ": ",
	         out_format_of(a->out) == OUT_NAME ? "" : word,
	         out_format_of(a->out) == OUT_NAME ? "" : changed ? " signed" : " unchanged");
	return 0;
}

static const struct opt opts[] = {
	{ "--type", 0, "TYPE", "metrics, licence, lineage or scan", false },
	{ 0 },
};

const struct cmd cmd_attest = {
	.name = "attest",
	.args = "REF --type TYPE FILE",
	.summary = "sign evidence about a version: metrics, licence, lineage, scan",
	.group = "bring in",
	.opts = opts,
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_READS | CMD_CHANGES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway attest fraud-ranker@v41 --type metrics metrics.json\n",
};
