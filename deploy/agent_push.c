/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "push": a version into a store that is named by hand. What is pushed is what the log's
 * signatures say the version is; nothing is written here.
 */
#include "deploy/agent.h"

#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/remote.h"
#include "registry/base/clock.h"
#include "registry/ledger.h"

struct push {
	struct registry *r;
	struct admitted version;
	struct source_file *v;
	struct source files;
	struct buf manifest, config;
	uint64_t deadline_ms;
	struct agent_progress progress;
	struct err gone; /* code OK: somebody waits */
};

static int
open_blob(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct push *const p = arg;

	return wave_open_blob(p->r, &p->files, i, ret_fd, e);
}

static int
check_time(void *arg, struct err *e)
{
	const struct push *const p = arg;

	if (p->gone.code != ERR_OK) {
		*e = p->gone;
		return -(int)e->code;
	}
	if (p->deadline_ms == 0 || clock_mono_ms() < p->deadline_ms)
		return 0;
	return err_set(e, ERR_UNREACHABLE,
	               "no time was left; what was pushed stays and is not "
	               "sent again");
}

static void
tell(void *arg, uint64_t done, uint64_t total)
{
	struct push *const p = arg;

	(void)agent_progress_set(&p->progress, done, total, &p->gone);
}

static int
load(struct push *p, const json_t *request, struct err *e)
{
	const char *model;
	struct digest digest;
	struct ledger l;
	int rc = json_get_string(request, "model", "request", &model, e);

	if (rc == 0)
		rc = json_get_digest(request, "version", "request", &digest, e);
	if (rc == 0)
		rc = ledger_open(p->r, &l, e);
	if (rc < 0)
		return rc;
	rc = ledger_version(p->r, &l, model, &digest, &p->version, e);
	ledger_fini(&l);
	if (rc == 0)
		rc = wave_documents(p->r, &p->version, &p->manifest, &p->config, e);
	if (rc < 0)
		return rc;
	p->v = wave_files(&p->version.manifest);
	p->files = (struct source){ .files = p->v,
		                    .n = p->version.manifest.n,
		                    .open = open_blob,
		                    .arg = p,
		                    .check = check_time,
		                    .progress = tell };
	return 0;
}

static int
put(struct push *p, const json_t *request, const struct remote_driver *d, void *st, json_t **ret,
    struct err *e)
{
	const bool is_car = json_is_true(json_object_get(request, "car"));
	const struct remote_version v = { .model = json_opt_string(request, "model"),
		                          .number = p->version.number,
		                          .digest = p->version.version,
		                          .manifest = buf_str(&p->manifest),
		                          .config = buf_str(&p->config),
		                          .files = &p->files };
	const enum remote_form f = is_car           ? REMOTE_MODELCAR
	                           : d->holds_files ? REMOTE_FILES
	                                            : REMOTE_MODELPACK;
	struct remote_put done;
	int rc = d->put(st, &v, f, &done, e);

	if (rc < 0)
		return rc;
	*ret = json_object();
	json_object_set_new(*ret, "reference", json_string(done.reference));
	json_object_set_new(*ret, "sent", json_integer((json_int_t)done.sent));
	json_object_set_new(*ret, "present", json_integer((json_int_t)done.present));
	json_object_set_new(*ret, "changed", json_boolean(done.changed));
	return 0;
}

static int
push(struct push *p, const json_t *request, json_t **ret, struct err *e)
{
	const struct remote_options o = {
		.ca_file = json_opt_string(request, "ca"),
		.allow_plain = json_is_true(json_object_get(request, "plain")),
		.only_looks = json_is_true(json_object_get(request, "dryRun")),
		.credentials = json_opt_string(request, "credentials"),
		.local_path = json_opt_string(request, "path"),
		.endpoint = json_opt_string(request, "endpoint"),
		.region = json_opt_string(request, "region"),
		.check = check_time,
		.progress = tell,
		.arg = p,
	};
	const char *address;
	const struct remote_driver *d;
	cleanup_free void *st = NULL;
	int rc = json_get_string(request, "remote", "request", &address, e);

	if (rc < 0)
		return rc;
	d = remote_driver_find(address);
	if (!d) {
		err_set(e, ERR_USAGE, "\"%s\" is no store that is known here", address);
		return err_hint(e, "oci://HOST/REPOSITORY, s3://BUCKET/PREFIX or pvc://CLAIM/PATH");
	}
	st = xcalloc(1, d->state_size);
	rc = d->open(st, address, &o, e);
	if (rc == 0)
		rc = put(p, request, d, st, ret, e);
	d->close(st);
	return rc;
}

int
agent_push(const json_t *request, json_t **ret, struct err *e)
{
	struct push p = { .deadline_ms = agent_deadline_of(request),
		          .progress = agent_progress_of(request) };
	int rc = agent_open_requested(request, &p.r, e);

	if (rc == 0)
		rc = load(&p, request, e);
	if (rc == 0)
		rc = push(&p, request, ret, e);
	admitted_fini(&p.version);
	buf_fini(&p.manifest);
	buf_fini(&p.config);
	free(p.v);
	registry_close(p.r);
	return rc;
}
