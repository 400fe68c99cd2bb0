/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "modelrepo": a model repository folder and the V2 repository API of the servers that
 * read it. The folder says which version should serve (the number is the switch; for MLServer the
 * settings that name it), load makes each server look, and what each says of the model is the
 * proof. How the switch goes is in modelrepo_switch.c, what is seen in modelrepo_look.c; here is
 * what opens, asks and prepares.
 */
#include "deploy/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deploy/folder_preview.h"
#include "deploy/folder_switch.h"
#include "deploy/modelrepo_driver.h"
#include "deploy/smoke.h"

#define SMOKE_MS 30000

extern const struct deploy_driver driver_modelrepo;

/* "URL URL": further servers of the same folder. Kept without slashes at their ends. */
static int
add_servers(struct modelrepo *m, const char *text, struct err *e)
{
	while (*(text += strspn(text, " \t,")) != '\0') {
		size_t n = strcspn(text, " \t,");
		char *const url = xstrndup(text, n);

		text += n;
		while (n > 0 && url[n - 1] == '/')
			url[--n] = '\0';
		if (m->n == MODELREPO_SERVERS) {
			free(url);
			return err_set(e, ERR_USAGE, "target \"%s\": at most %d servers",
			               m->t->name, MODELREPO_SERVERS);
		}
		for (size_t i = 0; i < m->n; i++) {
			if (!streq(m->servers[i].url, url))
				continue;
			err_set(e, ERR_USAGE, "target \"%s\": \"%s\" is named twice",
			        m->t->name, url);
			free(url);
			return -ERR_USAGE;
		}
		m->servers[m->n++] = (struct modelrepo_api){ .url = url };
	}
	return 0;
}

static int
take_setting(struct modelrepo *m, const char *key, const json_t *v, struct http_options *ret,
             struct err *e)
{
	const char *const text = json_string_value(v);

	if (streq(key, "dialect") && text && (streq(text, "triton") || streq(text, "mlserver")))
		m->dialect = streq(text, "triton") ? MODELREPO_TRITON : MODELREPO_MLSERVER;
	else if (streq(key, "dialect"))
		return err_set(e, ERR_USAGE,
		               "target \"%s\": unknown dialect \"%s\", only \"triton\" and "
		               "\"mlserver\"",
		               m->t->name, text ? text : "?");
	else if (streq(key, "allow-plain-http") && json_is_boolean(v))
		ret->allow_plain = json_is_true(v);
	else if (streq(key, "ca-file") && text && text[0] == '/')
		ret->ca_file = text;
	else if (streq(key, "implementation") && text && *text)
		m->implementation = text;
	else if (streq(key, "model-file") && text && *text && text[0] != '/' &&
	         !strstr(text, ".."))
		m->model_file = text;
	else if (streq(key, "servers") && text && *text)
		return add_servers(m, text, e);
	else
		return err_set(e, ERR_USAGE, "target \"%s\": no setting \"%s\" with such a value",
		               m->t->name, key);
	return 0;
}

static int
read_settings(struct modelrepo *m, struct http_options *ret, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)m->t->settings, key, v)
	{
		const int rc = take_setting(m, key, v, ret, e);

		if (rc < 0)
			return rc;
	}
	if (m->dialect == MODELREPO_MLSERVER && !m->implementation) {
		err_set(e, ERR_USAGE, "target \"%s\" needs the setting \"implementation\"",
		        m->t->name);
		return err_hint(e, "what MLServer runs: "
		                   "--set implementation=mlserver_sklearn.SKLearnModel");
	}
	if (m->dialect == MODELREPO_TRITON && (m->implementation || m->model_file))
		return err_set(e, ERR_USAGE,
		               "target \"%s\": the dialect \"triton\" has no setting \"%s\"",
		               m->t->name, m->implementation ? "implementation" : "model-file");
	return 0;
}

int
modelrepo_blame(const struct modelrepo *m, size_t i, struct err *e)
{
	return m->n > 1 ? err_prefix(e, "server %s", m->servers[i].url) : -(int)e->code;
}

static void
modelrepo_close(void *st)
{
	struct modelrepo *m = st;

	http_free(m->http);
	for (size_t i = 0; i < m->n; i++)
		free(m->servers[i].url);
	*m = (struct modelrepo){ 0 };
}

/* Said when the target is added, not when the first version is promoted to it. */
static int
check_address(const struct modelrepo *m, const char *url, struct err *e)
{
	int rc;

	rc = http_check_address(m->http, url, e);
	if (rc != -ERR_DENIED)
		return rc;
	e->code = ERR_USAGE;
	return err_hint(e, "use https, or --set allow-plain-http=true when anybody on the way may "
	                   "read and change what is sent");
}

