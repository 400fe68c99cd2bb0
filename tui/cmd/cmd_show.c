/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show and files: what the registry says about one version, or about a model and its newest. It
 * repeats what is recorded and claimed; whether that holds is for verify to say, and the text says
 * so.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "registry/attest.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/history.h"
#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct show {
	struct app *app;
	struct out *out;
	bool is_model; /* a bare NAME was asked for */
	struct model_row model;
	struct version_row version; /* number 0: the model has no live one */
	struct statement statement;
	bool has_statement;
	struct manifest files;
	bool has_files;
	json_t *aliases;                  /* {alias: number} of the model */
	json_t *evidence;                 /* {type: {"by","content","entry"}} */
	json_t *notes, *model_notes;      /* arrays of {"entry","text","time"}, newest first */
};

/* --- reading --- */

static int
read_rows(struct show *s, const char *text, struct txn *t, struct err *e)
{
	struct ref ref;
	int rc;

	rc = ref_parse(text, &ref, e);
	if (rc == 0)
		rc = ref_model(t, ref.model, &s->model, e);
	if (rc < 0)
		return rc;
	s->is_model = ref.kind == REF_MODEL;
	if (s->is_model && s->model.latest_live == 0)
		return 0;
	return ref_resolve(t, &ref, &s->version, e);
}

static int
read_statement(struct show *s, struct txn *t, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct entry n;
	int rc;

	if (!s->version.is_signed)
		return 0;
	rc = history_entry(s->app->registry, t, s->version.seq, &n, e);
	if (rc < 0)
		return rc;
	rc = history_envelope(s->app->registry, &n, &envelope, e);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &s->statement, e);
	s->has_statement = rc == 0;
	entry_fini(&n);
	return rc;
}

static int
take_note(void *arg, const struct note_row *v)
{
	json_t *const note = json_object();

	json_object_set_new(note, "entry", json_integer((json_int_t)v->seq));
	json_object_set_new(note, "text", json_string(v->text));
	json_object_set_new(note, "time", json_integer((json_int_t)v->time_s));
	json_array_append_new(arg, note);
	return 0;
}

static int
read_evidence(struct show *s, struct txn *t, struct err *e)
{
	s->evidence = json_object();
	for (int i = 0; s->version.number > 0 && i < EVIDENCE_TYPES; i++) {
		const enum evidence_type type = (enum evidence_type)i;
		struct evidence v;
		int rc = evidence_get(t, s->model.name, s->version.number, type, &v, e);
		if (rc == -ERR_NOT_FOUND)
			continue;
		if (rc < 0)
			return rc;
		if (!digest_eq(&v.version, &s->version.digest)) {
			evidence_fini(&v);
			continue;
		}
		json_t *const o = json_object();
		json_object_set_new(o, "by", json_string(v.person));
		json_object_set_new(o, "content", json_incref(v.content));
		json_object_set_new(o, "entry", json_integer((json_int_t)v.seq));
		json_object_set_new(s->evidence, evidence_type_name(type), o);
		evidence_fini(&v);
	}
	return 0;
}

static int
read_notes(struct show *s, struct txn *t, struct err *e)
{
	const char *const model = s->model.name;
	int rc;

	s->notes = json_array();
	s->model_notes = json_array();
	rc = aliases_read(t, model, &s->aliases, e);
	if (rc == 0 && s->is_model)
		rc = note_each(t, model, 0, take_note, s->model_notes, e);
	if (rc == 0 && s->version.number > 0)
		rc = note_each(t, model, s->version.number, take_note, s->notes, e);
	return rc < 0 ? rc : read_evidence(s, t, e);
}

static int
read_all(struct show *s, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(s->app->registry->store, &t, e);
	if (rc == 0)
		rc = read_rows(s, text, t, e);
	if (rc == 0)
		rc = read_notes(s, t, e);
	if (rc < 0 || s->version.number == 0)
		return rc;
	return read_statement(s, t, e);
}

static int
read_files(struct show *s, struct err *e)
{
	int rc;

	if (s->version.number == 0 || s->version.state.life == LIFE_DELETED)
		return 0;
	rc = version_manifest(s->app->registry, &s->version.digest, &s->files, e);
	s->has_files = rc == 0;
	return rc;
}

/* --- showing --- */

static const struct out_column file_columns[] = {
	{ "PATH", "path", OUT_LEFT, false, true },
	{ "SIZE", "bytes", OUT_RIGHT, false, false },
	{ "KIND", "layer", OUT_LEFT, false, false },
	{ "DIGEST", "digest", OUT_LEFT, false, false },
};

static void
table_of_files(struct out *o, const char *kind, const struct manifest *m)
{
	out_table_begin(o, kind, file_columns, COUNT(file_columns));
	for (size_t i = 0; i < m->n; i++) {
		out_cell(o, m->files[i].path);
		out_cell_size(o, m->files[i].size);
		out_cell(o, m->files[i].kind);
		out_cell_digest(o, &m->files[i].digest);
	}
	out_table_end(o);
}

