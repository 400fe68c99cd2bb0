/* SPDX-License-Identifier: Apache-2.0 */
/* A model's folder with two versions and the directory driver opened on it. */
#pragma once

#include "deploy/driver.h"
#include "folder_fixture.h"

#include <dirent.h>

#define OLD_PLAN "0000000000000000000000000000000000000000000000000000000000000000"
#define PLAN     "1111111111111111111111111111111111111111111111111111111111111111"

/* One folder, two versions, the driver opened on it. */
struct world {
	struct site site;
	struct version v[3]; /* by number; v[0] is not used */
	struct target target;
	const struct deploy_driver *d;
	void *st;
	struct buf rendered;
};

static inline struct rollout
rollout_of(const struct world *w, uint64_t number, const char *plan)
{
	struct rollout q = {
		.registry_id = "reg", .model = "risk/m", .plan_id = plan, .job_id = "j"
	};

	q.empty = number == 0;
	if (!q.empty) {
		q.number = number;
		q.version = w->v[number].id;
		q.files = &w->v[number].source;
	}
	return q;
}

static inline struct precondition
seen(const struct world *w, uint64_t number, const char *plan)
{
	struct precondition p = { .empty = number == 0, .plan_id = plan };

	if (!p.empty) {
		p.number = number;
		p.version = w->v[number].id;
	}
	return p;
}

static inline struct snapshot
snapshot_of(const struct world *w, uint64_t number)
{
	struct snapshot s = { .empty = number == 0 };

	if (!s.empty) {
		s.number = number;
		s.version = w->v[number].id;
	}
	return s;
}

static inline void
world_make(struct world *w)
{
	struct err e = { 0 };

	*w = (struct world){ 0 };
	site_make(&w->site);
	version_make(&w->v[1], 1);
	version_make(&w->v[2], 2);
	w->target = (struct target){ .name = "t", .driver = "directory", .path = w->site.path };
	w->d = deploy_driver_find("directory");
	cr_assert_not_null(w->d);
	w->st = xcalloc(1, w->d->state_size);
	cr_assert_eq(w->d->open(w->st, &w->target, &e), 0, "%s", e.msg);
}

static inline void
world_remove(struct world *w)
{
	if (w->d->close)
		w->d->close(w->st);
	free(w->st);
	buf_fini(&w->rendered);
	site_clear(&w->site, "risk__m");
	site_remove(&w->site);
}

static inline int
act_apply(struct world *w, uint64_t from, uint64_t to, const char *plan, struct err *e)
{
	const struct rollout q = rollout_of(w, to, plan);
	const struct precondition p = seen(w, from, plan);
	int rc;

	buf_clear(&w->rendered);
	rc = w->d->render(&w->target, &q, &w->rendered, e);
	if (rc == 0)
		rc = w->d->stage(w->st, &q, e);
	if (rc == 0)
		rc = w->d->apply(w->st, &q, buf_str(&w->rendered), &p, e);
	return rc;
}

/* After a failed apply of from -> to. */
static inline int
act_abort(struct world *w, uint64_t from, uint64_t to, const char *plan, struct err *e)
{
	const struct rollout q = rollout_of(w, to, plan);
	const struct precondition p = seen(w, from, plan);

	return w->d->abort(w->st, &q, &p, e);
}

/* The way back as a plan of its own: from is what is there now, to the snapshot. */
static inline int
act_rollback(struct world *w, uint64_t from, uint64_t to, const char *plan, struct err *e)
{
	const struct rollout q = rollout_of(w, to, plan);
	const struct precondition p = seen(w, from, plan);
	const struct snapshot s = snapshot_of(w, to);
	int rc;

	rc = w->d->stage(w->st, &q, e);
	if (rc == 0)
		rc = w->d->rollback_to(w->st, &q, &s, &p, e);
	return rc;
}

/* The names in the model's folder that matter, sorted, as "1 slipway-v2". */
static inline const char *
listing(const struct world *w, char ret[256])
{
	cleanup_buf struct buf text = { 0 };
	struct dirent **v = NULL;
	char path[128];
	int n;

	snprintf(path, sizeof(path), "%s/risk__m", w->site.path);
	n = scandir(path, &v, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (v[i]->d_name[0] != '.')
			buf_addf(&text, "%s%s", text.n ? " " : "", v[i]->d_name);
		free(v[i]);
	}
	free(v);
	cr_assert_eq(str_copy(ret, 256, buf_cstr(&text)), 0);
	return ret;
}

static inline void
expect_state(struct world *w, uint64_t number, const char *what)
{
	char names[256];
	const struct rollout q = rollout_of(w, number, PLAN);
	struct observation o;
	struct err e = { 0 };

	cr_assert_eq(w->d->observe(w->st, &q, &o, &e), 0, "%s: %s", what, e.msg);
	cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "%s: %s (%s)", what, o.reason, listing(w, names));
	cr_expect_eq(o.proofs, PROOF_BIT(PROOF_OBJECT), "%s", what);
	cr_expect(o.serving_known && !o.is_drifted, "%s", what);
	cr_expect_eq(o.serving_empty, number == 0, "%s", what);
	cr_expect_eq(o.serving_number, number, "%s", what);
	cr_expect(digest_eq(&o.serving_version, &q.version), "%s", what);
}
