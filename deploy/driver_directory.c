/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "directory": a model repository folder that some server reads by itself; the highest
 * number is what it takes. The bytes are staged under a name that it does not read, the switch is a
 * rename. Proof is that the files are right and nothing more: no server is asked.
 */
#include "deploy/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "deploy/folder_preview.h"
#include "deploy/folder_switch.h"
#include "registry/base/fs.h"
#include "registry/base/text.h"

extern const struct deploy_driver driver_directory;

struct directory {
	const struct target *t;
};

static int
directory_open(void *st, const struct target *t, struct err *e)
{
	struct directory *d = st;

	if (!t->path || t->path[0] != '/')
		return err_set(e, ERR_USAGE,
		               "target \"%s\" needs --path with the full path of a folder",
		               t->name);
	if (t->url || t->ns)
		return err_set(e, ERR_USAGE, "target \"%s\": a directory takes no %s", t->name,
		               t->url ? "--url" : "namespace");
	/* jansson iterates over non-const objects only; nothing is changed */
	void *setting = json_object_iter((json_t *)(uintptr_t)t->settings);

	if (setting)
		return err_set(e, ERR_USAGE, "target \"%s\": a directory has no setting \"%s\"",
		               t->name, json_object_iter_key(setting));
	d->t = t;
	return 0;
}

static int
directory_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct directory *d = st;
	const bool is_there = access(d->t->path, F_OK) == 0;

	(void)e;
	*ret = (struct target_facts){
		.server = "folder",
		.caps = CAP_ATOMIC_SWITCH | CAP_HISTORY,
		.proofs = PROOF_BIT(PROOF_OBJECT),
	};
	(void)str_copy(ret->why_not, sizeof(ret->why_not),
	               is_there ? "files are compared; no server is asked what it serves"
	                        : "the folder is not there yet; no server is asked what it serves");
	return 0;
}

static int
entry_of(const struct directory *d, const struct rollout *q, bool create, struct folder **ret,
         struct err *e)
{
	char entry[256];
	int rc;

	rc = folder_entry_name(d->t, q->model, entry, e);
	if (rc < 0)
		return rc;
	return folder_open(d->t->path, entry, create, ret, e);
}

static void
check_space(int fd, uint64_t need, struct findings *ret)
{
	struct statvfs vfs;
	uint64_t available;
	char a[16], n[16];

	if (fstatvfs(fd, &vfs) < 0) {
		findings_add(ret, FINDING_UNKNOWN, "free-space", NULL,
		             "the free space cannot be read");
		return;
	}
	if (__builtin_mul_overflow((uint64_t)vfs.f_bavail, (uint64_t)vfs.f_frsize, &available))
		available = UINT64_MAX;
	if (__builtin_add_overflow(need, need / 100, &need))
		need = UINT64_MAX;
	text_size(a, available);
	text_size(n, need);
	if (need > available)
		findings_add(ret, FINDING_BLOCK, "no-space",
		             "free some space or choose another folder",
		             "%s are needed and %s are free", n, a);
	else
		findings_add(ret, FINDING_OK, "free-space", NULL, "%s are needed and %s are free",
		             n, a);
}

/* What our own files and those of others say. *ret_missing: must the bytes be copied? */
static int
check_entry(struct folder *f, const struct rollout *q, struct findings *ret, bool *ret_missing,
            struct err *e)
{
	struct folder_stamp stamp;
	struct folder_look look;
	bool held;
	int rc;

	rc = folder_findings(f, q, &stamp, &look, ret, e);
	if (rc < 0)
		return rc;
	rc = folder_is_held(f, q->number, &held, e);
	if (rc < 0)
		return rc;
	*ret_missing =
	        !held && !(stamp.exists && stamp.number == q->number && look.highest >= q->number);
	return 0;
}

static void
check_writable(int fd, const char *what, struct findings *ret)
{
	if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
		return;
	findings_add(ret, FINDING_BLOCK, "not-writable",
	             "the agent's user must be able to write there", "cannot write to \"%s\": %s",
	             what, strerror(errno));
}

