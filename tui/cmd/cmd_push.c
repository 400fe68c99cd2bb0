/* SPDX-License-Identifier: Apache-2.0 */
/* push: a version into a store from which servers, or other people, read. The agent does it. */
#include "tui/cmd/cmd.h"

#include "registry/base/text.h"
#include "registry/ref.h"
#include "tui/cmd/remote.h"
#include "tui/cmd/shown.h"

static int
find(struct app *a, const char *text, struct version_row *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0)
		rc = ref_find(t, text, ret, e);
	return rc == 0 ? version_is_live(ret, e) : rc;
}

static void
add_text(json_t *request, const struct args *in, const char *flag, const char *key)
{
	if (arg_value(in, flag))
		json_object_set_new(request, key, json_string(arg_value(in, flag)));
}

static int
make_request(struct app *a, const struct args *in, const struct version_row *v, json_t *request,
             struct err *e)
{
	int rc = remote_request(a, in, request, e);

	if (rc == 0)
		rc = remote_add_path(request, in, "--path", "path", e);
	if (rc < 0)
		return rc;
	json_object_set_new(request, "model", json_string(v->model));
	json_object_set_new(request, "version", json_from_digest(&v->digest));
	json_object_set_new(request, "remote", json_string(in->pos[1]));
	json_object_set_new(request, "dryRun", json_boolean(a->dry_run));
	json_object_set_new(request, "car", json_boolean(arg_flag(in, "--car")));
	add_text(request, in, "--endpoint", "endpoint");
	add_text(request, in, "--region", "region");
	return 0;
}

static void
show(struct app *a, const struct version_row *v, const json_t *reply)
{
	const char *const reference = json_opt_string(reply, "reference");
	const bool changed = json_is_true(json_object_get(reply, "changed"));
	struct json_out *j;
	char sent[16], present[16];

	out_object_begin(a->out, "Push");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "model", v->model);
		jo_u64(j, "version", v->number);
		jo_digest(j, "digest", &v->digest);
		jo_string(j, "reference", reference);
		jo_u64(j, "sent", json_opt_u64(reply, "sent"));
		jo_u64(j, "present", json_opt_u64(reply, "present"));
		jo_bool(j, "changed", changed && !a->dry_run);
		jo_bool(j, "dryRun", a->dry_run);
	}
	out_object_end(a->out);
	text_size(sent, json_opt_u64(reply, "sent"));
	text_size(present, json_opt_u64(reply, "present"));
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", reference);
	else if (!changed)
		out_text(a->out, "%s\n  is there already\n", reference);
	else if (a->dry_run)
		out_text(a->out, "%s\n  %s would be sent, %s are there already\n", reference, sent,
		         present);
	else
		out_text(a->out, "%s\n  %s were sent\n", reference, sent);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	cleanup_json json_t *request = json_object();
	cleanup_json json_t *reply = NULL;
	struct version_row v;
	int rc = find(a, in->pos[0], &v, e);

	if (rc == 0)
		rc = make_request(a, in, &v, request, e);
	if (rc == 0)
		rc = remote_call(a, "push", request, &reply, e);
	if (rc == 0)
		show(a, &v, reply);
	return rc;
}

static const struct opt opts[] = {
	{ "--car", 0, NULL, "as an image that holds the files below /models", false },
	{ "--ca-file", 0, "FILE", "whom to trust, instead of the system's authorities", false },
	{ "--plain-http", 0, NULL, "without TLS, to a host that is not this one", false },
	{ "--credentials", 0, "FILE", "instead of the places of docker, podman or AWS", false },
	{ "--endpoint", 0, "URL", "of the S3 server, when it is not Amazon's", false },
	{ "--region", 0, "NAME", "of the bucket", false },
	{ "--path", 0, "FOLDER", "where a volume is mounted here", false },
	{ 0 },
};

const struct cmd cmd_push = {
	.name = "push",
	.args = "REF REMOTE",
	.summary = "put a version where servers read: a registry, a bucket or a volume",
	.group = "take out",
	.opts = opts,
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_READS | CMD_AGENT | CMD_WAITS | CMD_DRY_RUN,
	.run = run,
	.examples = "slipway push face-detect@v2 oci://site:5000/models\n"
	            "slipway push face-detect@v2 oci://site:5000/models --car\n"
	            "slipway push face-detect@v2 s3://models/prod --endpoint https://minio:9000",
};
