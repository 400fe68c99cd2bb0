/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model against a bundle that another tool, or sign --oms, has written: the signature under the
 * key or the roots that the person gives, then every file. A folder needs no registry. Of a stored
 * version the registry's own statement is verified as well, and the two lists of files have to
 * agree. What the bundle does not cover is listed.
 */
#include "tui/cmd/verify_oms.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/ledger.h"
#include "registry/oms_tree.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

#define NOT_CHECKED "not checked"
#define HINT        "slipway verify DIR|REF --oms FILE --oms-key PEM"

struct verify_oms {
	struct app *app;
	const char *model;  /* as given: a folder, or a reference */
	const char *bundle; /* path */
	unsigned allow;
	bool is_version;
	struct buf key, roots, text;

	struct version_row row;
	struct ledger ledger;
	struct admitted admitted;
	bool is_admitted;
	struct oms oms;
	struct oms_report report;
};

/* --- the command line --- */

bool
verify_oms_is_meant(const struct args *in)
{
	return arg_value(in, "--oms") || arg_value(in, "--oms-key") ||
	       arg_value(in, "--oms-cert") || arg_value(in, "--oms-allow");
}

static int
parse_allow(struct verify_oms *v, const struct args *in, struct err *e)
{
	args_foreach(what, in, "--oms-allow") {
		if (streq(what, "extra"))
			v->allow |= OMS_ALLOW_EXTRA;
		else if (streq(what, "ignored"))
			v->allow |= OMS_ALLOW_IGNORED;
		else
			return err_set(e, ERR_USAGE,
			               "--oms-allow takes \"extra\" or \"ignored\", not \"%s\"",
			               what);
	}
	return 0;
}

static int
parse_args(struct verify_oms *v, const struct args *in, struct err *e)
{
	const char *const key = arg_value(in, "--oms-key");
	const char *const roots = arg_value(in, "--oms-cert");
	int rc;

	v->bundle = arg_value(in, "--oms");
	if (!v->bundle || in->pos_n != 1 || arg_flag(in, "--all")) {
		(void)err_set(e, ERR_USAGE,
		              "verify: with a bundle, name it with --oms and one "
		              "folder or version");
		return err_hint(e, HINT);
	}
	if (!key == !roots) {
		(void)err_set(e, ERR_USAGE,
		              "verify: say who is trusted, either --oms-key or --oms-cert");
		return err_hint(e, HINT);
	}
	v->model = in->pos[0];
	rc = parse_allow(v, in, e);
	if (rc == 0)
		rc = key ? fs_read_at(AT_FDCWD, key, OMS_PEM_MAX, &v->key, e)
		         : fs_read_at(AT_FDCWD, roots, OMS_PEM_MAX, &v->roots, e);
	if (rc == 0)
		rc = fs_read_at(AT_FDCWD, v->bundle, OMS_BUNDLE_MAX, &v->text, e);
	return rc;
}

static bool
is_model(struct app *a, const char *name)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row m;
	struct err why = { 0 };

	return app_open(a, REGISTRY_READ, &why) == 0 &&
	       store_read_begin(a->registry->store, &t, &why) == 0 &&
	       ref_model(t, name, &m, &why) == 0;
}

/* A folder is named by a path; a bare word may be either, and must not be both. */
static int
find_kind(struct verify_oms *v, struct err *e)
{
	struct stat st;

	if (*v->model == '/' || *v->model == '.')
		return 0;
	v->is_version = true;
	if (strpbrk(v->model, "@:") || lstat(v->model, &st) < 0)
		return 0;
	if (is_model(v->app, v->model)) {
		(void)err_set(e, ERR_AMBIGUOUS, "\"%s\" is a model of the registry and a path here",
		              v->model);
		return err_hint(e, "say ./%s, or %s@latest", v->model, v->model);
	}
	v->is_version = false;
	return 0;
}

/* --- the work --- */

