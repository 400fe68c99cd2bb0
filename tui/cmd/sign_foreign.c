/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign REF: a version that came with a copied folder is taken by a signature of this registry. The
 * stored digest is signed: no bytes of the model are read again, so `verify` is for before. One
 * that is signed here stays as it is.
 */
#include "tui/cmd/sign_foreign.h"

#include <inttypes.h>

#include "registry/change.h"
#include "registry/ledger.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/cmd/shown.h"
#include "tui/cmd/sign.h"

struct sign {
	struct app *app;
	struct version_row version;
	char name[VERSION_NAME_SIZE];
	struct ledger ledger;
	struct signer signer;
	struct manifest manifest;
	bool changed;
};

static int
find(struct sign *s, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct ref ref;
	int rc = ref_parse(text, &ref, e);

	if (rc == 0 && ref.kind == REF_MODEL) {
		(void)err_set(e, ERR_USAGE, "sign: \"%s\" is a model, which version of it?", text);
		return err_hint(e, "slipway sign %.200s@vN", text);
	}
	if (rc == 0)
		rc = store_read_begin(s->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_resolve(t, &ref, &s->version, e);
	if (rc == 0)
		rc = version_is_live(&s->version, e);
	if (rc == 0)
		version_name(s->version.model, s->version.number, s->name);
	return rc;
}

static int
check_blobs(const struct sign *s, struct err *e)
{
	struct blobs *const b = s->app->registry->blobs;
	bool are_there = blob_exists(b, &s->manifest.config, NULL);
	uint64_t size;

	for (size_t i = 0; i < s->manifest.n && are_there; i++)
		are_there = blob_exists(b, &s->manifest.files[i].digest, &size) &&
		            size == s->manifest.files[i].size;
	if (are_there)
		return 0;
	(void)err_set(e, ERR_DIGEST, "%s: files are missing or of another size", s->name);
	return err_hint(e, BLOB_HINT_LOST);
}

static json_t *
predicate(const struct sign *s)
{
	struct registry *const r = s->app->registry;
	struct digest fileset, oms;

	manifest_fileset_digest(&s->manifest, &fileset);
	manifest_oms_root(&s->manifest, &oms);
	return json_pack("{s:I, s:I, s:o, s:s, s:I, s:o, s:s, s:{s:s, s:s}}", "bytes",
	                 (json_int_t)s->manifest.bytes, "files", (json_int_t)s->manifest.n,
	                 "fileset", json_from_digest(&fileset), "model", s->version.model, "number",
	                 (json_int_t)s->version.number, "oms_root", json_from_digest(&oms),
	                 "registry", r->id, "source", "kind", "registry", "name",
	                 r->identity.ids[r->identity.ids_n > 1 ? r->identity.ids_n - 2 : 0]);
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	struct sign *const s = arg;
	struct version_row now;
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc == 0 && a.policy_seq != s->ledger.policy.seq)
		rc = err_set(e, ERR_CONFLICT, "the policy changed meanwhile: sign again");
	if (rc == 0)
		rc = version_get(t, s->version.model, s->version.number, &now, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? err_set(e, ERR_CONFLICT, "%s is gone", s->name) : rc;
	if (!now.is_foreign)
		return CHANGE_NONE;
	rc = check_blobs(s, e);
	if (rc < 0)
		return rc;
	*ret_body = json_pack(
	        "{s:I, s:o, s:I, s:s, s:I, s:s}", "bytes", (json_int_t)s->manifest.bytes, "digest",
	        json_from_digest(&s->version.digest), "files", (json_int_t)s->manifest.n, "key",
	        s->signer.item.id, "number", (json_int_t)s->version.number, "signer", s->signer.id);
	return 0;
}

static int
commit(struct sign *s, struct err *e)
{
	cleanup_json json_t *p = predicate(s);
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	int rc = signer_sign(s->app, &s->signer, "version", s->version.model, &s->version.digest, p,
	                     &envelope, e);

	if (rc < 0)
		return rc;
	const struct change c = {
		.type = "version",
		.model = s->version.model,
		.check = check,
		.arg = s,
		.reason = s->app->reason,
		.statement = buf_str(&envelope),
	};
	rc = change_commit(s->app->registry, &c, &done, e);
	s->changed = rc == 0 && done.changed;
	return rc;
}

static int
sign(struct sign *s, struct err *e)
{
	int rc = ledger_open(s->app->registry, &s->ledger, e);

	if (rc == 0)
		rc = signer_find(s->app, &s->ledger.policy, ROLE_BIT(ROLE_AUTHOR), &s->signer, e);
	if (rc == 0)
		rc = version_manifest(s->app->registry, &s->version.digest, &s->manifest, e);
	if (rc == 0)
		rc = commit(s, e);
	return rc < 0 ? rc : ledger_save_pin(s->app->registry, &s->ledger, e);
}

static void
show(const struct sign *s)
{
	struct out *const o = s->app->out;
	struct json_out *j;

	out_object_begin(o, "Signed");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", s->version.model);
		jo_u64(j, "version", s->version.number);
		jo_digest(j, "digest", &s->version.digest);
		jo_bool(j, "changed", s->changed);
	}
	out_object_end(o);
	out_text(o, "%s%s\n", s->name,
	         out_format_of(o) == OUT_NAME ? ""
	         : s->changed                 ? " signed"
	                                      : " unchanged: it is signed here");
}

int
sign_foreign(struct app *a, const char *ref, struct err *e)
{
	struct sign s = { .app = a };
	int rc = find(&s, ref, e);

	if (rc == 0 && s.version.is_foreign)
		rc = sign(&s, e);
	if (rc == 0)
		show(&s);
	manifest_fini(&s.manifest);
	signer_fini(&s.signer);
	ledger_fini(&s.ledger);
	return rc;
}
