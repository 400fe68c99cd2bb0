/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "modelrepo": a model repository folder and the V2 repository API of the server that
 * reads it. The folder says which version should serve (the number is the switch), load makes the
 * server look, and the index and the model's own metadata are the proof. How the switch goes is in
 * modelrepo_switch.c; here is what looks, asks and prepares.
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
#include "registry/base/clock.h"

#define SMOKE_MS   30000
#define IGNORED_MS 5000u

extern const struct deploy_driver driver_modelrepo;

static int
read_settings(const struct target *t, struct http_options *ret, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)t->settings, key, v) {
		const char *text = json_string_value(v);

		if (streq(key, "dialect") && text && streq(text, "triton")) {
			continue;
		} else if (streq(key, "dialect")) {
			return err_set(e, ERR_USAGE,
			               "target \"%s\": unknown dialect \"%s\", only \"triton\"",
			               t->name, text ? text : "?");
		} else if (streq(key, "allow-plain-http") && json_is_boolean(v)) {
			ret->allow_plain = json_is_true(v);
		} else if (streq(key, "ca-file") && text && text[0] == '/') {
			ret->ca_file = text;
		} else {
			return err_set(e, ERR_USAGE,
			               "target \"%s\": no setting \"%s\" with such a value",
			               t->name, key);
		}
	}
	return 0;
}

static void
modelrepo_close(void *st)
{
	struct modelrepo *m = st;

	http_free(m->http);
	free(m->url);
	*m = (struct modelrepo){ 0 };
}

/* Said when the target is added, not when the first version is promoted to it. */
static int
check_address(const struct modelrepo *m, struct err *e)
{
	int rc;

	rc = http_check_address(m->http, m->url, e);
	if (rc != -ERR_DENIED)
		return rc;
	e->code = ERR_USAGE;
	return err_hint(e, "use https, or --set allow-plain-http=true when anybody on the way may "
	                   "read and change what is sent");
}

static int
modelrepo_open(void *st, const struct target *t, struct err *e)
{
	struct modelrepo *m = st;
	struct http_options o = { 0 };
	size_t n;
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
	rc = read_settings(t, &o, e);
	if (rc < 0)
		return rc;
	rc = http_new(&o, &m->http, e);
	if (rc < 0)
		return rc;
	n = strlen(t->url);
	while (t->url[n - 1] == '/')
		n--;
	m->t = t;
	m->url = xstrndup(t->url, n);
	m->api = (struct modelrepo_api){ .http = m->http,
		                         .url = m->url,
		                         .deadline_ms = &t->deadline_ms };
	rc = check_address(m, e);
	if (rc < 0)
		modelrepo_close(m);
	return rc;
}

static int
modelrepo_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct modelrepo *m = st;
	struct modelrepo_server s;
	int rc;

	rc = modelrepo_server(&m->api, &s, e);
	if (rc < 0)
		return rc;
	*ret = (struct target_facts){
		.server = "triton",
		.caps = CAP_ATOMIC_SWITCH | CAP_HISTORY,
		.proofs = PROOF_BIT(PROOF_OBJECT),
	};
	(void)snprintf(ret->version, sizeof(ret->version), "%s", s.version);
	/* explicit, poll or none: only a load would tell, and that is no question */
	(void)snprintf(ret->mode, sizeof(ret->mode), "unknown");
	if (s.has_repository) {
		ret->proofs |= PROOF_BIT(PROOF_LISTED) | PROOF_BIT(PROOF_ANSWERED);
		(void)snprintf(ret->why_not, sizeof(ret->why_not),
		               "one server is asked; replicas behind it are not told apart");
	} else {
		(void)snprintf(ret->why_not, sizeof(ret->why_not),
		               "the server does not offer the model_repository extension");
	}
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
modelrepo_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	cleanup_json json_t *j = json_object();
	char entry[256], number[24];
	int rc;

	rc = folder_entry_name(t, q->model, entry, e);
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
	}
	json_canonical(j, ret);
	return 0;
}

int
modelrepo_is_planned(const struct modelrepo *m, const struct rollout *q, struct str rendered,
                     struct err *e)
{
	cleanup_buf struct buf now = { 0 };
	int rc;

	rc = modelrepo_render(m->t, q, &now, e);
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
	buf_addf(&ret->text, "%s %s \"%s\"\n", m->url, q->empty ? "unloads" : "loads", entry);
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

static enum modelrepo_state
row_of(const struct modelrepo_index *index, uint64_t number, const char **ret_reason)
{
	for (size_t i = 0; i < index->n; i++) {
		if (index->v[i].number != number)
			continue;
		*ret_reason = index->v[i].reason;
		return index->v[i].state;
	}
	return MODELREPO_ABSENT;
}

/* READY in the index and listed by the model itself: either alone is said of broken models too. */
static uint64_t
serving_number(const struct modelrepo_index *index, const struct modelrepo_versions *listed)
{
	const char *reason;
	uint64_t highest = 0;

	for (size_t i = 0; i < listed->n; i++) {
		if (listed->v[i] > highest &&
		    row_of(index, listed->v[i], &reason) == MODELREPO_READY)
			highest = listed->v[i];
	}
	return highest;
}

static bool
is_quiet(const struct modelrepo_index *index)
{
	for (size_t i = 0; i < index->n; i++) {
		if (index->v[i].state != MODELREPO_UNAVAILABLE)
			return false;
	}
	return true;
}

/* A load ends before it is answered, so what the index says some seconds after a success is no
 * longer on its way: another version READY, and ours never taken up (absent, or still "unloaded"
 * from an earlier time). */
static bool
is_ignored(const struct modelrepo *m, const struct rollout *q, enum modelrepo_state state,
           const struct observation *seen)
{
	return (state == MODELREPO_ABSENT || state == MODELREPO_UNAVAILABLE) &&
	       !seen->serving_empty && m->loaded_number == q->number &&
	       clock_mono_ms() >= m->loaded_ms + IGNORED_MS;
}

static void
judge(const struct modelrepo *m, const struct rollout *q, const struct modelrepo_index *index,
      struct observation *ret)
{
	const bool is_placed = (ret->proofs & PROOF_BIT(PROOF_OBJECT)) != 0;
	const char *reason = "";
	enum modelrepo_state state;
	bool is_there;

