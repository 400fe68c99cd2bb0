/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two looks: one without any lock finds candidates; then, in small batches under the writer lock,
 * what the log says since and how old the file is now are asked again, and only then is it
 * unlinked. Whoever commits an entry looks for its blobs under the same lock. A crash leaves fewer
 * blobs that nobody needs.
 */
#include "registry/gc.h"

#include <inttypes.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/change.h"
#include "registry/check_private.h"
#include "registry/fault.h"

#define BATCH 256

struct candidate {
	struct digest digest;
	uint64_t size;
};
struct gc {
	struct registry *r;
	const struct gc_options *options;
	gc_fn *fn;
	void *arg;
	struct gc_result *ret;
	struct check check;
	struct check_result seen;
	VEC(struct candidate) candidates;
	size_t at; /* the next one */
};

static void
no_matter(void *arg, const char *what, const struct err *problem)
{
	(void)arg, (void)what, (void)problem; /* what does not count needs nothing; check says it */
}

/* Without a manifest nobody knows which files a version has. */
static int
gather(struct gc *g, struct err *e)
{
	int rc = check_gather(&g->check, e);

	if (rc == 0 && g->check.unreadable > 0)
		rc = err_set(e, g->check.machine_failed ? ERR_SYS : ERR_DIGEST,
		             "%" PRIu64 " manifest%s cannot be read, so that what is needed is not "
		             "known: nothing is removed",
		             g->check.unreadable, g->check.unreadable == 1 ? "" : "s");
	return rc < 0 ? err_hint(e, "look with `slipway check`; what is lost comes back from a "
	                            "backup, or `slipway delete` says that it will not")
	              : 0;
}

static bool
is_young(const struct gc *g, int64_t time_s)
{
	const int64_t age = clock_now_s() - time_s;

	return age < 0 || (uint64_t)age < g->options->grace_s;
}

static int
look(void *arg, const struct digest *d, uint64_t size)
{
	struct gc *const g = arg;
	const struct candidate c = { .digest = *d, .size = size };
	int64_t time_s;

	if (check_is_needed(&g->check, d)) {
		g->ret->needed++;
		g->ret->needed_bytes += size;
		return 0;
	}
	if (!blob_time(g->r->blobs, d, &time_s))
		return 0; /* somebody else was faster */
	if (!is_young(g, time_s)) {
		vec_push(&g->candidates, c);
		return 0;
	}
	g->ret->young++;
	g->ret->young_bytes += size;
	g->fn(g->arg, GC_YOUNG, d, size);
	return 0;
}

static void
count_removed(struct gc *g, const struct candidate *c)
{
	g->ret->removed++;
	g->ret->removed_bytes += c->size;
	g->fn(g->arg, GC_REMOVED, &c->digest, c->size);
}

/* --- under the writer lock --- */

static int
see_news(struct gc *g, struct err *e)
{
	struct log_pos end;
	int rc = log_end(g->r->log, &end, e);

	if (rc < 0 || !log_pos_before(g->check.end, end))
		return rc;
	return gather(g, e);
}

static int
remove_batch(void *arg, struct err *e)
{
	struct gc *const g = arg;
	int rc = see_news(g, e);

	for (unsigned i = 0; rc == 0 && i < BATCH && g->at < g->candidates.n; i++) {
		const struct candidate *const c = &g->candidates.v[g->at++];
		int64_t time_s;

		if (check_is_needed(&g->check, &c->digest) ||
		    !blob_time(g->r->blobs, &c->digest, &time_s) || is_young(g, time_s))
			continue;
		rc = blob_unlink(g->r->blobs, &c->digest, e);
		fault_point("gc-unlink");
		if (rc == 0)
			count_removed(g, c);
	}
	return rc;
}

static int
remove_all(struct gc *g, struct err *e)
{
	int rc = 0;

	fault_pause("gc-candidates");
	if (g->options->dry_run) {
		vec_foreach(c, &g->candidates)
			count_removed(g, c);
		return 0;
	}
	while (rc == 0 && g->at < g->candidates.n)
		rc = change_locked(g->r, remove_batch, g, e);
	return rc;
}

int
gc_run(struct registry *r, const struct gc_options *o, gc_fn *fn, void *arg, struct gc_result *ret,
       struct err *e)
{
	struct gc g = { .r = r, .options = o, .fn = fn, .arg = arg, .ret = ret };
	int rc;

	*ret = (struct gc_result){ 0 };
	g.check = (struct check){ .r = r, .fn = no_matter, .ret = &g.seen };
	rc = gather(&g, e);
	if (rc == 0)
		rc = blob_each(r->blobs, look, &g, e);
	if (rc == 0)
		rc = remove_all(&g, e);
	if (rc == 0)
		rc = blobs_abandoned(r->blobs, &ret->abandoned_bytes, e);
	if (rc == 0 && !o->dry_run)
		rc = blobs_sweep(r->blobs, e);
	check_fini(&g.check);
	vec_fini(&g.candidates);
	return rc;
}
