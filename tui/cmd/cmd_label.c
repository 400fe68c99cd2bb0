/* SPDX-License-Identifier: Apache-2.0 */
/* label: K=V sets, K- removes, on a version or, for a bare NAME, on the model itself. */
#include "tui/cmd/cmd.h"

#include <string.h>

#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/label.h"
#include "tui/cmd/shown.h"

static int
read_change(const struct args *in, struct label_change *ret, struct err *e)
{
	int rc = 0;

	for (size_t i = 1; i < in->pos_n && rc == 0; i++) {
		const char *const text = in->pos[i];
		const size_t n = strlen(text);
		if (!strchr(text, '=') && n > 1 && text[n - 1] == '-') {
			cleanup_free char *key = xstrndup(text, n - 1);
			rc = label_remove(ret, key, e);
		} else {
			rc = label_set(ret, text, e);
		}
	}
	return rc;
}

static int
find(struct app *a, const struct ref *ref, uint64_t *ret_number, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct version_row v;
	struct model_row m;
	int rc;

	rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	*ret_number = 0;
	if (ref->kind == REF_MODEL)
		return ref_model(t, ref->model, &m, e);
	rc = ref_resolve(t, ref, &v, e);
	if (rc == 0)
		*ret_number = v.number;
	return rc;
}

static void
show(struct app *a, const char *model, uint64_t number, bool changed)
{
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	version_name(model, number, name);
	out_object_begin(a->out, "Labelled");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "model", model);
		if (number > 0)
			jo_u64(j, "version", number);
		else
			jo_null(j, "version");
		jo_bool(j, "changed", changed);
	}
	out_object_end(a->out);
	out_text(a->out, "%s%s\n", number > 0 ? name : model,
	         out_format_of(a->out) == OUT_NAME ? "" : changed ? " labelled" : " unchanged");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct label_change c = { 0 };
	uint64_t number;
	struct ref ref;
	bool changed;
	int rc;

	rc = ref_parse(in->pos[0], &ref, e);
	if (rc == 0)
		rc = read_change(in, &c, e);
	if (rc == 0)
		rc = find(a, &ref, &number, e);
	if (rc == 0)
		rc = label_commit(a->registry, ref.model, number, &c, a->reason, &changed, e);
	if (rc == 0)
		show(a, ref.model, number, changed);
	label_change_fini(&c);
	return rc;
}

const struct cmd cmd_label = {
	.name = "label",
	.args = "REF K=V.. | K-",
	.summary = "set (K=V) or remove (K-) labels of a version or model",
	.group = "bring in",
	.min_pos = 2,
	.max_pos = 64,
	.flags = CMD_READS | CMD_CHANGES | CMD_REASON,
	.run = run,
	.examples = "  slipway label fraud-ranker@v3 dataset=2026-10 approved-by-legal-\n"
	            "  slipway label fraud-ranker owner=ana\n",
};
