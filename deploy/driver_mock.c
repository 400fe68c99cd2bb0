/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target for tests of rollouts, in testing builds only: a directory that can share requests which
 * nobody makes. The file "weight" beside the model's folder is the share, "behave" says what is
 * seen of the newcomer, all members optional:
 *   {"canary":"failed|progressing","reason":"..","percent":N (read back instead of what was set),
 *    "new":[RATE,ERRORS,LATENCY],"old":[..] (a second, share, seconds), "weights":false,
 *    "apply":"CODE" of a switch, "look":"CODE" of whoever asks,
 *    "late":true (a share is set when it is asked for twice),
 *    "back":"OUTCOME_UNKNOWN" (the newcomer cannot be taken away)}
 */
#include "deploy/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/base/fs.h"

extern const struct deploy_driver driver_directory, driver_mock;

#define STATE_SIZE 256

struct mock {
	_Alignas(16) unsigned char directory[STATE_SIZE]; /* first: its calls get this pointer */
	const struct target *t;
	struct target bare; /* without the settings that a folder has not */
};

static bool
is_of_canaries(const json_t *settings)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)settings, key, v)
	{
		if (!streq(key, "steps") && !streq(key, "limits"))
			return false;
	}
	return true;
}

static int
mock_open(void *st, const struct target *t, struct err *e)
{
	struct mock *const m = st;

	if (driver_directory.state_size > STATE_SIZE)
		return err_set(e, ERR_BUG, "the directory driver has grown");
	m->t = t;
	m->bare = *t;
	if (is_of_canaries(t->settings))
		m->bare.settings = NULL;
	return driver_directory.open(st, &m->bare, e);
}

/* A new reference; NULL: no such file. */
static json_t *
read_json(const struct mock *m, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", m->t->path, name);
	cleanup_buf struct buf b = { 0 };
	struct err ignored = { 0 };
	json_t *j = NULL;

	if (fs_read_at(AT_FDCWD, path, 4096, &b, &ignored) == 0)
		(void)json_parse(buf_str(&b), name, &j, &ignored);
	return j;
}

static bool
weight(const struct mock *m, unsigned *ret_percent, char ret_plan[DIGEST_HEX_SIZE])
{
	cleanup_json json_t *j = read_json(m, "weight");

	*ret_percent = (unsigned)json_integer_value(json_object_get(j, "percent"));
	return j && str_copy(ret_plan, DIGEST_HEX_SIZE, json_opt_string(j, "plan")) == 0;
}

static bool
is_told_to_fail(const struct mock *m, const char *when, struct err *e)
{
	cleanup_json json_t *behave = read_json(m, "behave");
	const char *const code = json_opt_string(behave, when);

	if (code)
		err_set(e, err_from_name(code), "it was told to fail");
	return code != NULL;
}

static int
mock_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct mock *const m = st;
	cleanup_json json_t *behave = read_json(m, "behave");
	const int rc =
	        is_told_to_fail(m, "look", e) ? -(int)e->code : driver_directory.probe(st, ret, e);

	if (!json_is_false(json_object_get(behave, "weights")))
		ret->caps |= CAP_WEIGHTS;
	return rc;
}

static int
mock_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	const int rc = is_told_to_fail(st, "look", e) ? -(int)e->code
	                                              : driver_directory.observe(st, q, ret, e);
	char plan[DIGEST_HEX_SIZE];
	unsigned percent;

	if (rc == 0 && weight(st, &percent, plan))
		(void)str_copy(ret->plan_id, sizeof ret->plan_id, plan);
	return rc;
}

/* Is this the first time that a late one is asked? */
static bool
is_first(const struct mock *m)
{
	cleanup_json json_t *behave = read_json(m, "behave");
	cleanup_free char *path = xasprintf("%s/asked", m->t->path);
	struct err ignored = { 0 };

	return json_is_true(json_object_get(behave, "late")) && unlink(path) < 0 &&
	       fs_write_at(AT_FDCWD, path, "", 0, 0644, &ignored) == 0;
}

static int
mock_set_weight(void *st, const struct rollout *q, struct str rendered, unsigned percent,
                const struct precondition *p, struct err *e)
{
	const struct mock *const m = st;
	cleanup_free char *path = xasprintf("%s/weight", m->t->path);
	cleanup_free char *text =
	        xasprintf("{\"percent\":%u,\"plan\":\"%s\"}\n", percent, q->plan_id);

	(void)rendered;
	(void)p;
	return is_first(m) ? 0 : fs_write_at(AT_FDCWD, path, text, strlen(text), 0644, e);
}

