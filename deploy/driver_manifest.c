/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "manifest": the objects of a cluster as a file in the work tree of a repository, for
 * who applies what lies there (Argo CD, Flux). Bytes go where the cluster reads them, the switch is
 * the file. Proof is what the file says and nothing more: no cluster is asked, and git is not run.
 */
#include "deploy/driver_manifest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const struct deploy_driver driver_manifest;

/* The target as the drivers of clusters know it: without path, and without what is ours alone. */
struct inner {
	struct target t;
	json_t *settings;
	enum cluster_kind kind;
};

static void
inner_fini(struct inner *i)
{
	json_decref(i->settings);
	*i = (struct inner){ 0 };
}

static int
inner_init(const struct target *t, struct inner *ret, struct err *e)
{
	static const char *const alien[] = { "canary", "prometheus" };
	const char *kind = json_opt_string(t->settings, "render");

	if (!kind || (!streq(kind, "kserve") && !streq(kind, "kubernetes"))) {
		err_set(e, ERR_USAGE,
		        "target \"%s\" needs the setting \"render\": \"kserve\" or \"kubernetes\"",
		        t->name);
		return err_hint(e, "--set render=kserve, and the settings of that driver");
	}
	for (size_t i = 0; i < COUNT(alien); i++) {
		if (json_object_get(t->settings, alien[i]))
			return err_set(e, ERR_USAGE,
			               "target \"%s\": driver \"%s\" has no setting \"%s\"",
			               t->name, t->driver, alien[i]);
	}
	*ret = (struct inner){ .t = *t, .settings = json_copy((json_t *)(uintptr_t)t->settings) };
	json_object_del(ret->settings, "render");
	ret->kind = streq(kind, "kserve") ? CLUSTER_KSERVE : CLUSTER_KUBERNETES;
	ret->t.path = NULL;
	ret->t.settings = ret->settings;
	return 0;
}

struct manifest {
	struct cluster c; /* of inner; never connected; first, as calls of clusters take it */
	const struct target *t;
	struct inner inner;
};

static void
manifest_close(void *st)
{
	struct manifest *m = st;

	cluster_close(&m->c);
	inner_fini(&m->inner);
}

static int
manifest_open(void *st, const struct target *t, struct err *e)
{
	struct manifest *m = st;
	int rc;

	m->t = t;
	if (!t->path || t->path[0] != '/')
		return err_set(e, ERR_USAGE,
		               "target \"%s\" needs --path with the full path of a folder",
		               t->name);
	if (t->url)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": files have no --url and no --kubeconfig; who "
		               "applies them reaches the cluster",
		               t->name);
	if (!t->ns)
		return err_set(e, ERR_USAGE, "target \"%s\" needs --namespace", t->name);
	rc = inner_init(t, &m->inner, e);
	if (rc < 0)
		return rc;
	m->c.t = &m->inner.t;
	m->c.kind = m->inner.kind;
	rc = cluster_settings(&m->inner.t, m->inner.kind, &m->c.s, e);
	if (rc < 0)
		manifest_close(st);
	return rc;
}

static int
manifest_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct manifest *m = st;

	(void)e;
	*ret = (struct target_facts){
		.server = "files",
		.caps = CAP_ATOMIC_SWITCH,
		.proofs = PROOF_BIT(PROOF_OBJECT),
	};
	(void)str_copy(ret->mode, sizeof ret->mode,
	               m->inner.kind == CLUSTER_KSERVE ? "kserve" : "kubernetes");
	(void)str_copy(ret->why_not, sizeof ret->why_not,
	               access(m->t->path, F_OK) == 0
	                       ? "the files are compared; no cluster is asked what it serves"
	                       : "the folder is not there yet; no cluster is asked what it serves");
	return 0;
}

/* --- rendering --- */

static int
manifest_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	struct inner inner;
	int rc = inner_init(t, &inner, e);

	if (rc < 0)
		return rc;
	rc = cluster_render(&inner.t, inner.kind, q, ret, e);
	inner_fini(&inner);
	return rc;
}

