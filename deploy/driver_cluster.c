/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drivers of clusters begin with: opening, names, paths, where the bytes are. Nothing is
 * sent before it is needed: settings are checked and versions rendered without any credential.
 */
#include "deploy/driver_cluster.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "deploy/kube.h"
#include "deploy/remote.h"

int
cluster_open(void *st, const struct target *t, const struct cluster_about *about, struct err *e)
{
	struct cluster *c = st;

	c->t = t;
	c->about = about;
	c->kind = about->kind;
	if (t->path)
		return err_set(e, ERR_USAGE,
		               "target \"%s\": a cluster has no --path; the setting \"store\" "
		               "says where bytes go",
		               t->name);
	/* a person's context may name one, and the next person's another */
	if (!t->ns)
		return err_set(e, ERR_USAGE, "target \"%s\" needs --namespace", t->name);
	return cluster_settings(t, about->kind, &c->s, e);
}

void
cluster_close(void *st)
{
	struct cluster *c = st;

	if (c->k)
		kube_target_close(&c->access);
	http_free(c->prometheus);
	buf_fini(&c->rendered);
	json_decref(c->seen);
	json_decref(c->runtime);
	cluster_trials_free(c->tried);
	*c = (struct cluster){ 0 };
}

int
cluster_kube(struct cluster *c, struct err *e)
{
	int rc;

	if (c->k)
		return 0;
	rc = kube_target_open(c->t, &c->access, e);
	if (rc == 0)
		c->k = c->access.kube;
	return rc;
}

int
cluster_names(const struct cluster *c, const char *model, struct cluster_names *ret, struct err *e)
{
	int rc;

	*ret = (struct cluster_names){ 0 };
	rc = cluster_name(c->t, model, ret->object, e);
	if (rc < 0)
		return rc;
	(void)snprintf(ret->record, sizeof ret->record, "%s-slipway", ret->object);
	(void)snprintf(ret->all_selector, sizeof ret->all_selector, "%s=%s",
	               c->kind == CLUSTER_KSERVE ? "serving.kserve.io/inferenceservice"
	                                         : "app.kubernetes.io/name",
	               ret->object);
	if (c->kind == CLUSTER_KSERVE) {
		(void)snprintf(ret->deployment, sizeof ret->deployment, "%s-predictor",
		               ret->object);
		(void)snprintf(ret->service, sizeof ret->service, "%s-predictor", ret->object);
		(void)snprintf(ret->selector, sizeof ret->selector,
		               "app=isvc.%s-predictor,serving.kserve.io/inferenceservice=%s",
		               ret->object, ret->object);
		return 0;
	}
	(void)str_copy(ret->deployment, sizeof ret->deployment, ret->object);
	(void)str_copy(ret->service, sizeof ret->service, ret->object);
	(void)snprintf(ret->selector, sizeof ret->selector,
	               "app.kubernetes.io/name=%s," CLUSTER_TRACK "=stable", ret->object);
	return 0;
}

/* --- objects --- */

static const struct {
	const char *kind, *group, *version, *plural;
} kinds[] = {
	{ "ConfigMap", "", "v1", "configmaps" },
	{ "Deployment", "apps", "v1", "deployments" },
	{ "HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes" },
	{ "InferenceService", "serving.kserve.io", "v1beta1", "inferenceservices" },
	{ "Service", "", "v1", "services" },
};

int
cluster_path(const json_t *object, struct buf *ret, struct err *e)
{
	const char *kind = kube_text(object, "kind");

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!streq(kinds[i].kind, kind))
			continue;
		kube_path(ret, kinds[i].group, kinds[i].version,
		          kube_text(object, "metadata.namespace"), kinds[i].plural,
		          kube_text(object, "metadata.name"), NULL);
		return 0;
	}
	return err_set(e, ERR_USAGE, "no driver writes a \"%s\"", kind);
}

json_t *
cluster_named(const char *ns, const char *api, const char *kind, const char *name)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", api, "kind", kind, "metadata",
	                 "name", name, "namespace", ns);
}

json_t *
cluster_object(const struct cluster *c, const struct cluster_names *n)
{
	const bool is_kserve = c->kind == CLUSTER_KSERVE;

	return cluster_named(cluster_namespace(c->t),
	                     is_kserve ? "serving.kserve.io/v1beta1" : "apps/v1",
	                     is_kserve ? "InferenceService" : "Deployment", n->object);
}

void
cluster_see_once(struct cluster *c)
{
	assert(!c->seen);
	c->seen = json_object();
}

void
cluster_see_anew(struct cluster *c)
{
	json_decref(c->seen);
	c->seen = NULL;
}

int
cluster_get(struct cluster *c, const json_t *object, json_t **ret, struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	json_t *seen;
	int rc;

	*ret = NULL;
	rc = cluster_path(object, &path, e);
	if (rc < 0)
		return rc;
	seen = json_object_get(c->seen, buf_cstr(&path));
	if (seen) {
		*ret = json_is_null(seen) ? NULL : json_incref(seen);
		return 0;
	}
	rc = kube_get(c->k, buf_cstr(&path), ret, e);
	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0 && c->seen)
		json_object_set_new(c->seen, buf_cstr(&path),
		                    *ret ? json_incref(*ret) : json_null());
	return rc;
}

/* --- bytes --- */