static int
mock_look_canary(void *st, const struct rollout *q, struct canary *ret, struct err *e)
{
	const struct mock *const m = st;
	cleanup_json json_t *behave = read_json(m, "behave");
	const char *const said = json_opt_string(behave, "canary");
	const json_t *const percent = json_object_get(behave, "percent");
	char plan[DIGEST_HEX_SIZE];

	(void)q;
	(void)e;
	*ret = (struct canary){ .status = ROLLOUT_SUCCEEDED };
	ret->percent_known = weight(m, &ret->percent, plan);
	ret->share_waits = json_is_true(json_object_get(behave, "late"));
	ret->percent_known = ret->percent_known || ret->share_waits;
	if (percent && ret->percent_known)
		ret->percent = (unsigned)json_integer_value(percent);
	if (!said)
		return 0;
	ret->status = streq(said, "failed") ? ROLLOUT_FAILED : ROLLOUT_PROGRESSING;
	(void)str_copy(ret->reason, sizeof ret->reason, json_opt_string(behave, "reason"));
	(void)str_copy(ret->code, sizeof ret->code, "crash-loop");
	(void)str_copy(ret->advice, sizeof ret->advice, "read its log");
	return 0;
}

/* So many requests as that rate makes since the share was set. */
static int
mock_traffic(void *st, const struct rollout *q, bool newcomer, struct traffic *ret, struct err *e)
{
	const struct mock *const m = st;
	cleanup_json json_t *behave = read_json(m, "behave");
	const json_t *const said = json_object_get(behave, newcomer ? "new" : "old");
	cleanup_free char *path = xasprintf("%s/weight", m->t->path);
	double requests;
	struct timespec now;
	struct stat w;

	(void)q;
	(void)e;
	*ret = (struct traffic){ .why = "nobody counts here" };
	if (json_array_size(said) != 3 || stat(path, &w) < 0)
		return 0;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	requests = json_number_value(json_array_get(said, 0)) *
	           ((double)(now.tv_sec - w.st_mtim.tv_sec) +
	            (double)(now.tv_nsec - w.st_mtim.tv_nsec) / 1e9);
	*ret = (struct traffic){
		.known = true,
		.requests = requests,
		.errors = requests * json_number_value(json_array_get(said, 1)),
		.latency_s = requests * json_number_value(json_array_get(said, 2)),
		.replicas = 1,
		.source = "the file",
	};
	return 0;
}

static int
forget(const struct mock *m, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/weight", m->t->path);

	return unlink(path) < 0 && errno != ENOENT ? err_sys(e, "remove \"%s\"", path) : 0;
}

static int
mock_apply(void *st, const struct rollout *q, struct str rendered, const struct precondition *p,
           struct err *e)
{
	if (is_told_to_fail(st, "apply", e))
		return -(int)e->code;
	return driver_directory.apply(st, q, rendered, p, e);
}

static int
mock_promote(void *st, const struct rollout *q, struct str rendered, const struct precondition *p,
             struct err *e)
{
	const int rc = driver_directory.apply(st, q, rendered, p, e);

	return rc < 0 ? rc : forget(st, e);
}

static int
mock_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	cleanup_json json_t *behave = read_json(st, "behave");
	const char *const code = json_opt_string(behave, "back");
	int rc;

	if (code)
		return err_set(e, err_from_name(code), "the newcomer stays");
	rc = forget(st, e);
	return rc < 0 ? rc : driver_directory.abort(st, q, p, e);
}

#define DIRECTORY(call, params, args)              \
	static int mock_##call params              \
	{                                          \
		return driver_directory.call args; \
	}
DIRECTORY(preflight, (void *st, const struct rollout *q, struct findings *r, struct err *e),
          (st, q, r, e))
DIRECTORY(render, (const struct target *t, const struct rollout *q, struct buf *r, struct err *e),
          (t, q, r, e))
DIRECTORY(preview,
          (void *st, const struct rollout *q, struct str s, struct preview *r, struct err *e),
          (st, q, s, r, e))
DIRECTORY(stage, (void *st, const struct rollout *q, struct err *e), (st, q, e))
DIRECTORY(rollback_to,
          (void *st, const struct rollout *q, const struct snapshot *s,
           const struct precondition *p, struct err *e),
          (st, q, s, p, e))
DIRECTORY(release, (void *st, const struct rollout *q, const struct snapshot *s, struct err *e),
          (st, q, s, e))

const struct deploy_driver driver_mock = {
	.name = "mock",
	.state_size = sizeof(struct mock),
	.open = mock_open,
	.probe = mock_probe,
	.preflight = mock_preflight,
	.render = mock_render,
	.preview = mock_preview,
	.stage = mock_stage,
	.apply = mock_apply,
	.observe = mock_observe,
	.set_weight = mock_set_weight,
	.look_canary = mock_look_canary,
	.traffic = mock_traffic,
	.promote = mock_promote,
	.abort = mock_abort,
	.rollback_to = mock_rollback_to,
	.release = mock_release,
};