static int
rendered_check(const struct manifest *m, const struct rollout *q, struct str rendered,
               struct err *e)
{
	cleanup_buf struct buf now = { 0 };
	int rc = manifest_render(m->t, q, &now, e);

	if (rc < 0)
		return rc;
	if (str_eq(rendered, buf_str(&now)))
		return 0;
	return err_set(e, ERR_CONFLICT, "the plan does not say what would be done at \"%s\"",
	               m->t->name);
}

static void
head_of(const struct manifest *m, const struct rollout *q, const char *plan_id,
        struct manifest_head *ret)
{
	*ret = (struct manifest_head){
		.stamp = { .exists = true, .number = q->number, .version = q->version },
	};
	(void)str_copy(ret->stamp.registry, sizeof ret->stamp.registry, q->registry_id);
	(void)str_copy(ret->stamp.model, sizeof ret->stamp.model, q->model);
	(void)str_copy(ret->stamp.plan_id, sizeof ret->stamp.plan_id, plan_id);
	(void)str_copy(ret->target, sizeof ret->target, m->t->name);
}

/* The file of q; nothing when it is to go. */
static int
wanted_text(const struct manifest *m, const struct rollout *q, struct str rendered,
            const char *plan_id, struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	struct manifest_head head;
	int rc = json_parse(rendered, "rendered objects", &j, e);

	if (rc < 0 || json_object_get(j, "delete"))
		return rc;
	head_of(m, q, plan_id, &head);
	manifest_text(&head, json_object_get(j, "apply"), ret);
	return 0;
}

static int
file_of(const struct manifest *m, const struct rollout *q, struct manifest_file *ret, struct err *e)
{
	char object[CLUSTER_NAME_MAX + 1];
	int rc;

	*ret = (struct manifest_file){ .dir = -1 };
	rc = cluster_name(m->t, q->model, object, e);
	if (rc == 0 && streq(object, "kustomization"))
		rc = err_set(e, ERR_USAGE,
		             "\"%s\" is the name of a file that lists the others: give the "
		             "target another --object",
		             MANIFEST_INDEX);
	return rc < 0 ? rc : manifest_file_open(m->t->path, object, ret, e);
}

/* --- before a plan --- */

static void
check_owner(const struct manifest *m, const struct rollout *q, const struct manifest_file *f,
            struct findings *ret)
{
	const struct cluster_stamp *s = &f->head.stamp;

	if (!s->exists)
		return;
	if (!s->is_ours)
		findings_add(ret, FINDING_BLOCK, "foreign-object",
		             "give the target another --object or --path, or move the file away",
		             "\"%s\" is there already, and Slipway did not write it", f->name);
	else if (!streq(s->registry, q->registry_id) || !streq(s->model, q->model))
		findings_add(ret, FINDING_BLOCK, "foreign-object",
		             "give the target of this model another --object or --path",
		             "\"%s\" holds \"%.100s\" of the registry %.64s", f->name, s->model,
		             s->registry);
	else if (!streq(f->head.target, m->t->name))
		findings_add(
		        ret, FINDING_BLOCK, "foreign-object", "give each target its own --path",
		        "\"%s\" was written for the target \"%.100s\"", f->name, f->head.target);
}

/* Who applies the folder through a list takes only what it names. */
static int
check_index(const struct manifest_file *f, const struct rollout *q, struct findings *ret,
            struct err *e)
{
	struct manifest_index x;
	int rc = manifest_index_look(f, q->empty ? MANIFEST_GOES : MANIFEST_COMES, &x, e);

	if (rc == 0 && x.whose == INDEX_FOREIGN && x.is_unread)
		findings_add(ret, FINDING_WARN, "kustomization", NULL,
		             "\"%s\" is not Slipway's and cannot be read: it is kept", x.name);
	else if (rc == 0 && x.whose == INDEX_FOREIGN && x.lists_file == q->empty)
		findings_add(ret, FINDING_WARN, "kustomization",
		             q->empty ? "take the file out of its resources"
		                      : "add the file to its resources",
		             "\"%s\" is not Slipway's and is kept: it %s \"%s\"", x.name,
		             q->empty ? "still lists" : "does not list", f->name);
	manifest_index_fini(&x);
	return rc;
}