static void
json_notes(struct json_out *j, const char *key, const json_t *notes)
{
	const json_t *n;
	size_t i;

	jo_begin(j, key, '[');
	json_array_foreach(notes, i, n) {
		jo_begin(j, NULL, '{');
		jo_u64(j, "entry", (uint64_t)json_integer_value(json_object_get(n, "entry")));
		jo_time(j, "time", json_integer_value(json_object_get(n, "time")));
		jo_string(j, "text", json_opt_string(n, "text"));
		jo_end(j, '}');
	}
	jo_end(j, ']');
}

static void
json_version(struct show *s, struct json_out *j)
{
	const struct version_row *const v = &s->version;
	cleanup_json json_t *aliases = aliases_of(s->aliases, v->number);

	jo_u64(j, "version", v->number);
	jo_digest(j, "digest", &v->digest);
	jo_u64(j, "bytes", v->bytes);
	jo_u64(j, "files", v->files);
	jo_time(j, "created", v->time_s);
	jo_string(j, "lifecycle", lifecycle_name(v->state.life));
	jo_bool(j, "held", v->state.is_held);
	jo_bool(j, "signed", v->is_signed);
	jo_string(j, "signer", v->is_signed ? v->signer : NULL);
	jo_string(j, "key", v->is_signed ? v->key_id : NULL);
	labels_json(v->labels, j, "labels");
	jo_value(j, "aliases", aliases);
	json_notes(j, "notes", s->notes);
	jo_value(j, "evidence", s->evidence);
	jo_u64(j, "entry", v->seq);
	jo_string(j, "home", s->model.home[0] ? s->model.home : NULL);
	jo_begin(j, "statements", '[');
	if (s->has_statement) {
		jo_begin(j, NULL, '{');
		jo_string(j, "kind", s->statement.kind);
		jo_string(j, "key", s->statement.key_id);
		jo_digest(j, "envelope", &s->statement.envelope);
		jo_string(j, "verified", "not checked");
		jo_value(j, "predicate", s->statement.predicate);
		jo_end(j, '}');
	}
	jo_end(j, ']');
}

static void
show_json(struct show *s)
{
	struct json_out *j;

	out_object_begin(s->out, s->is_model ? "Model" : "Version");
	j = out_object_json(s->out);
	jo_string(j, "model", s->model.name);
	if (s->is_model) {
		jo_u64(j, "versions", s->model.live_n);
		jo_time(j, "updated", s->model.updated_s);
		labels_json(s->model.labels, j, "modelLabels");
		jo_value(j, "modelAliases", s->aliases);
		json_notes(j, "modelNotes", s->model_notes);
	}
	if (s->version.number > 0)
		json_version(s, j);
	stages_json(j, &s->model);
	if (s->has_files)
		table_of_files(s->out, "fileList", &s->files);
	out_object_end(s->out);
}

static void
field_labels(struct out *o, const char *title, const char *labels)
{
	for (const char *p = labels, *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1)
		out_field(o, title, "%.*s", (int)(lf - p), p);
}

static void
field_notes(struct out *o, const char *title, const json_t *notes)
{
	const json_t *n;
	char age[16];
	size_t i;

	json_array_foreach(notes, i, n) {
		text_age(age, json_integer_value(json_object_get(n, "time")), clock_now_s());
		out_field(o, title, "%s (%s)", json_opt_string(n, "text"), age);
	}
}

/* What was attested; claims, as the signature. */
static void
field_evidence(struct show *s)
{
	const char *type;
	json_t *v;

	json_object_foreach(s->evidence, type, v) {
		const json_t *const content = json_object_get(v, "content");
		cleanup_buf struct buf text = { 0 };
		if (streq(type, "metrics"))
			evidence_metrics_text(content, &text);
		else if (streq(type, "scan"))
			buf_adds(&text, json_opt_string(content, "verdict"));
		else if (streq(type, "licence"))
			buf_adds(&text, json_opt_string(content, "spdx"));
		else
			json_canonical(content, &text);
		out_field(s->out, type, "%s (by %s, not checked here)", buf_cstr(&text),
		          json_opt_string(v, "by"));
	}
}

static void
field_aliases(struct show *s)
{
	cleanup_json json_t *names = aliases_of(s->aliases, s->version.number);
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		out_field(s->out, "alias", "%s", json_string_value(name));
}

static void
field_model_aliases(struct show *s)
{
	const char *name;
	json_t *of;

	json_object_foreach(s->aliases, name, of)
		out_field(s->out, "model alias", "%s names v%" JSON_INTEGER_FORMAT, name,
		          json_integer_value(of));
}