/* After the settings: one connection pool for all. */
static int
connect_servers(struct modelrepo *m, const struct http_options *o, struct err *e)
{
	int rc = http_new(o, &m->http, e);

	for (size_t i = 0; rc == 0 && i < m->n; i++) {
		m->servers[i].http = m->http;
		m->servers[i].dialect = m->dialect;
		m->servers[i].deadline_ms = &m->t->deadline_ms;
		rc = check_address(m, m->servers[i].url, e);
	}
	return rc;
}

static int
modelrepo_open(void *st, const struct target *t, struct err *e)
{
	struct modelrepo *m = st;
	struct http_options o = { 0 };
	int rc;

	if (!t->url || !(has_prefix(t->url, "http://") || has_prefix(t->url, "https://")))
		return err_set(e, ERR_USAGE,
		               "target \"%s\" needs --url with the server's http address", t->name);
	if (!t->path || t->path[0] != '/')
		return err_set(e, ERR_USAGE,
		               "target \"%s\" needs --path with the full path of the server's "
		               "model repository", t->name);
	if (t->ns)
		return err_set(e, ERR_USAGE, "target \"%s\": modelrepo takes no namespace",
		               t->name);
	m->t = t;
	rc = add_servers(m, t->url, e);
	if (rc == 0)
		rc = read_settings(m, &o, e);
	if (rc == 0)
		rc = connect_servers(m, &o, e);
	if (rc < 0)
		modelrepo_close(m);
	return rc;
}

static int
modelrepo_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct modelrepo *m = st;
	struct target_facts facts = {
		.caps = CAP_ATOMIC_SWITCH | CAP_HISTORY,
		.proofs = PROOF_BIT(PROOF_OBJECT),
	};
	bool has_repository = true;

	(void)str_copy(facts.server, sizeof facts.server,
	               m->dialect == MODELREPO_MLSERVER ? "mlserver" : "triton");
	/* explicit, poll or none: only a load would tell, and that is no question */
	(void)str_copy(facts.mode, sizeof facts.mode, "unknown");
	for (size_t i = 0; i < m->n; i++) {
		struct modelrepo_server s;

		if (modelrepo_server(&m->servers[i], &s, e) < 0)
			return modelrepo_blame(m, i, e);
		has_repository = has_repository && s.has_repository;
		if (i == 0)
			(void)str_copy(facts.version, sizeof facts.version, s.version);
	}
	if (has_repository)
		facts.proofs |= PROOF_BIT(PROOF_LISTED) | PROOF_BIT(PROOF_ANSWERED);
	if (!has_repository)
		(void)snprintf(facts.why_not, sizeof facts.why_not,
		               "the server does not offer the model_repository extension");
	else if (m->n == 1)
		(void)snprintf(facts.why_not, sizeof facts.why_not,
		               "one server is asked; replicas behind it are not told apart");
	else
		(void)snprintf(facts.why_not, sizeof facts.why_not,
		               "%zu servers are asked, each by its own address", m->n);
	*ret = facts;
	return 0;
}

int
modelrepo_folder(const struct modelrepo *m, const struct rollout *q, bool create, char entry[256],
                 struct folder **ret, struct err *e)
{
	int rc;

	rc = folder_entry_name(m->t, q->model, entry, e);
	if (rc < 0)
		return rc;
	return folder_open(m->t->path, entry, create, ret, e);
}

static int
render(const struct modelrepo *m, const struct rollout *q, struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = json_object();
	char entry[256], number[24];
	int rc;

	rc = folder_entry_name(m->t, q->model, entry, e);
	if (rc < 0)
		return rc;
	(void)json_object_set_new(j, "driver", json_string("modelrepo"));
	(void)json_object_set_new(j, "entry", json_string(entry));
	if (q->empty) {
		(void)json_object_set_new(j, "empty", json_true());
	} else {
		(void)snprintf(number, sizeof(number), "%" PRIu64, q->number);
		(void)json_object_set_new(j, "number", json_string(number));
		(void)json_object_set_new(j, "version", json_from_digest(&q->version));
		if (m->dialect == MODELREPO_MLSERVER)
			(void)json_object_set_new(j, "settings",
			                          modelrepo_settings_json(m, entry, q->number));
	}
	json_canonical(j, ret);
	return 0;
}

/* Of the settings alone: nothing is opened. */
static int
modelrepo_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	struct http_options ignored = { 0 };
	struct modelrepo m = { .t = t };
	int rc = read_settings(&m, &ignored, e);

	if (rc == 0)
		rc = render(&m, q, ret, e);
	modelrepo_close(&m);
	return rc;
}