static int
check_store(const struct manifest *m, struct findings *ret)
{
	char detail[256] = "";
	struct err bad = { 0 };

	if (cluster_store_probe(&m->c, detail, &bad) < 0)
		findings_add(ret, FINDING_BLOCK, "store",
		             bad.hint[0] ? bad.hint : "bytes must get there before they are served",
		             "the store cannot be written: %s", bad.msg);
	else
		findings_add(ret, FINDING_OK, "store", NULL, "store \"%s\": %s", m->c.s.store,
		             detail);
	return 0;
}

static int
manifest_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	const struct manifest *m = st;
	struct manifest_file f;
	int rc = file_of(m, q, &f, e);

	if (rc == -ERR_NOT_FOUND || rc == -ERR_DENIED || rc == -ERR_TOO_BIG) {
		findings_add(ret, FINDING_BLOCK, "path",
		             e->hint[0] ? e->hint : "make the folder that the repository has", "%s",
		             e->msg);
		err_clear(e);
		rc = 0;
	} else if (rc == 0) {
		check_owner(m, q, &f, ret);
		if (faccessat(f.dir, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
			findings_add(ret, FINDING_BLOCK, "not-writable",
			             "the agent's user must be able to write there",
			             "cannot write to \"%s\"", m->t->path);
		findings_add(ret, FINDING_WARN, "files-only",
		             "commit and push it; whoever applies the repository makes it serve",
		             "this writes \"%s\" and nothing else: what a cluster serves stays as "
		             "it is until that file is applied there",
		             f.name);
		rc = check_index(&f, q, ret, e);
	}
	manifest_file_close(&f);
	if (rc < 0)
		return rc;
	return q->empty ? 0 : check_store(m, ret);
}

static int
preview_index(const struct manifest *m, const struct manifest_file *f, const struct rollout *q,
              struct buf *ret, struct err *e)
{
	struct manifest_index x;
	int rc = manifest_index_look(f, q->empty ? MANIFEST_GOES : MANIFEST_COMES, &x, e);

	if (rc == 0 && x.whose == INDEX_OURS && !str_eq(buf_str(&x.text), buf_str(&x.wanted))) {
		buf_addf(ret, "%s/" MANIFEST_INDEX " %s\n", m->t->path,
		         !x.exists        ? "is made"
		         : x.wanted.n > 0 ? "is written anew"
		                          : "is removed");
		manifest_diff(buf_str(&x.text), buf_str(&x.wanted), ret);
	}
	manifest_index_fini(&x);
	return rc;
}

static int
manifest_preview(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
                 struct err *e)
{
	const struct manifest *m = st;
	cleanup_buf struct buf text = { 0 };
	struct manifest_file f;
	int rc = file_of(m, q, &f, e);

	ret->verified = false;
	if (rc == -ERR_NOT_FOUND || rc == -ERR_DENIED || rc == -ERR_TOO_BIG) {
		err_clear(e); /* preflight says so */
		rc = 0;
	} else if (rc == 0) {
		rc = wanted_text(m, q, rendered, "-", &text, e);
	}
	if (rc == 0 && f.dir >= 0) {
		const bool is_there = f.head.stamp.exists;

		buf_addf(&ret->text, "%s/%s %s\n", m->t->path, f.name,
		         q->empty   ? is_there ? "is removed" : "is not there"
		         : is_there ? "is written anew"
		                    : "is made");
		manifest_diff(buf_str(&f.text), buf_str(&text), &ret->text);
		rc = preview_index(m, &f, q, &ret->text, e);
	}
	manifest_file_close(&f);
	return rc;
}

/* --- the switch --- */

static int
manifest_stage(void *st, const struct rollout *q, struct err *e)
{
	struct manifest *m = st;

	return cluster_stage(&m->c, q, e);
}

/* As cluster_is_as. */
static int
is_as(const struct manifest *m, const struct manifest_file *f, const struct rollout *q,
      const struct precondition *p, struct err *e)
{
	const struct cluster_stamp *s = &f->head.stamp;
	int rc = cluster_is_as(s, f->name, q, p, e);

	if (rc < 0 || !s->exists || streq(f->head.target, m->t->name))
		return rc;
	err_set(e, ERR_CONFLICT, "\"%s\" was written for the target \"%s\"", f->name,
	        f->head.target);
	return err_hint(e, "give each target its own --path");
}

static int
carry_out(const struct manifest *m, const struct rollout *q, struct str rendered,
          const struct precondition *p, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct manifest_file f;
	int rc = file_of(m, q, &f, e);

	if (rc == 0 && !f.head.stamp.exists && q->empty)
		goto out; /* gone already */
	if (rc == 0)
		rc = is_as(m, &f, q, p, e);
	if (rc >= 0) {
		/* what this plan wrote before is not what was there before it */
		const bool keep = rc == 0;

		rc = wanted_text(m, q, rendered, q->plan_id, &text, e);
		if (rc == 0)
			rc = manifest_file_write(&f, q->empty ? NULL : &text, keep, e);
	}
out:
	if (rc >= 0)
		rc = manifest_index_write(&f, e);
	manifest_file_close(&f);
	return rc;
}

static int
manifest_apply(void *st, const struct rollout *q, struct str rendered, const struct precondition *p,
               struct err *e)
{
	const struct manifest *m = st;
	int rc = rendered_check(m, q, rendered, e);

	return rc < 0 ? rc : carry_out(m, q, rendered, p, e);
}

static int
manifest_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                     const struct precondition *p, struct err *e)
{
	const struct rollout back = {
		.registry_id = q->registry_id,
		.model = q->model,
		.plan_id = q->plan_id,
		.job_id = q->job_id,
		.empty = s->empty,
		.number = s->number,
		.version = s->version,
	};

	return carry_out(st, &back, s->rendered, p, e);
}

