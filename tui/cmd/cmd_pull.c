/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: what an OCI registry has into blobs and a manifest, by the agent; then a version like an
 * imported one. What came is looked at here again before it is signed: the agent is another
 * process.
 */
#include "tui/cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "tui/cmd/intake.h"
#include "tui/cmd/remote.h"

#define LAYOUT "layout:"

/* A folder, by its whole path: where the agent runs is another one. */
static int
add_layout(json_t *request, const char *text, struct err *e)
{
	const char *const at = strrchr(text, '@');
	cleanup_free char *dir = at ? xstrndup(text, (size_t)(at - text)) : xstrdup(text);
	cleanup_free char *whole = realpath(dir, NULL), *address = NULL;

	if (!whole)
		return err_sys(e, "open \"%s\"", dir);
	address = xasprintf(LAYOUT "%s%s", whole, at ? at : "");
	json_object_set_new(request, "remote", json_from_str(str_of(address)));
	return 0;
}

static int
make_request(struct app *a, const struct args *in, json_t *request, struct err *e)
{
	int rc = remote_request(a, in, request, e);

	if (rc == 0 && has_prefix(in->pos[0], LAYOUT))
		return add_layout(request, in->pos[0] + strlen(LAYOUT), e);
	if (rc == 0)
		json_object_set_new(request, "remote", json_string(in->pos[0]));
	return rc;
}

/* The manifest that the agent names, read from its blob. */
static int
take_reply(struct intake *m, const json_t *reply, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct digest there;
	const char *name;
	int rc = json_get_digest(reply, "version", "the agent's answer", &m->tree.manifest_digest,
	                         e);

	if (rc == 0)
		rc = json_get_digest(reply, "manifest", "the agent's answer", &there, e);
	if (rc == 0)
		rc = json_get_string(reply, "name", "the agent's answer", &name, e);
	if (rc == 0)
		rc = blob_read(m->app->registry->blobs, &m->tree.manifest_digest, MANIFEST_MAX,
		               &text, e);
	if (rc == 0)
		rc = manifest_parse(buf_str(&text), &m->tree.manifest, e);
	if (rc < 0)
		return rc;
	m->tree.new_bytes = json_opt_u64(reply, "new");
	m->fetched_known = true;
	m->fetched = json_opt_u64(reply, "fetched");
	m->source = json_pack("{s:o, s:s, s:s}", "digest", json_from_digest(&there), "kind", "oci",
	                      "name", name);
	return 0;
}

static int
take(struct intake *m, const struct args *in, struct err *e)
{
	cleanup_json json_t *request = json_object();
	cleanup_json json_t *reply = NULL;
	int rc = make_request(m->app, in, request, e);

	if (rc < 0)
		return rc;
	rc = remote_call(m->app, "pull", request, &reply, e);
	return rc == 0 ? take_reply(m, reply, e) : rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct intake m = { .app = a, .verb = "pull", .what = "REMOTE", .kind = "Pull" };
	int rc = intake_begin(&m, in, e);

	if (rc == 0)
		rc = intake_prepare(&m, in, e);
	if (rc == 0)
		rc = take(&m, in, e);
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
	{ "--ca-file", 0, "FILE", "whom to trust, instead of the system's authorities", false },
	{ "--plain-http", 0, NULL, "without TLS, from a host that is not this one", false },
	{ "--credentials", 0, "FILE", "instead of the places of docker and podman", false },
	{ 0 },
};

const struct cmd cmd_pull = {
	.name = "pull",
	.args = "REMOTE --as NAME",
	.summary = "bring in what an OCI registry or layout has as a model's next version",
	.group = "bring in",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_CHANGES | CMD_SIGNS | CMD_REASON | CMD_AGENT | CMD_WAITS,
	.run = run,
	.examples = "  slipway pull oci://site:5000/models/face-detect:v2 --as face-detect\n"
	            "  slipway pull oci://site:5000/ocr@sha256:4f2a... --as ocr-eng\n"
	            "  slipway pull layout:./unpacked@ocr-v1 --as ocr-eng\n",
};