static struct remote_version
version_of(const struct rollout *q)
{
	return (struct remote_version){ .model = q->model,
		                        .number = q->number,
		                        .digest = q->version,
		                        .manifest = q->manifest,
		                        .config = q->config,
		                        .files = q->files };
}

static int
no_store(const struct target *t, const char *store, struct err *e)
{
	err_set(e, ERR_USAGE, "target \"%s\": no store \"%s\"", t->name, store);
	return err_hint(e, "oci://HOST/PATH, s3://BUCKET/PREFIX or pvc://CLAIM/PATH");
}

/* What is open lasts for one call: a store is asked rarely, and its connections grow old. */
struct store {
	const struct remote_driver *d;
	void *st;
};

static enum remote_form
form_of(const struct store *s)
{
	return s->d->holds_files ? REMOTE_FILES : REMOTE_MODELCAR;
}

static int
store_open(const struct target *t, const struct cluster_settings *s, const struct rollout *q,
           struct store *ret, struct err *e)
{
	const struct remote_options o = {
		.allow_plain = s->plain_store,
		.endpoint = s->store_endpoint,
		.region = s->store_region,
		.local_path = s->store_path,
		.check = q && q->files ? q->files->check : NULL,
		.progress = q && q->files ? q->files->progress : NULL,
		.arg = q && q->files ? q->files->arg : NULL,
	};
	int rc;

	*ret = (struct store){ .d = remote_driver_find(s->store) };
	if (!ret->d)
		return no_store(t, s->store, e);
	ret->st = xcalloc(1, ret->d->state_size ? ret->d->state_size : 1);
	rc = ret->d->open(ret->st, s->store, &o, e);
	if (rc < 0) {
		free(ret->st);
		*ret = (struct store){ 0 };
		return err_prefix(e, "store \"%s\"", s->store);
	}
	return 0;
}

static void
store_close(struct store *s)
{
	if (s->d)
		s->d->close(s->st);
	free(s->st);
	*s = (struct store){ 0 };
}

static int
reference_of(const struct target *t, const struct cluster_settings *s, const struct rollout *q,
             char ret[1024], struct err *e)
{
	const struct remote_version v = version_of(q);
	struct store store;
	int rc;

	ret[0] = '\0';
	if (q->empty)
		return 0;
	rc = store_open(t, s, q, &store, e);
	if (rc == 0)
		rc = store.d->reference(store.st, &v, form_of(&store), ret, e);
	store_close(&store);
	return rc;
}

int
cluster_reference(struct cluster *c, const struct rollout *q, char ret[1024], struct err *e)
{
	int rc;

	if (q->empty || !c->reference[0] || !digest_eq(&c->reference_version, &q->version)) {
		rc = reference_of(c->t, &c->s, q, ret, e);
		if (rc < 0)
			return rc;
		memcpy(c->reference, ret, sizeof c->reference);
		c->reference_version = q->version;
		return 0;
	}
	memcpy(ret, c->reference, sizeof c->reference);
	return 0;
}

int
cluster_render(const struct target *t, enum cluster_kind kind, const struct rollout *q,
               struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	char name[CLUSTER_NAME_MAX + 1], reference[1024];
	struct cluster_settings s;
	int rc;

	rc = cluster_settings(t, kind, &s, e);
	if (rc == 0)
		rc = cluster_name(t, q->model, name, e);
	if (rc == 0)
		rc = reference_of(t, &s, q, reference, e);
	if (rc < 0)
		return rc;
	const struct cluster_version v = { name, cluster_namespace(t), q, reference };
	rc = kind == CLUSTER_KSERVE ? kserve_objects(&s, &v, &j, e)
	                            : kubernetes_objects(&s, &v, &j, e);
	if (rc == 0)
		json_canonical(j, ret);
	return rc;
}

int
cluster_wanted(struct cluster *c, const struct rollout *q, json_t **ret, struct err *e)
{
	int rc;

	if (c->rendered.n == 0 || !digest_eq(&c->rendered_version, &q->version)) {
		buf_clear(&c->rendered);
		rc = cluster_render(c->t, c->kind, q, &c->rendered, e);
		if (rc < 0) {
			buf_clear(&c->rendered);
			return rc;
		}
		c->rendered_version = q->version;
	}
	return json_parse(buf_str(&c->rendered), "rendered objects", ret, e);
}

int
cluster_store_probe(const struct cluster *c, char detail[256], struct err *e)
{
	struct store store;
	int rc;

	rc = store_open(c->t, &c->s, NULL, &store, e);
	if (rc == 0)
		rc = store.d->probe(store.st, detail, e);
	store_close(&store);
	return rc;
}

int
cluster_stage(void *st, const struct rollout *q, struct err *e)
{
	struct cluster *c = st;
	const struct remote_version v = version_of(q);
	char wanted[1024];
	struct remote_put put = { 0 };
	struct store store;
	int rc;

	if (q->empty)
		return 0;
	rc = cluster_reference(c, q, wanted, e);
	if (rc == 0)
		rc = store_open(c->t, &c->s, q, &store, e);
	if (rc < 0)
		return rc;
	rc = store.d->put(store.st, &v, form_of(&store), &put, e);
	if (rc == 0 && !streq(put.reference, wanted))
		rc = err_set(e, ERR_DIGEST, "the store has \"%s\", and \"%s\" was planned",
		             put.reference, wanted);
	store_close(&store);
	return rc;
}
