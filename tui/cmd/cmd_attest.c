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

#define TRIES 8 /* others may attest something about the model at the same moment */

struct attest {
	struct app *app;
	const struct version_row *version;
	enum evidence_type type;
	struct str text; /* the file's */
	struct digest file;
	json_t *content;
	struct signer *signer; /* whose word it is; has_signer false: not yet found */
	bool has_signer;
	struct signed_place previous; /* what the statement continues */
};

static json_t *
previous_json(const struct signed_place *p)
{
	if (digest_is_zero(&p->leaf))
		return json_null();
	return json_pack("{s:o, s:I}", "leaf", json_from_digest(&p->leaf), "seq",
	                 (json_int_t)p->seq);
}

/* Nobody attested anything about the model since the log was read. */
static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct attest *const v = arg;
	struct signed_place last;
	int rc = evidence_last(t, v->version->model, &last, e);

	if (rc < 0)
		return rc;
	if (last.seq != v->previous.seq || !digest_eq(&last.leaf, &v->previous.leaf)) {
		(void)err_set(e, ERR_CONFLICT,
		              "others attest something about \"%s\" at the same time",
		              v->version->model);
		return err_hint(e, "again; if nobody does, look with `slipway check`");
	}
	*ret_body = json_pack(
	        "{s:o, s:o, s:I, s:o, s:s}", "digest", json_from_digest(&v->version->digest),
	        "file", json_from_digest(&v->file), "number", (json_int_t)v->version->number,
	        "previous", previous_json(&v->previous), "type", evidence_type_name(v->type));
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
	json_object_set_new(o, "previous", previous_json(&v->previous));
	json_object_set_new(o, "registry", json_string(v->app->registry->id));
	json_object_set_new(o, "type", json_string(evidence_type_name(v->type)));
	json_object_set_new(o, "version", json_from_digest(&v->version->digest));
	return o;
}

/* The same file again is no news, when what was said of it still counts. */
static int
is_so(const struct attest *v, const struct ledger *l, bool *ret, struct err *e)
{
	const struct version_row *const of = v->version;
	struct evidence last;
	int rc = ledger_evidence(v->app->registry, l, of->model, of->number, &of->digest, v->type,
	                         &last, e);

	*ret = false;
	if (rc == -ERR_NOT_FOUND || rc == -ERR_UNTRUSTED) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	*ret = digest_eq(&last.file, &v->file);
	evidence_fini(&last);
	return 0;
}

static int
sign(struct attest *v, const struct ledger *l, struct buf *ret, struct err *e)
{
	cleanup_json json_t *o = NULL;
	int rc = ledger_evidence_last(l, v->version->model, &v->previous, e);

	if (rc == 0 && !v->has_signer)
		rc = signer_find(v->app, &l->policy,
		                 ROLE_BIT(ROLE_AUTHOR) | ROLE_BIT(ROLE_APPROVER) |
		                         ROLE_BIT(ROLE_SCANNER),
		                 v->signer, e);
	if (rc < 0)
		return rc;
	v->has_signer = true;
	o = predicate(v);
	return signer_sign(v->app, v->signer, "evidence", v->version->model, &v->version->digest, o,
	                   ret, e);
}

static int
commit(struct attest *v, const struct ledger *l, bool *ret_changed, struct err *e)
{
	struct registry *const r = v->app->registry;
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done = { 0 };
	int rc = blob_put_mem(r->blobs, v->text.p, v->text.n, &v->file, NULL, e);

	if (rc == 0)
		rc = sign(v, l, &envelope, e);
	if (rc < 0)
		return rc;
	const struct change c = { .type = "evidence",
		                  .model = v->version->model,
		                  .check = check,
		                  .arg = v,
		                  .blob = &v->file,
		                  .reason = v->app->reason,
		                  .statement = buf_str(&envelope) };
	rc = change_commit(r, &c, &done, e);
	*ret_changed = rc == 0 && done.changed;
	return rc;
}

static int
once(struct attest *v, bool *ret_changed, struct err *e)
{
	struct ledger l;
	bool so;
	int rc = ledger_open(v->app->registry, &l, e);

	if (rc < 0)
		return rc;
	rc = is_so(v, &l, &so, e);
	if (rc == 0 && !so)
		rc = commit(v, &l, ret_changed, e);
	if (rc == 0)
		ledger_remember(v->app->registry, &l);
	ledger_fini(&l);
	return rc;
}

int
attest_file(struct app *a, const struct version_row *version, enum evidence_type type,
            const char *path, struct signer *signer, bool *ret_changed, struct err *e)
{
	cleanup_signer struct signer found = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct attest v = { .app = a,
		            .version = version,
		            .type = type,
		            .signer = signer ? signer : &found,
		            .has_signer = signer != NULL };
	int rc = fs_read_at(AT_FDCWD, path, ATTEST_FILE_MAX, &text, e);

	*ret_changed = false;
	if (rc == 0)
		rc = attest_read(type, buf_str(&text), &v.content, e);
	if (rc < 0)
		return err_prefix(e, "\"%s\"", path);
	v.text = buf_str(&text);
	digest_small(text.p, text.n, &v.file);
	for (int i = 0; i < TRIES; i++) {
		err_clear(e);
		rc = once(&v, ret_changed, e);
		if (rc != -ERR_CONFLICT)
			break;
	}
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
	         out_format_of(a->out) == OUT_NAME ? ""
	         : changed                         ? " signed"
	                                           : " unchanged");
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
