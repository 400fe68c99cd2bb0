/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of copied files and the thread that empties it. Two counters under one lock; the first
 * failure is kept, ends the writing and is told at the next call. Knows neither digests nor blobs.
 */
#include "registry/blob_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define QUEUE      8
#define NAME_SIZE  64
#define ALIGNMENT  4096 /* of O_DIRECT */
#define DIRECT_MIN ((size_t)16 << 10)

struct queued {
	char name[NAME_SIZE];
	size_t n;
	uint8_t *bytes; /* WRITER_BYTES_MAX */
};

struct writer {
	int dir;
	uint8_t *mem;
	struct queued queue[QUEUE];

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t put, written; /* under lock, as are all below */
	int failed;            /* errno of the first failure */
	bool stop;
};

int
writer_create(int dir, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	const int fd = openat(dir, name, flags, WRITER_MODE);

	/* before the bytes, so that syncing those writes the mode too */
	if (fd >= 0 && fchmod(fd, WRITER_MODE) < 0) {
		close_quietly(fd);
		return -1;
	}
	return fd;
}

/* Past the page cache, whole blocks: the disk works while the other thread hashes, and syncing
 * finds nothing left to do. Returns how much was written so; a file system that will not is no
 * failure. */
static size_t
write_direct(int fd, const struct queued *q)
{
	const size_t n = q->n - q->n % ALIGNMENT;
	ssize_t done = 0;

	if (n < DIRECT_MIN || fcntl(fd, F_SETFL, O_DIRECT) < 0)
		return 0;
	done = write(fd, q->bytes, n);
	(void)fcntl(fd, F_SETFL, 0);
	return done < 0 ? 0 : (size_t)done;
}

/* 0 or errno. */
static int
write_file(int dir, const struct queued *q)
{
	cleanup_close int fd = writer_create(dir, q->name);
	size_t done;

	if (fd < 0)
		return errno;
	done = write_direct(fd, q);
	return fs_write_all(fd, q->bytes + done, q->n - done) < 0 ? errno : 0;
}

static void *
write_thread(void *arg)
{
	struct writer *const w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->written == w->put && !w->stop)
			pthread_cond_wait(&w->moved, &w->lock);
		if (w->written == w->put)
			break;
		const struct queued *const q = &w->queue[w->written % QUEUE];
		const bool skip = w->failed != 0;
		pthread_mutex_unlock(&w->lock);
		const int failed = skip ? 0 : write_file(w->dir, q);
		pthread_mutex_lock(&w->lock);
		if (failed != 0)
			w->failed = failed;
		w->written++;
		pthread_cond_signal(&w->moved);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int
writer_new(int dir, struct writer **ret, struct err *e)
{
	struct writer *const w = xcalloc(1, sizeof(*w));
	void *mem = NULL;

	w->dir = dir;
	if (posix_memalign(&mem, ALIGNMENT, QUEUE * WRITER_BYTES_MAX) != 0)
		abort(); /* as xmalloc does */
	w->mem = mem;
	for (size_t i = 0; i < QUEUE; i++)
		w->queue[i].bytes = w->mem + i * WRITER_BYTES_MAX;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->moved, NULL);
	errno = pthread_create(&w->thread, NULL, write_thread, w);
	if (errno != 0) {
		const int rc = err_sys(e, "cannot start the writing thread");

		pthread_cond_destroy(&w->moved);
		pthread_mutex_destroy(&w->lock);
		free(w->mem);
		free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

void
writer_free(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->moved);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->moved);
	pthread_mutex_destroy(&w->lock);
	free(w->mem);
	free(w);
}

/* Until at most `behind` files are left to write. */
static int
wait_written(struct writer *w, uint64_t behind, struct err *e)
{
	pthread_mutex_lock(&w->lock);
	while (w->put - w->written > behind)
		pthread_cond_wait(&w->moved, &w->lock);
	errno = w->failed;
	pthread_mutex_unlock(&w->lock);
	return errno == 0 ? 0 : err_sys(e, "cannot write a file in \"incoming\"");
}

int
writer_put(struct writer *w, const char *name, struct str bytes, struct err *e)
{
	const int rc = wait_written(w, QUEUE - 1, e);

	if (rc < 0)
		return rc;
	/* this slot is nobody else's: only this thread puts */
	struct queued *const q = &w->queue[w->put % QUEUE];
	if (bytes.n > WRITER_BYTES_MAX || str_copy(q->name, sizeof(q->name), name) < 0)
		return err_set(e, ERR_BUG, "a file too large for the writing queue");
	if (bytes.n > 0)
		memcpy(q->bytes, bytes.p, bytes.n);
	q->n = bytes.n;
	pthread_mutex_lock(&w->lock);
	w->put++;
	pthread_cond_signal(&w->moved);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

int
writer_wait(struct writer *w, struct err *e)
{
	return wait_written(w, 0, e);
}