static int
manifest_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	const struct manifest *m = st;
	struct manifest_file f;
	const struct cluster_stamp *s = &f.head.stamp;
	int rc = file_of(m, q, &f, e);

	if (rc < 0 || (!s->exists && p->empty))
		goto out;
	/* taken away by this plan, or by somebody: what was kept decides */
	if (!s->exists)
		rc = manifest_file_restore(&f, &p->version, e);
	else
		rc = is_as(m, &f, q, p, e);
	if (rc <= 0) /* put back, never changed, or not ours to change */
		goto out;
	rc = p->empty ? manifest_file_write(&f, NULL, false, e)
	              : manifest_file_restore(&f, &p->version, e);
out:
	if (rc >= 0)
		rc = manifest_index_write(&f, e);
	manifest_file_close(&f);
	return rc;
}

/* --- looking --- */

static void
say(struct observation *o, enum rollout_status status, bool is_drifted, const char *text)
{
	o->status = status;
	o->is_drifted = is_drifted;
	(void)snprintf(o->reason, sizeof o->reason, "%s", text);
}

/* The number of the first line that is not the same. */
static size_t
first_difference(struct str a, struct str b)
{
	size_t line = 1;

	for (size_t i = 0; i < a.n && i < b.n && a.p[i] == b.p[i]; i++)
		line += a.p[i] == '\n';
	return line;
}

static void
observe_text(struct manifest *m, const struct rollout *q, const struct manifest_file *f,
             struct observation *ret)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	struct err bad = { 0 };
	char why[256];

	if (!q->files) {
		say(ret, ROLLOUT_UNKNOWN, false, "the file was not compared");
		return;
	}
	if (cluster_wanted(&m->c, q, &j, &bad) < 0 ||
	    wanted_text(m, q, buf_str(&m->c.rendered), f->head.stamp.plan_id, &text, &bad) < 0) {
		say(ret, ROLLOUT_UNKNOWN, false, bad.msg);
		return;
	}
	if (str_eq(buf_str(&f->text), buf_str(&text))) {
		ret->status = ROLLOUT_SUCCEEDED;
		ret->proofs = PROOF_BIT(PROOF_OBJECT);
		return;
	}
	(void)snprintf(why, sizeof why, "line %zu of \"%s\" is not as it was written",
	               first_difference(buf_str(&f->text), buf_str(&text)), f->name);
	ret->serving_version = (struct digest){ 0 };
	say(ret, ROLLOUT_FAILED, true, why);
}

