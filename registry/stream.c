/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring between the thread that reads and writes and the one that hashes. Two counters under
 * one lock say which buffers are filled and which are hashed; a buffer is refilled only when it
 * is both hashed and written. The second thread touches buffers and hasher, nothing else, and
 * starts with the first input that is too large for memory. Knows nothing of names, blobs or
 * durability.
 */
#include "registry/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define SLOT_SIZE  ((size_t)1 << 20)
#define SLOTS      8
#define HEAD_SLOTS 4                 /* read before it is known whether the input is small */
#define DIRECT_MIN ((off_t)16 << 20) /* below, the page cache is as quick */
#define ALIGNMENT  4096              /* of O_DIRECT: offsets, lengths and memory */

struct stream {
	uint8_t *mem; /* SLOTS x SLOT_SIZE */
	struct hasher *hasher;

	/* the input at hand */
	int fd;
	const char *name;
	off_t expected; /* its size when it was opened; 0: unknown */
	size_t head;    /* bytes read by stream_begin */
	bool is_whole;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t len[SLOTS];       /* under lock, as are all below */
	uint64_t filled, hashed; /* counts of slots since the input began */
	bool stop;
};

static void *
hash_thread(void *arg)
{
	struct stream *const s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (s->hashed == s->filled && !s->stop)
			pthread_cond_wait(&s->moved, &s->lock);
		if (s->stop)
			break;
		const size_t i = s->hashed % SLOTS;
		const size_t n = s->len[i];
		pthread_mutex_unlock(&s->lock);
		hasher_update(s->hasher, s->mem + i * SLOT_SIZE, n);
		pthread_mutex_lock(&s->lock);
		s->hashed++;
		pthread_cond_signal(&s->moved);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int
stream_new(struct stream **ret, struct err *e)
{
	struct stream *const s = xcalloc(1, sizeof(*s));
	void *mem = NULL;

	s->hasher = hasher_new();
	if (!s->hasher || posix_memalign(&mem, ALIGNMENT, SLOTS * SLOT_SIZE) != 0) {
		hasher_free(s->hasher);
		free(s);
		return err_set(e, ERR_SYS, "not enough memory for the copying buffers");
	}
	s->mem = mem;
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	*ret = s;
	return 0;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->has_thread) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->moved);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	hasher_free(s->hasher);
	free(s->mem);
	free(s);
}

/* Fills n bytes unless the input ends before; -1 with errno. */
static ssize_t
read_full(int fd, uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const ssize_t r = read(fd, p + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int
stream_begin(struct stream *s, int fd, const char *name, struct err *e)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", name);
	n = read_full(fd, s->mem, HEAD_SLOTS * SLOT_SIZE);
	if (n < 0)
		return err_sys(e, "cannot read \"%s\"", name);
	s->fd = fd;
	s->name = name;
	s->expected = S_ISREG(st.st_mode) ? st.st_size : 0;
	s->head = (size_t)n;
	s->is_whole = s->head < HEAD_SLOTS * SLOT_SIZE;
	return 0;
}

bool
stream_is_whole(const struct stream *s, struct str *ret)
{
	if (s->is_whole)
		*ret = (struct str){ (const char *)s->mem, s->head };
	return s->is_whole;
}

/* Waits until at most `behind` slots are left to hash. */
static void
wait_hashed(struct stream *s, uint64_t behind)
{
	pthread_mutex_lock(&s->lock);
	while (s->filled - s->hashed > behind)
		pthread_cond_wait(&s->moved, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void
give_slot(struct stream *s, size_t i, size_t n)
{
	pthread_mutex_lock(&s->lock);
	s->len[i] = n;
	s->filled++;
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

/* O_DIRECT takes whole blocks only, and some file systems refuse it at the first write: both
 * end it. */
static int
write_slot(int out, const uint8_t *p, size_t n, off_t at, bool *is_direct)
{
	if (*is_direct && n % ALIGNMENT != 0) {
		if (fcntl(out, F_SETFL, 0) < 0)
			return -1;
		*is_direct = false;
	}
	if (fs_pwrite_all(out, p, n, at) == 0)
		return 0;
	if (!*is_direct || errno != EINVAL)
		return -1;
	/* the whole slot again at its place: part of it may have been written */
	*is_direct = false;
	if (fcntl(out, F_SETFL, 0) < 0)
		return -1;
	return fs_pwrite_all(out, p, n, at);
}

/* One slot after the other until the input ends; the hashing thread follows. */
static int
pump(struct stream *s, int out, const struct progress *p, uint64_t *ret_size, struct err *e)
{
	bool is_direct = out >= 0 && s->expected >= DIRECT_MIN && fcntl(out, F_SETFL,
	                                                                O_DIRECT) == 0;
	uint64_t size = 0;

	for (uint64_t k = 0;; k++) {
		const size_t i = k % SLOTS;
		uint8_t *const slot = s->mem + i * SLOT_SIZE;
		ssize_t n = (ssize_t)SLOT_SIZE;

		if (k >= HEAD_SLOTS) {
			wait_hashed(s, SLOTS - 1);
			n = read_full(s->fd, slot, SLOT_SIZE);
		}
		if (n < 0)
			return err_sys(e, "cannot read \"%s\"", s->name);
		if (n == 0)
			break;
		give_slot(s, i, (size_t)n);
		if (out >= 0 && write_slot(out, slot, (size_t)n, (off_t)size, &is_direct) < 0)
			return err_sys(e, "cannot write the copy of \"%s\"", s->name);
		size += (uint64_t)n;
		progress_step(p, s->name, size, (uint64_t)s->expected);
		if ((size_t)n < SLOT_SIZE)
			break;
	}
	*ret_size = size;
	return 0;
}

static int
run_large(struct stream *s, int out, const struct progress *p, uint64_t *ret_size, struct err *e)
{
	int rc;

	if (!s->has_thread) {
		rc = pthread_create(&s->thread, NULL, hash_thread, s);
		if (rc != 0) {
			errno = rc;
			return err_sys(e, "cannot start the hashing thread");
		}
		s->has_thread = true;
	}
	pthread_mutex_lock(&s->lock);
	s->filled = s->hashed = 0;
	pthread_mutex_unlock(&s->lock);

	rc = pump(s, out, p, ret_size, e);
	wait_hashed(s, 0); /* after a failure too: the buffers are used again */
	return rc;
}

int
stream_run(struct stream *s, int out, const struct progress *p, struct digest *ret,
           uint64_t *ret_size, struct err *e)
{
	uint64_t size = s->head;
	int rc = 0;

	hasher_reset(s->hasher);
	if (s->is_whole) {
		hasher_update(s->hasher, s->mem, s->head);
		if (out >= 0 && fs_write_all(out, s->mem, s->head) < 0)
			return err_sys(e, "cannot write the copy of \"%s\"", s->name);
		progress_step(p, s->name, size, size);
	} else {
		rc = run_large(s, out, p, &size, e);
	}
	if (rc < 0)
		return rc;
	hasher_final(s->hasher, ret);
	*ret_size = size;
	return 0;
}