static int
find_version(struct verify_oms *v, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(v->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_find(t, v->model, &v->row, e);
	return rc == 0 ? version_is_live(&v->row, e) : rc;
}

static int
admit_version(struct verify_oms *v, struct err *e)
{
	struct registry *r;
	int rc;

	rc = app_open(v->app, REGISTRY_READ, e);
	if (rc < 0)
		return rc;
	r = v->app->registry;
	rc = ledger_open(r, &v->ledger, e);
	if (rc == 0)
		rc = find_version(v, e);
	if (rc == 0)
		rc = ledger_version(r, &v->ledger, v->row.model, &v->row.digest, &v->admitted, e);
	v->is_admitted = rc == 0;
	return rc;
}

static int
check_model(struct verify_oms *v, struct err *e)
{
	const struct progress p = out_progress(v->app->out);
	int rc;

	rc = v->is_version
	             ? oms_check_version(&v->oms, v->app->registry->blobs, &v->admitted.manifest,
	                                 v->allow, &p, &v->report, e)
	             : oms_check_path(&v->oms, v->model, v->bundle, v->allow, &p, &v->report, e);
	out_progress_done(v->app->out);
	return rc;
}

/* --- showing --- */

static const struct out_column columns[] = {
	{ "FINDING", "finding", OUT_LEFT, false, false },
	{ "REFUSED", "refused", OUT_LEFT, false, false },
	{ "PATH", "path", OUT_LEFT, false, true },
};

static void
show_findings(struct out *o, const struct oms_report *r)
{
	out_table_begin(o, "findings", columns, COUNT(columns));
	for (size_t i = 0; i < r->findings.n; i++) {
		const struct oms_finding *const f = &r->findings.v[i];

		out_cell(o, oms_finding_name(f->kind));
		out_cell_json(o, f->is_refused ? "yes" : "no", json_boolean(f->is_refused));
		out_cell(o, f->path);
	}
	out_table_end(o);
}

static void
show_json(const struct verify_oms *v, struct json_out *j, const char *signature,
          const char *content)
{
	const struct oms *const o = &v->oms;

	if (v->is_admitted) {
		jo_string(j, "model", v->row.model);
		jo_u64(j, "version", v->row.number);
		jo_digest(j, "digest", &v->row.digest);
		jo_string(j, "signer", v->admitted.signer);
	} else {
		jo_string(j, "path", v->model);
	}
	jo_string(j, "bundle", v->bundle);
	jo_string(j, "signature", signature);
	jo_string(j, "mode", oms_mode_name(o->mode));
	jo_string(j, "curve", o->curve);
	jo_string(j, "key", o->curve ? o->key : NULL);
	jo_string(j, "profile", oms_profile(o));
	jo_string(j, "method", oms_method_name(o->method));
	jo_string(j, "hash", oms_hash_name(o->hash));
	jo_string(j, "order", oms_order_name(o->order));
	jo_string(j, "subject", o->subject);
	jo_digest(j, "root", &o->root);
	jo_string(j, "transparencyLog", o->has_log ? NOT_CHECKED : NULL);
	jo_string(j, "content", content);
	jo_u64(j, "files", v->report.files);
	jo_u64(j, "bytes", v->report.bytes);
	jo_u64(j, "refused", v->report.refused);
}

static void
show_text(const struct verify_oms *v, const char *signature, const char *content)
{
	const struct oms *const o = &v->oms;
	struct out *const out = v->app->out;
	char name[VERSION_NAME_SIZE];

	if (v->is_admitted) {
		version_name(v->row.model, v->row.number, name);
		out_field(out, "version", "%s", name);
		out_field(out, "statement", "ok, by %s", v->admitted.signer);
	} else {
		out_field(out, "model", "%s", v->model);
	}
	out_field(out, "bundle", "%s", v->bundle);
	out_field(out, "signature", "%s", signature);
	if (o->curve)
		out_field(out, oms_mode_name(o->mode), "%s %s", o->curve, o->key);
	out_field(out, "profile", "%s, %s, %s, order %s", oms_profile(o),
	          oms_method_name(o->method), oms_hash_name(o->hash), oms_order_name(o->order));
	out_field(out, "subject", "%s", o->subject);
	if (o->has_log)
		out_field(out, "transparency log", NOT_CHECKED);
	out_field(out, "content", "%s, %" PRIu64 " file%s as signed", content, v->report.files,
	          v->report.files == 1 ? "" : "s");
}

static void
show(const struct verify_oms *v, const char *signature, const char *content)
{
	struct out *const o = v->app->out;
	struct json_out *j;

	out_object_begin(o, "OmsVerification");
	j = out_object_json(o);
	if (j)
		show_json(v, j, signature, content);
	else
		show_text(v, signature, content);
	if (j || v->report.findings.n > 0) {
		out_section(o, "findings");
		show_findings(o, &v->report);
	}
	out_object_end(o);
}

/* A keyless bundle is shown for what it claims, as somebody may wonder what it is. */
static void
show_claims(struct verify_oms *v)
{
	struct err why = { 0 };

	if (oms_peek(buf_str(&v->text), &v->oms, &why) == 0 && v->oms.mode == OMS_KEYLESS)
		show(v, "not verifiable here", NOT_CHECKED);
}

static int
verify(struct verify_oms *v, struct err *e)
{
	struct oms_trust t = { buf_str(&v->key), buf_str(&v->roots), clock_now_s() };
	int rc;

	rc = find_kind(v, e);
	if (rc == 0 && v->is_version)
		rc = admit_version(v, e);
	if (rc < 0)
		return rc;
	rc = oms_verify(buf_str(&v->text), &t, &v->oms, e);
	if (rc < 0) {
		show_claims(v);
		return err_prefix(e, "\"%s\"", v->bundle);
	}
	rc = check_model(v, e);
	if (rc == 0 || e->code == ERR_DIGEST)
		show(v, "ok", rc == 0 ? "ok" : "FAILED");
	if (rc == 0 && v->is_version)
		rc = ledger_save_pin(v->app->registry, &v->ledger, e);
	return rc < 0 ? err_prefix(e, "verify %s", v->model) : 0;
}

int
verify_oms(struct app *a, const struct args *in, struct err *e)
{
	struct verify_oms v = { .app = a };
	int rc;

	rc = parse_args(&v, in, e);
	if (rc == 0)
		rc = verify(&v, e);
	oms_report_fini(&v.report);
	oms_fini(&v.oms);
	if (v.is_admitted)
		admitted_fini(&v.admitted);
	ledger_fini(&v.ledger);
	buf_fini(&v.key);
	buf_fini(&v.roots);
	buf_fini(&v.text);
	return rc;
}