static void
observe_file(struct manifest *m, const struct rollout *q, const struct manifest_file *f,
             struct observation *ret)
{
	const struct cluster_stamp *s = &f->head.stamp;
	const bool is_ours = s->is_ours && streq(s->registry, q->registry_id) &&
	                     streq(s->model, q->model) && streq(f->head.target, m->t->name);
	char why[256];

	ret->serving_known = true;
	ret->serving_empty = !s->exists;
	(void)str_copy(ret->plan_id, sizeof ret->plan_id, s->plan_id);
	if (s->exists && !is_ours) {
		(void)snprintf(why, sizeof why, "\"%s\" is not what this target wrote", f->name);
		say(ret, ROLLOUT_FAILED, true, why);
		return;
	}
	ret->serving_number = s->number;
	ret->serving_version = s->version;
	if (!s->exists && q->empty) {
		ret->status = ROLLOUT_SUCCEEDED;
		ret->proofs = PROOF_BIT(PROOF_OBJECT);
	} else if (!s->exists) {
		(void)snprintf(why, sizeof why, "\"%s\" is not there", f->name);
		say(ret, ROLLOUT_FAILED, true, why);
	} else if (q->empty || !digest_eq(&s->version, &q->version)) {
		(void)snprintf(why, sizeof why, "\"%s\" says v%" PRIu64, f->name, s->number);
		say(ret, ROLLOUT_FAILED, false, why);
	} else {
		observe_text(m, q, f, ret);
	}
}

/* One that somebody took away is no drift: the folder may be applied without it. */
static int
observe_index(const struct manifest_file *f, struct observation *ret, struct err *e)
{
	struct manifest_index x;
	int rc = manifest_index_look(f, MANIFEST_STAYS, &x, e);

	if (rc == 0 && x.whose == INDEX_OURS && x.exists &&
	    !str_eq(buf_str(&x.text), buf_str(&x.wanted))) {
		ret->proofs = 0;
		say(ret, ROLLOUT_FAILED, true,
		    "\"" MANIFEST_INDEX "\" does not list the files that are there");
	}
	manifest_index_fini(&x);
	return rc;
}

static int
manifest_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	struct manifest *m = st;
	struct manifest_file f;
	int rc = file_of(m, q, &f, e);

	*ret = (struct observation){ .status = ROLLOUT_UNKNOWN };
	if (rc == 0)
		observe_file(m, q, &f, ret);
	if (rc == 0 && ret->status == ROLLOUT_SUCCEEDED)
		rc = observe_index(&f, ret, e);
	if (rc == -ERR_DENIED || rc == -ERR_TOO_BIG)
		say(ret, ROLLOUT_FAILED, true, e->msg); /* nothing of ours is like that */
	else if (rc < 0 && rc != -ERR_USAGE)
		say(ret, ROLLOUT_UNKNOWN, false, e->msg);
	manifest_file_close(&f);
	if (rc == -ERR_USAGE)
		return rc;
	err_clear(e);
	return 0;
}

static int
manifest_release(void *st, const struct rollout *q, const struct snapshot *s, struct err *e)
{
	struct manifest_file f;
	int rc = file_of(st, q, &f, e);

	(void)s;
	if (rc == 0)
		rc = manifest_file_forget(&f, e);
	manifest_file_close(&f);
	return rc;
}

const struct deploy_driver driver_manifest = {
	.name = "manifest",
	.state_size = sizeof(struct manifest),
	.open = manifest_open,
	.probe = manifest_probe,
	.preflight = manifest_preflight,
	.render = manifest_render,
	.preview = manifest_preview,
	.fetches = cluster_fetches,
	.stage = manifest_stage,
	.apply = manifest_apply,
	.observe = manifest_observe,
	.abort = manifest_abort,
	.rollback_to = manifest_rollback_to,
	.release = manifest_release,
	.close = manifest_close,
};
