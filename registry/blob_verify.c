/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashing blobs that are there, one or many, on as many processors as this process may use. Each
 * worker reads and hashes by itself with one small buffer: hashing is the limit, and handing bytes
 * to another thread gains nothing (the page cache reads ahead).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "registry/blob_private.h"
#include "registry/base/fs.h"

#define BUFFER_SIZE ((size_t)256 << 10)
#define STEP_SIZE   ((uint64_t)8 << 20) /* of progress */

struct pool {
	struct blobs *blobs;
	const struct blob_claim *claims;
	size_t n, next; /* below next: taken by a worker */
	bool ends;      /* no more are taken */
	uint64_t done_bytes, total_bytes;
	const struct progress *progress;
	blob_verify_fn *fn;
	void *arg;
	int rc; /* what fn ended it with */
	pthread_mutex_t lock; /* of all of these */
};

struct worker {
	struct pool *pool;
	struct hasher *hasher;
	uint8_t *buffer;
	pthread_t thread;
};

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_SYS, "no memory to hash with");
}

static int
worker_begin(struct worker *w, struct pool *p, struct err *e)
{
	*w = (struct worker){ .pool = p, .hasher = hasher_new() };
	if (!w->hasher)
		return no_memory(e);
	w->buffer = xmalloc(BUFFER_SIZE);
	return 0;
}

static void
worker_end(struct worker *w)
{
	hasher_free(w->hasher);
	free(w->buffer);
}

static void
step(struct pool *p, uint64_t *bytes)
{
	pthread_mutex_lock(&p->lock);
	p->done_bytes += *bytes;
	progress_step(p->progress, "files", p->done_bytes, p->total_bytes);
	pthread_mutex_unlock(&p->lock);
	*bytes = 0;
}

static int
hash_fd(struct worker *w, int fd, const char *hex, struct digest *ret, struct err *e)
{
	uint64_t bytes = 0;
	ssize_t got;

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	hasher_reset(w->hasher);
	while ((got = read(fd, w->buffer, BUFFER_SIZE)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "cannot read blob sha256:%s", hex);
		hasher_update(w->hasher, w->buffer, (size_t)got);
		bytes += (uint64_t)got;
		if (bytes >= STEP_SIZE)
			step(w->pool, &bytes);
	}
	step(w->pool, &bytes);
	hasher_final(w->hasher, ret);
	return 0;
}

static int
verify_one(struct worker *w, const struct blob_claim *c, struct err *e)
{
	cleanup_close int fd = -1;
	char hex[DIGEST_HEX_SIZE];
	struct digest is;
	uint64_t size;
	int rc = blob_open(w->pool->blobs, c->digest, &fd, &size, e);

	if (rc < 0)
		return rc;
	digest_hex(c->digest, hex);
	if (size > c->max)
		return blob_damaged(hex, e);
	rc = hash_fd(w, fd, hex, &is, e);
	if (rc < 0)
		return rc;
	return digest_eq(&is, c->digest) ? 0 : blob_damaged(hex, e);
}

static bool
take(struct pool *p, size_t *ret)
{
	bool some;

	pthread_mutex_lock(&p->lock);
	some = !p->ends && p->next < p->n;
	if (some)
		*ret = p->next++;
	pthread_mutex_unlock(&p->lock);
	return some;
}

static void
say(struct pool *p, size_t i, const struct err *why)
{
	pthread_mutex_lock(&p->lock);
	const int rc = p->fn(p->arg, i, why);
	if (rc != 0) {
		p->ends = true;
		p->rc = p->rc ? p->rc : rc;
	}
	pthread_mutex_unlock(&p->lock);
}

static void *
work(void *arg)
{
	struct worker *const w = arg;
	size_t i;

	while (take(w->pool, &i)) {
		struct err why = { 0 };
		const int rc = verify_one(w, &w->pool->claims[i], &why);
		say(w->pool, i, rc < 0 ? &why : NULL);
	}
	return NULL;
}

/* At most one for each blob. */
static size_t
processors(size_t wanted)
{
	cpu_set_t set;
	size_t n = 1;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = (size_t)CPU_COUNT(&set);
	n = n > BLOB_THREADS_MAX ? BLOB_THREADS_MAX : n;
	return n > wanted ? wanted : n;
}

/* Worker 0 is this thread. Fewer than wanted is slower, not wrong. */
static int
run(struct pool *p, struct err *e)
{
	struct worker workers[BLOB_THREADS_MAX];
	const size_t wanted = processors(p->n);
	struct err ignored = { 0 };
	size_t n = 0;
	int rc = worker_begin(&workers[0], p, e);

	for (n = 1; rc == 0 && n < wanted; n++) {
		if (worker_begin(&workers[n], p, &ignored) == 0 &&
		    pthread_create(&workers[n].thread, NULL, work, &workers[n]) == 0)
			continue;
		worker_end(&workers[n]);
		break;
	}
	if (rc == 0)
		(void)work(&workers[0]);
	for (size_t i = 1; i < n; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		worker_end(&workers[i]);
	}
	worker_end(&workers[0]);
	return rc;
}

int
blob_verify_all(struct blobs *b, const struct blob_claim *claims, size_t n,
                uint64_t total_bytes, const struct progress *progress, blob_verify_fn *fn,
                void *arg, struct err *e)
{
	struct pool p = { .blobs = b, .claims = claims, .n = n, .total_bytes = total_bytes,
		          .progress = progress, .fn = fn, .arg = arg };
	int rc;

	if (n == 0)
		return 0;
	pthread_mutex_init(&p.lock, NULL);
	rc = run(&p, e);
	pthread_mutex_destroy(&p.lock);
	return rc < 0 ? rc : p.rc;
}

static int
take_verdict(void *arg, size_t i, const struct err *why)
{
	struct err *const e = arg;

	(void)i;
	if (!why)
		return 0;
	*e = *why;
	return -(int)why->code;
}

int
blob_verify(struct blobs *b, const struct digest *d, uint64_t max, const struct progress *p,
            struct err *e)
{
	const struct blob_claim claim = { .digest = d, .max = max };
	uint64_t size = 0;

	(void)blob_exists(b, d, &size);
	return blob_verify_all(b, &claim, 1, size, p, take_verdict, e, e);
}