static int
directory_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	const struct directory *d = st;
	cleanup_close int fd = open(d->t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct folder *f = NULL;
	bool is_missing = !q->empty;
	int rc;

	if (fd < 0) {
		findings_add(ret, FINDING_BLOCK, "path", "make the folder that the server reads",
		             "cannot open \"%s\": %s", d->t->path, strerror(errno));
		return 0;
	}
	if (fs_is_network(fd))
		findings_add(ret, FINDING_WARN, "network-file-system",
		             "a local folder switches in one step",
		             "\"%s\" is on a network file system", d->t->path);
	check_writable(fd, d->t->path, ret);
	rc = entry_of(d, q, false, &f, e);
	if (rc == -ERR_DENIED) {
		findings_add(ret, FINDING_BLOCK, "entry", e->hint[0] ? e->hint : NULL, "%s",
		             e->msg);
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		rc = check_entry(f, q, ret, &is_missing, e);
	else if (rc == -ERR_NOT_FOUND)
		rc = 0; /* the first version of this model here */
	folder_close(f);
	if (rc < 0)
		return rc;
	err_clear(e);
	check_space(fd, is_missing ? folder_bytes(q->files) : 0, ret);
	return 0;
}

static int
directory_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = json_object();
	cleanup_buf struct buf number = { 0 };
	char entry[256];
	int rc;

	rc = folder_entry_name(t, q->model, entry, e);
	if (rc < 0)
		return rc;
	json_object_set_new(j, "driver", json_string("directory"));
	json_object_set_new(j, "entry", json_string(entry));
	if (q->empty) {
		json_object_set_new(j, "empty", json_true());
	} else {
		buf_addf(&number, "%" PRIu64, q->number);
		json_object_set_new(j, "number", json_string(buf_cstr(&number)));
		json_object_set_new(j, "version", json_from_digest(&q->version));
	}
	json_canonical(j, ret);
	return 0;
}

/* rendered must be what this rollout renders to: nothing else was planned and approved. */
static int
rendered_check(const struct directory *d, const struct rollout *q, struct str rendered,
               struct err *e)
{
	cleanup_buf struct buf now = { 0 };
	int rc;

	rc = directory_render(d->t, q, &now, e);
	if (rc < 0)
		return rc;
	if (!str_eq(rendered, buf_str(&now)))
		return err_set(e, ERR_CONFLICT,
		               "the plan does not say what would be done at \"%s\"", d->t->name);
	return 0;
}

static int
directory_preview(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
                  struct err *e)
{
	const struct directory *d = st;
	int rc;

	rc = rendered_check(d, q, rendered, e);
	if (rc < 0)
		return rc;
	ret->verified = false;
	return folder_preview(d->t, q, &ret->text, e);
}

static int
directory_stage(void *st, const struct rollout *q, struct err *e)
{
	const struct directory *d = st;
	struct folder *f = NULL;
	struct folder_stamp stamp;
	struct err ignored = { 0 };
	int rc;

	if (q->empty)
		return 0;
	rc = entry_of(d, q, true, &f, e);
	if (rc < 0)
		return rc;
	rc = folder_stamp_read(f, &stamp, e);
	if (rc == 0)
		rc = folder_registry_check(&stamp, q, e);
	/* a published copy that is whole needs no second one */
	if (rc == 0 && folder_verify(f, q->number, q->files, &ignored) < 0)
		rc = folder_hold(f, q->number, q->files, e);
	folder_close(f);
	return rc;
}