int
modelrepo_is_planned(const struct modelrepo *m, const struct rollout *q, struct str rendered,
                     struct err *e)
{
	cleanup_buf struct buf now = { 0 };
	int rc;

	rc = render(m, q, &now, e);
	if (rc < 0)
		return rc;
	if (!str_eq(rendered, buf_str(&now)))
		return err_set(e, ERR_CONFLICT,
		               "the plan does not say what would be done at \"%s\"", m->t->name);
	return 0;
}

static int
modelrepo_preview(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
                  struct err *e)
{
	const struct modelrepo *m = st;
	char entry[256];
	int rc;

	rc = modelrepo_is_planned(m, q, rendered, e);
	if (rc == 0)
		rc = folder_entry_name(m->t, q->model, entry, e);
	if (rc == 0)
		rc = folder_preview(m->t, q, &ret->text, e);
	if (rc < 0)
		return rc;
	ret->verified = false; /* the server has no dry run */
	if (m->dialect == MODELREPO_MLSERVER && q->empty)
		buf_addf(&ret->text, "%s/%s/" FOLDER_SETTINGS " goes\n", m->t->path, entry);
	else if (m->dialect == MODELREPO_MLSERVER)
		buf_addf(&ret->text, "%s/%s/" FOLDER_SETTINGS " names %" PRIu64 "\n", m->t->path,
		         entry, q->number);
	for (size_t i = 0; i < m->n; i++)
		buf_addf(&ret->text, "%s %s \"%s\"\n", m->servers[i].url,
		         q->empty ? "unloads" : "loads", entry);
	return 0;
}

static int
modelrepo_stage(void *st, const struct rollout *q, struct err *e)
{
	const struct modelrepo *m = st;
	struct err ignored = { 0 };
	struct folder_stamp stamp;
	struct folder *f = NULL;
	char entry[256];
	int rc;

	if (q->empty)
		return 0;
	rc = modelrepo_folder(m, q, true, entry, &f, e);
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
ask_golden(const struct modelrepo *m, size_t i, const char *entry, const struct rollout *q,
           const struct golden *g, struct proof *ret, struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf body = { 0 };
	int rc;

	golden_request_v2(g, q->job_id ? q->job_id : "slipway", &body);
	rc = modelrepo_infer(&m->servers[i], entry, buf_str(&body), modelrepo_left_ms(q, SMOKE_MS),
	                     &r, e);
	if (rc == 0)
		rc = golden_check_v2(g, buf_str(&r.body), q->number, r.elapsed_ms, ret->detail,
		                     sizeof(ret->detail), e);
	if (rc < 0)
		err_prefix(e, "golden request to \"%s\"", entry);
	return rc < 0 ? modelrepo_blame(m, i, e) : 0;
}

static int
modelrepo_smoke(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
                struct err *e)
{
	const struct modelrepo *m = st;
	char entry[256];
	int rc;

	*ret = (struct proof){ 0 };
	if (q->empty)
		return err_set(e, ERR_USAGE,
		               "nothing is served, so nothing can answer a golden request");
	rc = folder_entry_name(m->t, q->model, entry, e);
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = ask_golden(m, i, entry, q, g, ret, e);
	if (rc < 0)
		return rc;
	if (m->n > 1)
		(void)snprintf(ret->detail + strlen(ret->detail),
		               sizeof ret->detail - strlen(ret->detail), ", each of %zu servers",
		               m->n);
	ret->layers = PROOF_BIT(PROOF_ANSWERED);
	return 0;
}

static int
modelrepo_release(void *st, const struct rollout *q, const struct snapshot *s, struct err *e)
{
	const struct modelrepo *m = st;
	struct folder *f = NULL;
	char entry[256];
	int rc;

	rc = modelrepo_folder(m, q, false, entry, &f, e);
	if (rc == 0)
		rc = folder_release(f, q, s, e);
	else if (rc == -ERR_NOT_FOUND)
		rc = 0;
	if (rc == 0)
		err_clear(e);
	folder_close(f);
	return rc;
}

const struct deploy_driver driver_modelrepo = {
	.name = "modelrepo",
	.state_size = sizeof(struct modelrepo),
	.open = modelrepo_open,
	.probe = modelrepo_probe,
	.preflight = modelrepo_preflight,
	.render = modelrepo_render,
	.preview = modelrepo_preview,
	.stage = modelrepo_stage,
	.apply = modelrepo_apply,
	.observe = modelrepo_observe,
	.abort = modelrepo_abort,
	.rollback_to = modelrepo_rollback_to,
	.smoke = modelrepo_smoke,
	.release = modelrepo_release,
	.close = modelrepo_close,
};