static void
field_stages(struct show *s)
{
	char what[64], age[16];

	for (size_t i = 0; i < s->model.stages_n; i++) {
		const struct stage_mark *const m = &s->model.stages[i];
		stage_text(m, what);
		text_age(age, m->time_s, clock_now_s());
		if (!what[0])
			out_field(s->out, m->stage, "nothing");
		else if (m->targets > 0)
			out_field(s->out, m->stage,
			          "%s, proof %s on %" PRIu32 " target%s, since %s", what,
			          proofs_highest(m->proofs), m->targets, m->targets == 1 ?
			          "" : "s", age);
		else
			out_field(s->out, m->stage, "%s, no target, since %s", what, age);
	}
}

static void
show_version(struct show *s)
{
	const struct version_row *const v = &s->version;
	char hex[DIGEST_HEX_SIZE], size[16], when[CLOCK_TEXT_SIZE], name[VERSION_NAME_SIZE];
	cleanup_buf struct buf stages = { 0 };

	digest_hex(&v->digest, hex);
	text_size(size, v->bytes);
	clock_text(when, v->time_s);
	version_name(v->model, v->number, name);
	out_field(s->out, "version", "%s", name);
	out_field(s->out, "digest", "sha256:%s", hex);
	out_field(s->out, "size", "%s (%" PRIu64 " bytes) in %" PRIu64 " file%s", size, v->bytes,
	          v->files, v->files == 1 ? "" : "s");
	out_field(s->out, "created", "%s", when);
	if (s->model.home[0])
		out_field(s->out, "home", "registry %s, which numbers its versions",
		          s->model.home);
	out_field(s->out, "lifecycle", "%s%s", lifecycle_name(v->state.life),
	          v->state.is_held ? ", held" : "");
	if (v->is_signed)
		out_field(s->out, "signed", "by %s with %s, not checked here (slipway verify %s)",
		          v->signer, v->key_id, name);
	else
		out_field(s->out, "signed", "%s",
		          v->is_foreign ? "not here: it came with a copied folder (slipway sign)"
		                        : "not signed");
	stages_of(&s->model, v->number, &stages);
	out_field(s->out, "in stages", "%s", stages.n > 0 ? buf_cstr(&stages) : "none");
	field_aliases(s);
	field_labels(s->out, "label", v->labels);
	field_evidence(s);
	field_notes(s->out, "note", s->notes);
}

static void
show_text(struct show *s)
{
	out_object_begin(s->out, "Version");
	out_field(s->out, "model", "%s", s->model.name);
	if (s->is_model) {
		out_field(s->out, "live versions", "%" PRIu64, s->model.live_n);
		field_model_aliases(s);
		field_labels(s->out, "model label", s->model.labels);
		field_notes(s->out, "model note", s->model_notes);
	}
	if (s->version.number > 0)
		show_version(s);
	field_stages(s);
	if (s->has_files) {
		out_section(s->out, "files");
		table_of_files(s->out, "fileList", &s->files);
	}
	out_object_end(s->out);
}

static void
show_name(struct show *s)
{
	char name[VERSION_NAME_SIZE];

	version_name(s->model.name, s->version.number, name);
	out_text(s->out, "%s\n", s->version.number > 0 ? name : s->model.name);
}

static void
show_fini(struct show *s)
{
	statement_fini(&s->statement);
	manifest_fini(&s->files);
	json_decref(s->aliases);
	json_decref(s->notes);
	json_decref(s->evidence);
	json_decref(s->model_notes);
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	struct show s = { .app = a, .out = a->out };
	int rc;

	rc = read_all(&s, in->pos[0], e);
	if (rc == 0 && (out_is_json(a->out) || out_format_of(a->out) == OUT_WIDE))
		rc = read_files(&s, e);
	if (rc == 0 && out_is_json(a->out))
		show_json(&s);
	else if (rc == 0 && out_format_of(a->out) == OUT_NAME)
		show_name(&s);
	else if (rc == 0)
		show_text(&s);
	show_fini(&s);
	return rc;
}

static int
run_files(struct app *a, const struct args *in, struct err *e)
{
	struct show s = { .app = a, .out = a->out };
	int rc;

	rc = read_all(&s, in->pos[0], e);
	if (rc == 0 && s.version.number == 0)
		rc = err_set(e, ERR_NOT_FOUND, "\"%s\" has no live version", s.model.name);
	if (rc == 0)
		rc = version_is_live(&s.version, e);
	if (rc == 0)
		rc = read_files(&s, e);
	if (rc == 0)
		table_of_files(a->out, "FileList", &s.files);
	show_fini(&s);
	return rc;
}

const struct cmd cmd_show = {
	.name = "show",
	.args = "REF",
	.summary = "show a version, or a model with its stages",
	.group = "look",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_show,
	.examples = "  slipway show fraud-ranker\n"
	            "  slipway show fraud-ranker@production -o json\n",
};
const struct cmd cmd_files = {
	.name = "files",
	.args = "REF",
	.summary = "list the files of a version",
	.group = "look",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_files,
	.examples = "  slipway files fraud-ranker@v3 -o tsv\n",
};