static int
directory_apply(void *st, const struct rollout *q, struct str rendered,
                const struct precondition *p, struct err *e)
{
	const struct directory *d = st;
	const struct folder_want w = {
		.q = q,
		.empty = q->empty,
		.number = q->number,
		.version = q->version,
		.plan_id = q->plan_id,
		.files = q->files,
		.others = { p->empty ? 0 : p->number },
	};
	struct folder_stamp stamp;
	struct folder *f = NULL;
	int rc;

	rc = rendered_check(d, q, rendered, e);
	if (rc < 0)
		return rc;
	rc = entry_of(d, q, false, &f, e);
	if (rc == -ERR_NOT_FOUND && q->empty && p->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = folder_stamp_read(f, &stamp, e);
	if (rc == 0)
		rc = folder_compare(&stamp, q, p, e);
	if (rc == 0)
		rc = folder_foreign_check(f, &stamp, q, p, e);
	if (rc == 0)
		rc = folder_switch(f, &w, e);
	folder_close(f);
	return rc;
}

/* The stamp keeps the plan's id until all is as before: a second abort, or a resume, finds its own.
 */
static int
directory_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	const struct directory *d = st;
	const struct folder_want w = {
		.q = q,
		.empty = p->empty,
		.number = p->number,
		.version = p->version,
		.others = { q->empty ? 0 : q->number },
		.stamp_last = true,
	};
	struct folder_stamp stamp;
	struct folder *f = NULL;
	int rc;

	rc = entry_of(d, q, false, &f, e);
	if (rc == -ERR_NOT_FOUND && p->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = folder_stamp_read(f, &stamp, e);
	if (rc == 0)
		rc = folder_compare(&stamp, q, p, e);
	/* untouched, or put back already: the stamp has what p says under an id that is not this
	 * plan's */
	if (rc == 0 && folder_is_resume(&stamp, q, p))
		rc = folder_switch(f, &w, e);
	folder_close(f);
	return rc;
}

static int
directory_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                      const struct precondition *p, struct err *e)
{
	const struct directory *d = st;
	struct folder_want w = {
		.q = q,
		.empty = s->empty,
		.number = s->number,
		.version = s->version,
		.plan_id = q->plan_id,
		.others = { p->empty ? 0 : p->number, q->empty ? 0 : q->number },
	};
	struct folder_stamp stamp;
	struct folder *f = NULL;
	int rc;

	/* q is either the way back itself, with its files, or the newcomer that goes */
	if (!s->empty && !q->empty && digest_eq(&q->version, &s->version))
		w.files = q->files;
	rc = entry_of(d, q, false, &f, e);
	if (rc == -ERR_NOT_FOUND && s->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	rc = folder_stamp_read(f, &stamp, e);
	if (rc == 0)
		rc = folder_compare(&stamp, q, p, e);
	w.others[2] = stamp.number;
	if (rc == 0)
		rc = folder_switch(f, &w, e);
	folder_close(f);
	return rc;
}

static void
observe_reason(struct observation *ret, enum rollout_status status, bool drifted, const char *text)
{
	ret->status = status;
	ret->is_drifted = drifted;
	if (str_copy(ret->reason, sizeof(ret->reason), text) < 0)
		(void)str_copy(ret->reason, sizeof(ret->reason),
		               "the reason is too long to be told");
}

static void
observe_bytes(struct folder *f, const struct rollout *q, struct observation *ret)
{
	struct err why = { 0 };
	int rc;

	if (!q->files) {
		observe_reason(ret, ROLLOUT_UNKNOWN, false, "the files were not compared");
		return;
	}
	rc = folder_verify(f, q->number, q->files, &why);
	if (rc == 0) {
		ret->status = ROLLOUT_SUCCEEDED;
		ret->proofs = PROOF_BIT(PROOF_OBJECT);
		return;
	}
	ret->serving_version = (struct digest){ 0 };
	if (rc == -ERR_DIGEST || rc == -ERR_NOT_FOUND || rc == -ERR_DENIED)
		observe_reason(ret, ROLLOUT_FAILED, true, why.msg);
	else
		observe_reason(ret, ROLLOUT_UNKNOWN, false, why.msg);
}

static void
observe_state(struct folder *f, const struct rollout *q, const struct folder_stamp *stamp,
              const struct folder_look *look, struct observation *ret)
{
	const uint64_t wanted = q->empty ? 0 : q->number;
	const bool is_as_left = look->highest == stamp->number && look->foreign == 0;
	char text[256];

	if (stamp->exists && !streq(stamp->registry_id, q->registry_id)) {
		observe_reason(ret, ROLLOUT_FAILED, true,
		               "another registry publishes into this folder");
	} else if (look->highest != wanted) {
		snprintf(text, sizeof(text),
		         "the highest version in the folder is %" PRIu64 ", not %" PRIu64,
		         look->highest, wanted);
		observe_reason(ret, ROLLOUT_FAILED, !is_as_left,
		               look->highest ? text : "no version is there");
	} else if (look->foreign > 0) {
		snprintf(text, sizeof(text), "version %" PRIu64 " beside it is not ours",
		         look->foreign);
		observe_reason(ret, ROLLOUT_FAILED, true, text);
	} else if (q->empty) {
		ret->status = ROLLOUT_SUCCEEDED;
		ret->proofs = PROOF_BIT(PROOF_OBJECT);
	} else if (!digest_eq(&stamp->version, &q->version)) {
		observe_reason(ret, ROLLOUT_FAILED, false,
		               "the folder has other bytes under this number");
	} else {
		observe_bytes(f, q, ret);
	}
}

static void
observe_serving(struct folder *f, const struct rollout *q, const struct folder_stamp *stamp,
                const struct folder_look *look, struct observation *ret)
{
	ret->serving_known = true;
	ret->serving_empty = look->numeric_n == 0;
	ret->serving_number = look->highest;
	if (stamp->exists && look->highest == stamp->number && look->foreign == 0)
		ret->serving_version = stamp->version;
	(void)str_copy(ret->plan_id, sizeof(ret->plan_id), stamp->plan_id);
	observe_state(f, q, stamp, look, ret);
}

static int
directory_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	const struct directory *d = st;
	struct folder_stamp stamp = { 0 };
	struct folder_look look = { 0 };
	struct err why = { 0 };
	struct folder *f = NULL;
	int rc;

	*ret = (struct observation){ .status = ROLLOUT_UNKNOWN };
	rc = entry_of(d, q, false, &f, e);
	/* without the target's folder nothing is known; without the model's, nothing is served */
	if (rc == -ERR_NOT_FOUND && access(d->t->path, R_OK | X_OK) == 0)
		rc = 0;
	if (rc == 0 && f)
		rc = folder_stamp_read(f, &stamp, &why);
	/* a stamp that cannot be read is no stamp: what is there is not what we left */
	if (rc == -ERR_MALFORMED)
		rc = 0;
	else if (rc < 0 && why.code)
		*e = why;
	if (rc == 0 && f)
		rc = folder_look(f, &stamp, &look, e);
	if (rc == -ERR_USAGE) {
		folder_close(f);
		return rc;
	}
	if (rc < 0)
		observe_reason(ret, ROLLOUT_UNKNOWN, false, e->msg);
	else
		observe_serving(f, q, &stamp, &look, ret);
	if (why.code == ERR_MALFORMED)
		observe_reason(ret, ret->status, true, why.msg);
	err_clear(e);
	folder_close(f);
	return 0;
}

static int
directory_release(void *st, const struct rollout *q, const struct snapshot *s, struct err *e)
{
	const struct directory *d = st;
	struct folder *f = NULL;
	int rc;

	rc = entry_of(d, q, false, &f, e);
	if (rc == 0)
		rc = folder_release(f, q, s, e);
	else if (rc == -ERR_NOT_FOUND)
		rc = 0;
	if (rc == 0)
		err_clear(e);
	folder_close(f);
	return rc;
}

const struct deploy_driver driver_directory = {
	.name = "directory",
	.state_size = sizeof(struct directory),
	.open = directory_open,
	.probe = directory_probe,
	.preflight = directory_preflight,
	.render = directory_render,
	.preview = directory_preview,
	.stage = directory_stage,
	.apply = directory_apply,
	.observe = directory_observe,
	.abort = directory_abort,
	.rollback_to = directory_rollback_to,
	.release = directory_release,
};
