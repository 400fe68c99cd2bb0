/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs and a manifest that are there become a version: is it one already, what is signed, the
 * entry, labels, what prints. Whether the model has these bytes is known only when they were read,
 * so a person is asked for the passphrase behind that, and not at all when nothing is new; one that
 * is given by descriptor is tried before. Knows not where the bytes come from.
 */
#include "tui/cmd/intake.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/base/text.h"
#include "registry/change.h"
#include "registry/fault.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/cmd/attest.h"
#include "tui/cmd/shown.h"

#define SMOKE_MAX (1u << 20)

static int
put_smoke(struct intake *m, const char *path, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc;

	rc = fs_read_at(AT_FDCWD, path, SMOKE_MAX, &text, e);
	if (rc == 0)
		rc = json_parse(buf_str(&text), path, &o, e);
	if (rc == 0 && !streq(json_opt_string(o, "kind"), "Smoke"))
		rc = err_set(e, ERR_MALFORMED,
		             "\"%s\" is no golden request: its kind is not \"Smoke\"", path);
	if (rc < 0)
		return err_prefix(e, "--smoke");
	m->has_smoke = true;
	return blob_put_mem(m->app->registry->blobs, text.p, text.n, &m->smoke, NULL, e);
}

/* Only its home numbers a model's versions. */
static int
is_home(const struct intake *m, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row row = { 0 };
	int rc = store_read_begin(m->app->registry->store, &t, e);

	if (rc == 0)
		rc = model_get(t, m->model, &row, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? 0 : rc;
	if (!row.home[0])
		return 0;
	(void)err_set(e, ERR_CONFLICT, "\"%s\" has its home in registry %s, which numbers its "
	                               "versions",
	              m->model, row.home);
	return err_hint(e, "bring it in there, or here under another name");
}

int
intake_begin(struct intake *m, const struct args *in, struct err *e)
{
	int rc;

	m->model = arg_value(in, "--as");
	if (!m->model) {
		(void)err_set(e, ERR_USAGE, "%s: under which name?", m->verb);
		return err_hint(e, "slipway %s %s --as NAME", m->verb, m->what);
	}
	rc = ref_check_model(m->model, e);
	args_foreach(text, in, "--label") {
		if (rc == 0)
			rc = label_set(&m->labels, text, e);
	}
	if (rc == 0)
		rc = app_open(m->app, REGISTRY_WRITE, e);
	return rc == 0 ? is_home(m, e) : rc;
}

/* Read before anything is brought in, so that a bad file brings in nothing. */
static int
check_metrics(const char *path, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	json_t *content = NULL;
	int rc = fs_read_at(AT_FDCWD, path, ATTEST_FILE_MAX, &text, e);

	if (rc == 0)
		rc = attest_read(EVIDENCE_METRICS, buf_str(&text), &content, e);
	json_decref(content);
	return rc < 0 ? err_prefix(e, "--metrics \"%s\"", path) : 0;
}

int
intake_prepare(struct intake *m, const struct args *in, struct err *e)
{
	const char *const smoke = arg_value(in, "--smoke");
	int rc;

	rc = ledger_open(m->app->registry, &m->ledger, e);
	if (rc == 0)
		rc = signer_find(m->app, &m->ledger.policy, ROLE_BIT(ROLE_AUTHOR), &m->signer, e);
	if (rc == 0 && m->app->passphrase_fd >= 0)
		rc = signer_open(m->app, &m->signer, e);
	if (rc == 0 && smoke)
		rc = put_smoke(m, smoke, e);
	if (rc == 0 && arg_value(in, "--metrics"))
		rc = check_metrics(arg_value(in, "--metrics"), e);
	return rc;
}

/* --- is it there? --- */

struct same {
	const char *model;
	uint64_t number;
	struct version_row withdrawn; /* number 0: none */
	bool is_foreign;
};

static int
same_found(void *arg, const struct version_row *v)
{
	struct same *const s = arg;

	if (!streq(v->model, s->model))
		return 0;
	if (v->state.was_revoked || v->state.life == LIFE_RETIRED)
		s->withdrawn = *v;
	else if (v->state.life == LIFE_LIVE)
		s->number = v->number;
	s->is_foreign = s->number == v->number && v->is_foreign;
	return 0;
}

static int
is_withdrawn(const struct version_row *v, struct err *e)
{
	(void)err_set(e, ERR_POLICY, "these bytes are %s@v%" PRIu64 ", which %s", v->model,
	              v->number, v->state.was_revoked ? "was revoked" : "is retired");
	if (v->state.was_revoked)
		return err_hint(e, "see why: slipway history %.200s", v->model);
	return err_hint(e, "slipway retire --undo %.200s@v%" PRIu64 " brings it back", v->model,
	                v->number);
}

static int
find_same(struct txn *t, const char *model, const struct digest *d, uint64_t *ret, struct err *e)
{
	struct same s = { .model = model };
	char hex[DIGEST_HEX_SIZE];
	int rc;

	digest_hex(d, hex);
	rc = version_by_digest(t, hex, 64, same_found, &s, e);
	*ret = s.number;
	if (rc < 0)
		return rc;
	if (s.is_foreign)
		message(MESSAGE_NOTE,
		        "the model has these bytes from a copied folder: `slipway sign` takes "
		        "them");
	return s.withdrawn.number > 0 ? is_withdrawn(&s.withdrawn, e) : 0;
}

static int
is_there(struct intake *m, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(m->app->registry->store, &t, e);
	return rc < 0 ? rc : find_same(t, m->model, &m->tree.manifest_digest, &m->number, e);
}

/* --- the entry --- */

static json_t *
predicate(const struct intake *m)
{
	const struct manifest *const f = &m->tree.manifest;
	struct digest fileset, oms;
	json_t *o;

	manifest_fileset_digest(f, &fileset);
	manifest_oms_root(f, &oms);
	o = json_pack("{s:I, s:I, s:o, s:s, s:I, s:o, s:s, s:O}", "bytes", (json_int_t)f->bytes,
	              "files", (json_int_t)f->n, "fileset", json_from_digest(&fileset), "model",
	              m->model, "number", (json_int_t)m->next, "oms_root", json_from_digest(&oms),
	              "registry", m->app->registry->id, "source", m->source);
	if (m->has_smoke)
		json_object_set_new(o, "smoke", json_from_digest(&m->smoke));
	return o;
}

/* What was there already may have been cleaned away since it was looked at. */
static int
check_blobs(const struct intake *m, struct err *e)
{
	struct blobs *const b = m->app->registry->blobs;
	const struct manifest *const f = &m->tree.manifest;
	uint64_t size;
	bool are_there = blob_exists(b, &m->tree.manifest_digest, NULL) &&
	                 blob_exists(b, &f->config, NULL) &&
	                 (!m->has_smoke || blob_exists(b, &m->smoke, NULL));

	for (size_t i = 0; i < f->n && are_there; i++)
		are_there = blob_exists(b, &f->files[i].digest, &size) && size == f->files[i].size;
	if (are_there)
		return 0;
	(void)err_set(e, ERR_CONFLICT, "files went away while they were imported");
	return err_hint(e, "%s again", m->verb);
}

static int
version_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	struct intake *const m = arg;
	struct model_row row = { 0 };
	struct applied now;
	int rc;

	rc = applied_get(t, &now, e);
	if (rc == 0 && now.policy_seq != m->ledger.policy.seq)
		rc = err_set(e, ERR_CONFLICT, "the policy changed meanwhile: %s again", m->verb);
	if (rc == 0)
		rc = find_same(t, m->model, &m->tree.manifest_digest, &m->number, e);
	if (rc < 0)
		return rc;
	if (m->number > 0)
		return CHANGE_NONE;
	rc = check_blobs(m, e);
	if (rc == 0)
		rc = model_get(t, m->model, &row, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (row.latest + 1 != m->next)
		return err_set(e, ERR_CONFLICT, "another version came in between");
	m->number = m->next;
	*ret_body = json_pack("{s:I, s:o, s:I, s:s, s:I, s:s}", "bytes",
	                      (json_int_t)m->tree.manifest.bytes, "digest",
	                      json_from_digest(&m->tree.manifest_digest), "files",
	                      (json_int_t)m->tree.manifest.n, "key", m->signer.item.id, "number",
	                      (json_int_t)m->number, "signer", m->signer.id);
	return 0;
}

static int
next_number(struct intake *m, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row row = { 0 };
	int rc = store_read_begin(m->app->registry->store, &t, e);

	if (rc == 0)
		rc = model_get(t, m->model, &row, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	m->next = row.latest + 1;
	return 0;
}

/* The number is signed, so that a statement cannot come back under another one; whoever was quicker
 * took it, and it is signed again. */
static int
sign_and_commit(struct intake *m, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	cleanup_json json_t *p = NULL;
	struct change_result done;
	int rc = next_number(m, e);

	if (rc < 0)
		return rc;
	p = predicate(m);
	rc = signer_sign(m->app, &m->signer, "version", m->model, &m->tree.manifest_digest, p,
	                 &envelope, e);
	if (rc < 0)
		return rc;
	const struct change c = {
		.type = "version",
		.model = m->model,
		.check = version_check,
		.arg = m,
		.reason = m->app->reason,
		.statement = buf_str(&envelope),
	};
	fault_pause("import-commit");
	rc = change_commit(m->app->registry, &c, &done, e);
	if (rc < 0)
		return rc;
	m->changed = done.changed;
	return 0;
}

static int
commit(struct intake *m, struct err *e)
{
	uint64_t tried;
	int rc;

	do {
		err_clear(e);
		rc = sign_and_commit(m, e);
		tried = m->next;
		m->next = 0;
	} while (rc == -ERR_CONFLICT && next_number(m, &(struct err){ 0 }) == 0 &&
	         m->next != tried);
	return rc;
}

static int
add_labels(struct intake *m, struct err *e)
{
	bool changed = false;
	int rc = 0;

	if (m->labels.set)
		rc = label_commit(m->app->registry, m->model, m->number, &m->labels, m->app->reason,
		                  &changed, e);
	m->changed = m->changed || changed;
	return rc;
}

static int
attest_metrics(struct intake *m, const char *path, struct err *e)
{
	struct version_row v = { .number = m->number, .digest = m->tree.manifest_digest };
	bool changed;

	(void)str_copy(v.model, sizeof v.model, m->model);
	return attest_file(m->app, &v, EVIDENCE_METRICS, path, &m->signer, &changed, e);
}

int
intake_commit(struct intake *m, const struct args *in, struct err *e)
{
	const char *const metrics = arg_value(in, "--metrics");
	int rc = is_there(m, e);

	if (rc == 0 && m->number == 0)
		rc = commit(m, e);
	if (rc == 0)
		rc = add_labels(m, e);
	if (rc == 0 && m->changed)
		ledger_remember(m->app->registry, &m->ledger);
	return rc == 0 && metrics ? attest_metrics(m, metrics, e) : rc;
}

/* --- what prints --- */

static void
show_tsv(const struct intake *m, const char *name)
{
	static const struct out_column columns[] = {
		{ "VERSION", "version", OUT_LEFT, false, true },
		{ "DIGEST", "digest", OUT_LEFT, false, false },
		{ "FILES", "files", OUT_RIGHT, false, false },
		{ "BYTES", "bytes", OUT_RIGHT, false, false },
		{ "NEW", "newBytes", OUT_RIGHT, false, false },
	};
	struct out *const o = m->app->out;

	out_table_begin(o, m->kind, columns, COUNT(columns));
	out_cell(o, name);
	out_cell_digest(o, &m->tree.manifest_digest);
	out_cell_u64(o, m->tree.manifest.n);
	out_cell_size(o, m->tree.manifest.bytes);
	out_cell_size(o, m->tree.new_bytes);
	out_table_end(o);
}

void
intake_show(const struct intake *m)
{
	struct out *const o = m->app->out;
	char name[VERSION_NAME_SIZE], hex[DIGEST_HEX_SIZE], size[16], fresh[16];
	const int digits = out_format_of(o) == OUT_WIDE ? 64 : 12;
	const char *const plural = m->tree.manifest.n == 1 ? "" : "s";
	struct json_out *j;

	version_name(m->model, m->number, name);
	digest_hex(&m->tree.manifest_digest, hex);
	text_size(size, m->tree.manifest.bytes);
	text_size(fresh, m->tree.new_bytes);
	out_object_begin(o, m->kind);
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", m->model);
		jo_u64(j, "version", m->number);
		jo_digest(j, "digest", &m->tree.manifest_digest);
		jo_u64(j, "files", m->tree.manifest.n);
		jo_u64(j, "bytes", m->tree.manifest.bytes);
		jo_u64(j, "newBytes", m->tree.new_bytes);
		if (m->fetched_known)
			jo_u64(j, "fetched", m->fetched);
		jo_bool(j, "changed", m->changed);
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s\n", name);
	else if (out_format_of(o) == OUT_TSV)
		show_tsv(m, name);
	else if (m->changed)
		out_text(o, "%s  sha256:%.*s  %zu file%s  %s  (new: %s)\n", name, digits, hex,
		         m->tree.manifest.n, plural, size, fresh);
	else
		out_text(o, "%s  sha256:%.*s  %zu file%s  %s  (unchanged)\n", name, digits, hex,
		         m->tree.manifest.n, plural, size);
}

void
intake_fini(struct intake *m)
{
	signer_fini(&m->signer);
	import_tree_fini(&m->tree);
	ledger_fini(&m->ledger);
	label_change_fini(&m->labels);
	json_decref(m->source);
}