	ret->status = ROLLOUT_PROGRESSING;
	if (q->empty)
		is_there = ret->serving_empty && is_quiet(index);
	else
		is_there = ret->serving_number == q->number;
	if (is_there)
		ret->proofs |= PROOF_BIT(PROOF_LISTED);
	if (is_there && is_placed) {
		ret->status = ROLLOUT_SUCCEEDED;
		return;
	}
	if (!is_placed) {
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "the folder does not hold what was planned");
		return;
	}
	if (q->empty) {
		(void)snprintf(ret->reason, sizeof(ret->reason), "the server still has the model");
		return;
	}
	state = row_of(index, q->number, &reason);
	/* "unloaded" is what an old version says that was switched off before */
	if (state == MODELREPO_UNAVAILABLE && reason[0] && !streq(reason, "unloaded")) {
		ret->status = ROLLOUT_FAILED;
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	} else if (is_ignored(m, q, state, ret)) {
		ret->status = ROLLOUT_FAILED;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "the server said that it loaded the model, and after %u s its "
		               "index still has version %" PRIu64 " ready, not %" PRIu64,
		               IGNORED_MS / 1000, ret->serving_number, q->number);
	} else if (state == MODELREPO_LOADING) {
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "version %" PRIu64 " is being loaded", q->number);
	} else if (ret->serving_empty) {
		(void)snprintf(ret->reason, sizeof(ret->reason), "the server serves no version");
	} else {
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "the server still serves version %" PRIu64,
		               ret->serving_number);
	}
}

/* The folder's half of a look: what we left there, and whether it is still so. */
static int
look_at_folder(const struct modelrepo *m, const struct rollout *q, char entry[256],
               struct folder_stamp *stamp, struct observation *ret, struct err *e)
{
	struct folder_look look = { 0 };
	struct folder *f = NULL;
	bool is_ours;
	int rc;

	rc = modelrepo_folder(m, q, false, entry, &f, e);
	/* without the repository nothing is known; without the model's folder, nothing is
	 * published */
	if (rc == -ERR_NOT_FOUND && access(m->t->path, R_OK | X_OK) == 0) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0 && f)
		rc = folder_stamp_read(f, stamp, e);
	if (rc == 0 && f)
		rc = folder_look(f, stamp, &look, e);
	folder_close(f);
	if (rc < 0)
		return rc;
	is_ours = !stamp->exists || streq(stamp->registry_id, q->registry_id);
	ret->is_drifted = !is_ours || look.highest != stamp->number || look.foreign > 0;
	(void)str_copy(ret->plan_id, sizeof(ret->plan_id), stamp->plan_id);
	if (ret->is_drifted)
		return 0;
	if (q->empty ? stamp->number == 0
	             : stamp->number == q->number && digest_eq(&stamp->version, &q->version))
		ret->proofs |= PROOF_BIT(PROOF_OBJECT);
	return 0;
}

static int
modelrepo_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	const struct modelrepo *m = st;
	cleanup_index struct modelrepo_index index = { 0 };
	cleanup_versions struct modelrepo_versions listed = { 0 };
	struct folder_stamp stamp = { 0 };
	char entry[256];
	int rc;

	*ret = (struct observation){ .status = ROLLOUT_UNKNOWN };
	rc = look_at_folder(m, q, entry, &stamp, ret, e);
	if (rc == 0)
		rc = modelrepo_index(&m->api, entry, &index, e);
	if (rc == 0)
		rc = modelrepo_versions(&m->api, entry, &listed, e);
	if (rc == -ERR_USAGE)
		return rc;
	if (rc < 0) { /* no contact is no failure */
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s", e->msg);
		err_clear(e);
		return 0;
	}
	ret->serving_known = true;
	ret->serving_number = serving_number(&index, &listed);
	ret->serving_empty = ret->serving_number == 0;
	if (!ret->is_drifted && !ret->serving_empty && ret->serving_number == stamp.number)
		ret->serving_version = stamp.version;
	judge(m, q, &index, ret);
	return 0;
}

static int
modelrepo_smoke(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
                struct err *e)
{
	const struct modelrepo *m = st;
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf body = { 0 };
	char entry[256];
	int rc;

	*ret = (struct proof){ 0 };
	if (q->empty)
		return err_set(e, ERR_USAGE,
		               "nothing is served, so nothing can answer a golden request");
	rc = folder_entry_name(m->t, q->model, entry, e);
	if (rc < 0)
		return rc;
	golden_request_v2(g, q->job_id ? q->job_id : "slipway", &body);
	rc = modelrepo_infer(&m->api, entry, buf_str(&body), modelrepo_left_ms(q, SMOKE_MS), &r, e);
	if (rc == 0)
		rc = golden_check_v2(g, buf_str(&r.body), q->number, r.elapsed_ms, ret->detail,
		                     sizeof(ret->detail), e);
	if (rc < 0)
		return err_prefix(e, "golden request to \"%s\"", entry);
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
