/* SPDX-License-Identifier: Apache-2.0 */
/* import: a folder or a file into blobs and a manifest; what comes of them is intake.c. */
#include "tui/cmd/cmd.h"

#include <libgen.h>
#include <sys/stat.h>

#include "tui/cmd/intake.h"

/* Where it comes from is signed: its last part, which must be text. */
static int
check_path(struct intake *m, const char *path, struct err *e)
{
	cleanup_free char *copy = xstrdup(path);
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "import \"%s\"", path);
	m->source = json_pack("{s:s, s:o}", "kind", S_ISDIR(st.st_mode) ? "folder" : "file", "name",
	                      json_from_str(str_of(basename(copy))));
	return m->source ? 0 : err_set(e, ERR_USAGE, "import \"%s\": its name is not UTF-8", path);
}

static int
take(struct intake *m, const char *path, struct err *e)
{
	const struct progress p = out_progress(m->app->out);
	const int rc = import_tree(m->app->registry->blobs, path, &p, &m->tree, e);

	out_progress_done(m->app->out);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct intake m = { .app = a, .verb = "import", .what = "PATH", .kind = "Import" };
	int rc = intake_begin(&m, in, e);

	if (rc == 0)
		rc = check_path(&m, in->pos[0], e);
	if (rc == 0)
		rc = intake_prepare(&m, in, e);
	if (rc == 0)
		rc = take(&m, in->pos[0], e);
	if (rc == 0)
		rc = intake_commit(&m, in, e);
	if (rc == 0)
		intake_show(&m);
	intake_fini(&m);
	return rc;
}

static const struct opt opts[] = {
	{ "--as", 0, "NAME", "the model's name", false },
	{ "--label", 0, "K=V", "a label of the new version; may be repeated", true },
	{ "--metrics", 0, "FILE", "evidence that is signed with it: {\"auc\": 0.97}", false },
	{ "--smoke", 0, "FILE", "a golden request that proves this version", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_import = {
	.name = "import",
	.args = "PATH --as NAME",
	.summary = "bring in a folder or file as a model's next version",
	.group = "bring in",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_CHANGES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway import ./export --as fraud-ranker --label commit=4f2a\n"
	            "  slipway import face.xml --as face-detect --smoke golden.json\n",
};
