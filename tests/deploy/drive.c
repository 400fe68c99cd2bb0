/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a driver from a script: drive VERB key=value... against a real server. It prints one
 * line of what came of it and exits as slipway would. Takes the place of the registry: a version
 * is a folder.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>

#include "deploy/driver.h"
#include "deploy/smoke.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "tests/deploy/version.h"

#define WAIT_MS 60000

struct job {
	const struct deploy_driver *d;
	void *st;
	struct target t;
	const char *verb, *dir, *from_dir, *smoke;
	struct rollout q;
	struct precondition p;
	struct version_dir *version, *from;
};

static int
read_arguments(struct job *j, int argc, char **argv, struct err *e)
{
	uint64_t number = 0, from = 0;
	const struct {
		const char *key;
		const char **text;
		uint64_t *number;
	} keys[] = {
		{ "driver=", &j->t.driver, NULL }, { "url=", &j->t.url, NULL },
		{ "path=", &j->t.path, NULL }, { "model=", &j->q.model, NULL },
		{ "plan=", &j->q.plan_id, NULL }, { "dir=", &j->dir, NULL },
		{ "from-dir=", &j->from_dir, NULL }, { "smoke=", &j->smoke, NULL },
		{ "number=", NULL, &number }, { "from=", NULL, &from },
	};

	for (int i = 2; i < argc; i++) {
		size_t k = 0;

		while (k < COUNT(keys) && !has_prefix(argv[i], keys[k].key))
			k++;
		if (k == COUNT(keys))
			return err_set(e, ERR_USAGE, "unknown argument \"%s\"", argv[i]);
		const char *value = argv[i] + strlen(keys[k].key);

		if (keys[k].text)
			*keys[k].text = value;
		else if (parse_u64(value, UINT64_MAX, keys[k].number) < 0)
			return err_set(e, ERR_USAGE, "\"%s\" is no number", argv[i]);
	}
	j->q.number = number;
	j->q.empty = number == 0;
	j->p.number = from;
	j->p.empty = from == 0;
	return 0;
}

static int
prepare(struct job *j, struct err *e)
{
	int rc = 0;

	j->t.name = "target";
	j->q.registry_id = "r1";
	j->q.job_id = "drive";
	j->q.deadline_ms = clock_mono_ms() + WAIT_MS;
	if (!j->q.empty && j->dir) {
		rc = version_dir_open(j->dir, &j->version, e);
		if (rc == 0) {
			j->q.files = &j->version->source;
			j->q.version = j->version->version;
		}
	}
	if (rc == 0 && !j->p.empty && j->from_dir) {
		rc = version_dir_open(j->from_dir, &j->from, e);
		if (rc == 0)
			j->p.version = j->from->version;
	}
	if (rc < 0)
		return rc;
	j->d = deploy_driver_find(j->t.driver ? j->t.driver : "modelrepo");
	if (!j->d)
		return err_set(e, ERR_USAGE, "no driver \"%s\"", j->t.driver);
	j->st = xcalloc(1, j->d->state_size);
	return j->d->open(j->st, &j->t, e);
}

static int
probe(struct job *j, struct err *e)
{
	struct target_facts facts;
	int rc;

	rc = j->d->probe(j->st, &facts, e);
	if (rc == 0)
		(void)printf("%s %s mode=%s proofs=%x\n", facts.server, facts.version, facts.mode,
		             facts.proofs);
	return rc;
}

static int
preflight(struct job *j, struct err *e)
{
	static const char levels[] = "+!-?";
	struct findings found = { 0 };
	int rc;

	rc = j->d->preflight(j->st, &j->q, &found, e);
	for (size_t i = 0; i < found.n; i++)
		(void)printf("%c%s: %s\n", levels[found.v[i].level], found.v[i].code,
		             found.v[i].text);
	findings_fini(&found);
	return rc;
}

static int
promote(struct job *j, struct err *e)
{
	cleanup_buf struct buf rendered = { 0 };
	int rc;

	rc = j->d->stage(j->st, &j->q, e);
	if (rc == 0)
		rc = j->d->render(&j->t, &j->q, &rendered, e);
	if (rc == 0)
		rc = j->d->apply(j->st, &j->q, buf_str(&rendered), &j->p, e);
	return rc;
}

static int
rollback(struct job *j, struct err *e)
{
	const struct snapshot s = { .empty = j->q.empty, .number = j->q.number,
		                    .version = j->q.version };
	int rc;

	rc = j->d->stage(j->st, &j->q, e);
	return rc == 0 ? j->d->rollback_to(j->st, &j->q, &s, &j->p, e) : rc;
}

static int
observe(struct job *j, struct err *e)
{
	struct observation o;
	int rc;

	rc = j->d->observe(j->st, &j->q, &o, e);
	if (rc < 0)
		return rc;
	(void)printf("%s serving=%" PRIu64 " drifted=%d proofs=", rollout_status_name(o.status),
	             o.serving_number, o.is_drifted);
	for (int l = 0; l < PROOF_COUNT; l++) {
		if (o.proofs & PROOF_BIT(l))
			(void)printf("%s,", proof_name((enum proof_layer)l));
	}
	(void)printf(" %s\n", o.reason);
	return 0;
}

static int
smoke(struct job *j, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct golden *g = NULL;
	struct proof proof;
	int rc;

	rc = fs_read_at(AT_FDCWD, j->smoke, SMOKE_MAX, &text, e);
	if (rc == 0)
		rc = golden_parse(buf_str(&text), &g, e);
	if (rc == 0)
		rc = j->d->smoke(j->st, &j->q, g, &proof, e);
	if (rc == 0)
		(void)printf("%s\n", proof.detail);
	golden_free(g);
	return rc;
}

static int
abort_it(struct job *j, struct err *e)
{
	return j->d->abort(j->st, &j->q, &j->p, e);
}

static int
run(struct job *j, struct err *e)
{
	static const struct {
		const char *verb;
		int (*fn)(struct job *j, struct err *e);
	} verbs[] = {
		{ "probe", probe }, { "preflight", preflight }, { "promote", promote },
		{ "rollback", rollback }, { "observe", observe }, { "smoke", smoke },
		{ "abort", abort_it },
	};

	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (streq(verbs[i].verb, j->verb))
			return verbs[i].fn(j, e);
	}
	return err_set(e, ERR_USAGE, "unknown verb \"%s\"", j->verb);
}

int
main(int argc, char **argv)
{
	struct job j = { .verb = argc > 1 ? argv[1] : "", .q = { .model = "digits" } };
	struct err e = { 0 };
	int rc;

	if (crypto_init() < 0)
		return 70;
	rc = read_arguments(&j, argc, argv, &e);
	if (rc == 0)
		rc = prepare(&j, &e);
	if (rc == 0)
		rc = run(&j, &e);
	if (rc < 0)
		(void)printf("%s: %s (%s)\n", err_name(e.code), e.msg, e.hint);
	if (j.st)
		j.d->close(j.st);
	free(j.st);
	version_dir_free(j.version);
	version_dir_free(j.from);
	return rc < 0 ? err_exit_of((enum err_code)-rc) : 0;
}
