/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring between the thread that fills it and those that hash and write. One lock holds the
 * counters of what is filled and how far each of the others has come; a buffer is filled again only
 * when both are done with it. They touch buffers, hasher and the file written to, nothing else, and
 * start with the first input that is too large for memory. The bytes are read from a descriptor
 * (stream_run) or given (stream_write). Knows nothing of names, blobs or durability.
 */
#include "registry/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define SLOT_SIZE  STREAM_BUFFER
#define SLOTS      8
#define HEAD_SLOTS 4                 /* read before it is known whether the input is small */
#define DIRECT_MIN ((off_t)16 << 20) /* below, the page cache is as quick */
#define ALIGNMENT  4096              /* of O_DIRECT: offsets, lengths and memory */

struct follower {
	struct stream *stream;
	void (*take)(struct stream *s, uint64_t slot, size_t n);
	pthread_t thread;
	bool has_thread;
	pthread_cond_t more; /* signalled for this one alone: nobody wakes in vain */
	uint64_t done;       /* slots; under lock */
};

struct stream {
	uint8_t *mem; /* SLOTS x SLOT_SIZE */
	struct hasher *hasher;
	bool only_writes;

	/* the input at hand */
	int fd;
	const char *name;
	off_t expected; /* its size when it was opened; 0: unknown */
	size_t head;    /* bytes read by stream_begin */
	bool is_whole;

	/* bytes that are given */
	uint64_t slot; /* that is being filled */
	size_t fill;
	uint64_t known;  /* slots that are there: hashed only */
	bool is_running; /* more of them than stay in memory */

	/* where it goes: the writing thread's while it works */
	int out; /* -1: nowhere */
	bool is_direct;

	struct follower hashing, writing;
	pthread_mutex_t lock;
	pthread_cond_t moved; /* for who fills */
	size_t len[SLOTS];    /* under lock, as are all below */
	uint64_t filled;      /* slots since the input began */
	int failed;           /* errno of the first write that did */
	bool stop;
};

static uint8_t *
slot_of(const struct stream *s, uint64_t slot)
{
	return s->mem + slot % SLOTS * SLOT_SIZE;
}

