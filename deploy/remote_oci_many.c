/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small blobs to an image registry: what they cost is waiting for its answers, so several are
 * on their way at a time, each on a way of its own: connection, credential, hashing. The caller's
 * functions are called by one thread at a time. Large blobs follow one after the other.
 */
#include <pthread.h>
#include <stdlib.h>

#include "deploy/remote_oci.h"
#include "deploy/side_by_side.h"

#define WAYS      6
#define SMALL     ((uint64_t)1 << 20)
#define MANY      8   /* of them; fewer are no trouble */
#define TOLD_EACH 256 /* blobs: then the progress is told */

struct way {
	struct sending *all;
	struct oci oci;
	struct remote_put put;
	int rc;
	struct err e;
};

struct sending {
	struct oci *s;
	const char *repo;
	const struct blob *v;
	size_t next, end; /* of v: taken by whoever comes */
	bool stop;
	pthread_mutex_t lock; /* for what the caller gave us */
	struct way ways[WAYS];
};

static bool
is_small(const struct blob *b)
{
	return b->size <= SMALL;
}

static int
check(void *arg, struct err *e)
{
	struct sending *const all = arg;
	int rc;

	pthread_mutex_lock(&all->lock);
	rc = all->s->o.check(all->s->o.arg, e);
	pthread_mutex_unlock(&all->lock);
	return rc;
}

static void
take_some(void *arg, size_t i)
{
	struct sending *const all = arg;
	struct way *const w = &all->ways[i];
	uint64_t ignored = 0;

	while (w->rc == 0 && !__atomic_load_n(&all->stop, __ATOMIC_RELAXED)) {
		const size_t k = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED);

		if (k >= all->end)
			return;
		if (is_small(&all->v[k]))
			w->rc = oci_put_blob(&w->oci, all->repo, &all->v[k], &ignored, 0, &w->put,
			                     &w->e);
	}
	if (w->rc < 0)
		__atomic_store_n(&all->stop, true, __ATOMIC_RELAXED);
}

static int
open_ways(struct sending *all, struct err *e)
{
	const struct oci *const s = all->s;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WAYS; i++) {
		struct oci *const o = &all->ways[i].oci;
		struct remote_options options = s->o;

		options.progress = NULL;
		options.check = s->o.check ? check : NULL;
		options.arg = all;
		rc = oci_connect(o, s->host, s->repo, &options, e);
		if (rc == 0)
			o->auth = oci_auth_copy(s->auth, &o->o);
	}
	return rc;
}

/* v[from] to before v[end], those that are small. */
static int
send_some(struct sending *all, size_t from, size_t end, struct err *e)
{
	all->next = from;
	all->end = end;
	side_by_side(0, WAYS, take_some, all);
	for (size_t i = 0; i < WAYS; i++) {
		if (all->ways[i].rc < 0) {
			*e = all->ways[i].e;
			return all->ways[i].rc;
		}
	}
	return 0;
}

static int
put_small(struct sending *all, size_t n, uint64_t *done, uint64_t total, struct remote_put *ret,
          struct err *e)
{
	const struct remote_options *const o = &all->s->o;
	int rc = open_ways(all, e);

	for (size_t i = 0, end; rc == 0 && i < n; i = end) {
		end = n - i < TOLD_EACH ? n : i + TOLD_EACH;
		rc = send_some(all, i, end, e);
		*done = 0;
		for (size_t k = 0; k < WAYS; k++)
			*done += all->ways[k].put.sent + all->ways[k].put.present;
		if (rc == 0 && o->progress)
			o->progress(o->arg, *done, total);
	}
	for (size_t i = 0; i < WAYS; i++) {
		ret->sent += all->ways[i].put.sent;
		ret->present += all->ways[i].put.present;
		oci_disconnect(&all->ways[i].oci);
	}
	return rc;
}

int
oci_put_blobs(struct oci *s, const char *repo, const struct blob *v, size_t n,
              struct remote_put *ret, struct err *e)
{
	struct sending all = { .s = s, .repo = repo, .v = v };
	uint64_t done = 0, total = 0;
	size_t small = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		total += v[i].size;
		small += is_small(&v[i]);
	}
	if (small >= MANY) {
		pthread_mutex_init(&all.lock, NULL);
		rc = put_small(&all, n, &done, total, ret, e);
		pthread_mutex_destroy(&all.lock);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (small < MANY || !is_small(&v[i]))
			rc = oci_put_blob(s, repo, &v[i], &done, total, ret, e);
	}
	return rc;
}