static void *
follow(void *arg)
{
	struct follower *const f = arg;
	struct stream *const s = f->stream;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (f->done == s->filled && !s->stop)
			pthread_cond_wait(&f->more, &s->lock);
		if (s->stop)
			break;
		const uint64_t slot = f->done;
		const size_t n = s->len[slot % SLOTS];
		pthread_mutex_unlock(&s->lock);
		f->take(s, slot, n);
		pthread_mutex_lock(&s->lock);
		f->done++;
		pthread_cond_signal(&s->moved);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void
hash_slot(struct stream *s, uint64_t slot, size_t n)
{
	if (!s->only_writes)
		hasher_update(s->hasher, slot_of(s, slot), n);
}

/* O_DIRECT takes whole blocks only, and some file systems refuse it at the first write: both
 * end it. */
static int
write_at(struct stream *s, const uint8_t *p, size_t n, off_t at)
{
	if (s->is_direct && n % ALIGNMENT != 0) {
		if (fcntl(s->out, F_SETFL, 0) < 0)
			return -1;
		s->is_direct = false;
	}
	if (fs_pwrite_all(s->out, p, n, at) == 0)
		return 0;
	if (!s->is_direct || errno != EINVAL)
		return -1;
	/* the whole slot again at its place: part of it may have been written */
	s->is_direct = false;
	if (fcntl(s->out, F_SETFL, 0) < 0)
		return -1;
	return fs_pwrite_all(s->out, p, n, at);
}

static void
write_slot(struct stream *s, uint64_t slot, size_t n)
{
	int failed;

	pthread_mutex_lock(&s->lock);
	failed = s->failed;
	pthread_mutex_unlock(&s->lock);
	if (s->out < 0 || slot < s->known || failed != 0 ||
	    write_at(s, slot_of(s, slot), n, (off_t)(slot * SLOT_SIZE)) == 0)
		return;
	failed = errno;
	pthread_mutex_lock(&s->lock);
	s->failed = failed;
	pthread_mutex_unlock(&s->lock);
}

static void
wake(struct stream *s)
{
	pthread_cond_signal(&s->hashing.more);
	pthread_cond_signal(&s->writing.more);
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
	s->fd = s->out = -1;
	s->hashing = (struct follower){ .stream = s, .take = hash_slot };
	s->writing = (struct follower){ .stream = s, .take = write_slot };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	pthread_cond_init(&s->hashing.more, NULL);
	pthread_cond_init(&s->writing.more, NULL);
	*ret = s;
	return 0;
}

void
stream_only_writes(struct stream *s)
{
	s->only_writes = true;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	wake(s);
	pthread_mutex_unlock(&s->lock);
	if (s->hashing.has_thread)
		pthread_join(s->hashing.thread, NULL);
	if (s->writing.has_thread)
		pthread_join(s->writing.thread, NULL);
	pthread_cond_destroy(&s->moved);
	pthread_cond_destroy(&s->hashing.more);
	pthread_cond_destroy(&s->writing.more);
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

static uint64_t
behind(const struct stream *s)
{
	const uint64_t hash = s->hashing.has_thread ? s->filled - s->hashing.done : 0;
	const uint64_t write = s->writing.has_thread ? s->filled - s->writing.done : 0;

	return hash > write ? hash : write;
}

/* Waits until at most `most` slots are left to hash or to write. */
static int
settle(struct stream *s, uint64_t most, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	while (behind(s) > most)
		pthread_cond_wait(&s->moved, &s->lock);
	errno = s->failed;
	pthread_mutex_unlock(&s->lock);
	return errno == 0 ? 0 : err_sys(e, "cannot write the copy of \"%s\"", s->name);
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
	s->known = 0;
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

/* The next slot, filled with n bytes: to be hashed, and to where it goes. */
static void
pass(struct stream *s, size_t n)
{
	pthread_mutex_lock(&s->lock);
	s->len[s->filled % SLOTS] = n;
	s->filled++;
	wake(s);
	pthread_mutex_unlock(&s->lock);
}

static int
want_thread(struct follower *f, struct err *e)
{
	if (f->has_thread)
		return 0;
	errno = pthread_create(&f->thread, NULL, follow, f);
	if (errno != 0)
		return err_sys(e, "cannot start a thread that copies");
	f->has_thread = true;
	return 0;
}

/* An empty ring, and who works behind it. */
static int
start(struct stream *s, int out, struct err *e)
{
	int rc;

	/* before a thread begins: it counts with what it finds */
	pthread_mutex_lock(&s->lock);
	s->filled = s->hashing.done = s->writing.done = 0;
	s->failed = 0;
	s->out = out;
	s->is_direct = out >= 0 && s->expected >= DIRECT_MIN && fcntl(out, F_SETFL, O_DIRECT) == 0;
	pthread_mutex_unlock(&s->lock);
	rc = want_thread(&s->hashing, e);
	return rc == 0 && out >= 0 ? want_thread(&s->writing, e) : rc;
}

/* --- bytes that are read --- */

/* One slot after the other until the input ends; the others follow. */
static int
pump(struct stream *s, const struct progress *p, uint64_t *ret_size, struct err *e)
{
	for (uint64_t k = 0;; k++) {
		ssize_t n = (ssize_t)SLOT_SIZE;

		if (k >= HEAD_SLOTS) {
			const int rc = settle(s, SLOTS - 1, e);

			if (rc < 0)
				return rc;
			n = read_full(s->fd, slot_of(s, k), SLOT_SIZE);
		}
		if (n < 0)
			return err_sys(e, "cannot read \"%s\"", s->name);
		if (n == 0)
			return 0;
		pass(s, (size_t)n);
		*ret_size += (uint64_t)n;
		progress_step(p, s->name, *ret_size, (uint64_t)s->expected);
		if ((size_t)n < SLOT_SIZE)
			return 0;
	}
}

static int
run_large(struct stream *s, int out, const struct progress *p, uint64_t *ret_size, struct err *e)
{
	struct err last = { 0 };
	int rc = start(s, out, e), end;

	*ret_size = 0;
	if (rc == 0)
		rc = pump(s, p, ret_size, e);
	end = settle(s, 0, &last); /* after a failure too: the buffers are used again */
	if (rc == 0 && end < 0) {
		*e = last;
		rc = end;
	}
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

/* --- bytes that are given --- */

void
stream_open(struct stream *s, int out, const char *name, uint64_t size)
{
	hasher_reset(s->hasher);
	s->out = out;
	s->name = name;
	s->expected = size > INT64_MAX ? 0 : (off_t)size;
	s->slot = 0;
	s->fill = 0;
	s->known = 0;
	s->is_running = false;
}

int
stream_reread(struct stream *s, uint64_t n, uint64_t *ret_n, struct err *e)
{
	const uint64_t slots = n / SLOT_SIZE;
	int rc = 0;

	*ret_n = 0;
	if (s->slot == slots)
		return 0;
	if (s->is_running) {
		rc = settle(s, SLOTS - 1, e);
	} else {
		s->known = slots;
		s->is_running = true;
		rc = start(s, s->out, e);
	}
	if (rc < 0)
		return rc;
	if (fs_pread_all(s->out, slot_of(s, s->slot), SLOT_SIZE, (off_t)(s->slot * SLOT_SIZE)) < 0)
		return err_sys(e, "cannot read what came of \"%s\" before", s->name);
	pass(s, SLOT_SIZE);
	s->slot++;
	*ret_n = SLOT_SIZE;
	return 0;
}

/* A slot is full. Small inputs stay in the ring, and are hashed and written at their end. */
static int
leave(struct stream *s, struct err *e)
{
	s->fill = 0;
	s->slot++;
	if (s->is_running) {
		pass(s, SLOT_SIZE);
		return 0;
	}
	if (s->slot < HEAD_SLOTS)
		return 0;
	s->is_running = true; /* also when it fails: what has begun is waited for */
	const int rc = start(s, s->out, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < HEAD_SLOTS; i++)
		pass(s, SLOT_SIZE);
	return 0;
}

int
stream_write(struct stream *s, const void *p, size_t n, struct err *e)
{
	const uint8_t *at = p;
	int rc = 0;

	while (rc == 0 && n > 0) {
		const size_t part = n < SLOT_SIZE - s->fill ? n : SLOT_SIZE - s->fill;

		if (s->is_running && s->fill == 0)
			rc = settle(s, SLOTS - 1, e);
		if (rc < 0)
			break;
		memcpy(slot_of(s, s->slot) + s->fill, at, part);
		at += part;
		n -= part;
		s->fill += part;
		if (s->fill == SLOT_SIZE)
			rc = leave(s, e);
	}
	return rc;
}

static int
close_small(struct stream *s, size_t n, struct err *e)
{
	hasher_update(s->hasher, s->mem, n);
	if (s->out >= 0 && fs_write_all(s->out, s->mem, n) < 0)
		return err_sys(e, "cannot write the copy of \"%s\"", s->name);
	return 0;
}

int
stream_close(struct stream *s, struct digest *ret, uint64_t *ret_size, struct err *e)
{
	const uint64_t size = s->slot * SLOT_SIZE + s->fill;
	int rc;

	if (s->is_running && s->fill > 0)
		pass(s, s->fill);
	rc = s->is_running ? settle(s, 0, e) : close_small(s, (size_t)size, e);
	s->is_running = false;
	if (rc < 0)
		return rc;
	hasher_final(s->hasher, ret);
	*ret_size = size;
	return 0;
}

void
stream_give_up(struct stream *s)
{
	struct err ignored = { 0 };

	if (s->is_running)
		(void)settle(s, 0, &ignored);
	s->is_running = false;
}
