/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing blobs. Each file goes to this process's own folder in incoming/, so that nothing a dead
 * process left is ever taken for content; finishing makes all of them durable, gives them their
 * names without replacing, and syncs the folder. What is known to be there is not written again;
 * what is there and damaged is replaced.
 */
#include "registry/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/blob_private.h"
#include "registry/blob_writer.h"

/* Up to here each file is synced alone: one syncfs also waits for the dirty data of everybody
 * else. */
#define SYNC_EACH_MAX 64

static void
temp_name(uint64_t n, char ret[BLOB_TEMP_SIZE])
{
	(void)snprintf(ret, BLOB_TEMP_SIZE, "%016" PRIx64, n);
}

int
blob_batch_new(struct blobs *b, struct blob_batch **ret, struct err *e)
{
	struct blob_batch *const t = xcalloc(1, sizeof(*t));

	(void)e;
	t->blobs = b;
	b->batches++;
	*ret = t;
	return 0;
}

/* A new name in a folder that is ours alone. */
static int
take_name(struct blobs *b, uint64_t *ret_temp, char name[BLOB_TEMP_SIZE], struct err *e)
{
	const int rc = incoming_take(b, e);

	if (rc < 0)
		return rc;
	*ret_temp = b->next++;
	temp_name(*ret_temp, name);
	return 0;
}

int
batch_create(struct blobs *b, uint64_t *ret_temp, int *ret_fd, struct err *e)
{
	char name[BLOB_TEMP_SIZE];
	const int rc = take_name(b, ret_temp, name, e);
	int fd;

	if (rc < 0)
		return rc;
	fd = writer_create(b->incoming, name);
	if (fd < 0)
		return err_sys(e, "cannot create a file in \"incoming\"");
	*ret_fd = fd;
	return 0;
}

int
batch_adopt(struct blobs *b, int house, const char *name, int fd, uint64_t *ret_temp, struct err *e)
{
	char to[BLOB_TEMP_SIZE];
	const int rc = take_name(b, ret_temp, to, e);

	if (rc < 0)
		return rc;
	if (fchmod(fd, WRITER_MODE) < 0 || renameat(house, name, b->incoming, to) < 0)
		return err_sys(e, "cannot rename a file in \"incoming\"");
	return 0;
}

void
batch_drop(const struct blobs *b, uint64_t temp)
{
	char name[BLOB_TEMP_SIZE];

	temp_name(temp, name);
	(void)unlinkat(b->incoming, name, 0);
}

/* Has the blob d just these bytes? What cannot be read has not. */
static bool
has_bytes(struct blobs *b, const struct digest *d, struct str bytes)
{
	char part[16384];
	cleanup_close int fd = -1;
	struct err ignored = { 0 };
	size_t at = 0;

	if (blob_open(b, d, &fd, NULL, &ignored) < 0)
		return false;
	while (at < bytes.n) {
		const size_t n = bytes.n - at < sizeof(part) ? bytes.n - at : sizeof(part);

		if (fs_pread_all(fd, part, n, (off_t)at) < 0 || memcmp(part, bytes.p + at, n) != 0)
			return false;
		at += n;
	}
	return true;
}

/* Bytes are compared too, because whoever put them is told that they are kept. */
void
batch_look(struct blobs *b, struct batch_file *f, const struct str *bytes)
{
	uint64_t found;

	f->is_there = f->is_damaged = false;
	if (!blob_exists(b, &f->digest, &found))
		return;
	f->is_there = found == f->size && (!bytes || bytes->n > BLOB_COMPARE_MAX ||
	                                   has_bytes(b, &f->digest, *bytes));
	f->is_damaged = !f->is_there;
}

/* Keeps fd for its sync, or gives all of them up for one syncfs. */
void
batch_keep(struct blob_batch *t, struct batch_file f)
{
	vec_push(&t->files, f);
	if (!t->sync_all && t->files.n > SYNC_EACH_MAX)
		t->sync_all = true;
	else if (!t->sync_all)
		return;
	vec_foreach (i, &t->files) {
		if (i->fd >= 0)
			close_quietly(i->fd);
		i->fd = -1;
	}
}

/* Beyond the files that are synced one by one, a second thread writes what is small. */
static int
queue_bytes(struct blob_batch *t, struct str bytes, struct batch_file *f, struct err *e)
{
	char name[BLOB_TEMP_SIZE];
	int rc;

	rc = take_name(t->blobs, &f->temp, name, e);
	if (rc < 0)
		return rc;
	if (!t->writer) {
		rc = writer_new(t->blobs->incoming, &t->writer, e);
		if (rc < 0)
			return rc;
	}
	return writer_put(t->writer, name, bytes, e);
}

/* Bytes in memory: nothing is written when the registry has them. */
static int
add_bytes(struct blob_batch *t, struct str bytes, struct batch_file *f, struct err *e)
{
	cleanup_close int fd = -1;
	int rc;

	batch_look(t->blobs, f, &bytes);
	if (f->is_there)
		return 0;
	if (t->sync_all && bytes.n <= WRITER_BYTES_MAX)
		return queue_bytes(t, bytes, f, e);
	rc = batch_create(t->blobs, &f->temp, &fd, e);
	if (rc < 0)
		return rc;
	if (fs_write_all(fd, bytes.p, bytes.n) < 0) {
		rc = err_sys(e, "cannot write a file in \"incoming\"");
		batch_drop(t->blobs, f->temp);
		return rc;
	}
	f->fd = steal_fd(&fd);
	return 0;
}

/* An input too large for memory is written while it is hashed; only then is it known to be
 * there. */
static int
add_stream(struct blob_batch *t, struct stream *s, const struct progress *p, struct batch_file *f,
           struct err *e)
{
	cleanup_close int fd = -1;
	int rc;

	rc = batch_create(t->blobs, &f->temp, &fd, e);
	if (rc < 0)
		return rc;
	rc = stream_run(s, fd, p, &f->digest, &f->size, e);
	if (rc == 0)
		batch_look(t->blobs, f, NULL);
	if (rc < 0 || f->is_there) {
		batch_drop(t->blobs, f->temp);
		return rc;
	}
	f->fd = steal_fd(&fd);
	return 0;
}

int
blob_batch_add(struct blob_batch *t, int fd, const char *name, const struct progress *p,
               struct digest *ret, uint64_t *ret_size, struct err *e)
{
	struct batch_file f = { .fd = -1 };
	struct stream *s;
	struct str bytes;
	int rc;

	rc = blobs_stream(t->blobs, &s, e);
	if (rc < 0)
		return rc;
	rc = stream_begin(s, fd, name, e);
	if (rc < 0)
		return rc;
	if (stream_is_whole(s, &bytes)) {
		rc = stream_run(s, -1, p, &f.digest, &f.size, e);
		if (rc == 0)
			rc = add_bytes(t, bytes, &f, e);
	} else {
		rc = add_stream(t, s, p, &f, e);
	}
	if (rc < 0)
		return rc;
	batch_keep(t, f);
	*ret = f.digest;
	if (ret_size)
		*ret_size = f.size;
	return 0;
}

int
blob_batch_add_mem(struct blob_batch *t, const void *p, size_t n, struct digest *ret, struct err *e)
{
	struct batch_file f = { .fd = -1, .size = n };
	int rc;

	digest_small(p, n, &f.digest);
	rc = add_bytes(t, (struct str){ p, n }, &f, e);
	if (rc < 0)
		return rc;
	batch_keep(t, f);
	*ret = f.digest;
	return 0;
}

static int
sync_files(struct blob_batch *t, struct err *e)
{
	if (t->writer) {
		const int rc = writer_wait(t->writer, e);

		if (rc < 0)
			return rc;
	}
	if (t->sync_all) {
		if (syncfs(t->blobs->dir) < 0)
			return err_sys(e, "cannot sync the file system of the registry");
		return 0;
	}
	vec_foreach (f, &t->files) {
		if (f->fd < 0)
			continue;
		if (fdatasync(f->fd) < 0)
			return err_sys(e, "cannot sync a file in \"incoming\"");
		close_quietly(f->fd);
		f->fd = -1;
	}
	return 0;
}

/* 0, or -1 with EEXIST when the name is taken. */
static int
give_name(const struct blobs *b, const char *temp, const char *hex)
{
	if (renameat2(b->incoming, temp, b->dir, hex, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* file systems without that flag: a second link never replaces either */
	if (linkat(b->incoming, temp, b->dir, hex, 0) < 0)
		return -1;
	return unlinkat(b->incoming, temp, 0);
}

/* Over what has the name and other bytes; unless a copy of f in the same batch, or somebody else,
 * has done that. A reader who has the old file open keeps that one. */
static int
replace(struct blob_batch *t, struct batch_file *f, const char *temp, const char *hex,
        struct err *e)
{
	struct blobs *const b = t->blobs;
	struct err ignored = { 0 };

	if (blob_verify(b, &f->digest, f->size, NULL, &ignored) == 0) {
		batch_drop(b, f->temp);
		f->is_there = true;
		return 0;
	}
	if (renameat(b->incoming, temp, b->dir, hex) < 0)
		return err_sys(e, "cannot replace the damaged blob sha256:%s", hex);
	message(MESSAGE_WARNING, "blob sha256:%s was damaged: its bytes are put back", hex);
	f->is_there = true;
	t->new_bytes += f->size;
	return 0;
}

/* From incoming/ to its name. Twice when the blob that was in the way is removed meanwhile. */
static int
publish(struct blob_batch *t, struct batch_file *f, struct err *e)
{
	struct blobs *const b = t->blobs;
	char temp[BLOB_TEMP_SIZE];
	char hex[DIGEST_HEX_SIZE];

	temp_name(f->temp, temp);
	digest_hex(&f->digest, hex);
	for (int attempt = 0; attempt < 16; attempt++) {
		const bool was_damaged = f->is_damaged;

		if (give_name(b, temp, hex) == 0) {
			f->is_there = true;
			t->new_bytes += f->size;
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(e, "cannot name blob sha256:%s", hex);
		batch_look(b, f, NULL);
		if (f->is_damaged || (f->is_there && was_damaged)) {
			f->is_there = false;
			return replace(t, f, temp, hex, e);
		}
		if (f->is_there) {
			batch_drop(b, f->temp);
			return 0;
		}
	}
	return err_set(e, ERR_DIGEST, "something that is no blob has the name of blob sha256:%s",
	               hex);
}

/* What was there when it was put may be gone now. */
static int
is_still_there(struct blobs *b, const struct batch_file *f, struct err *e)
{
	uint64_t size;

	if (blob_exists(b, &f->digest, &size) && size == f->size)
		return 0;
	(void)err_set(e, ERR_CONFLICT, "a file of the registry went away meanwhile");
	return err_hint(e, "try again");
}

int
blob_batch_finish(struct blob_batch *t, struct err *e)
{
	int rc;

	rc = sync_files(t, e);
	if (rc < 0)
		return rc;
	vec_foreach (f, &t->files) {
		rc = f->is_there ? is_still_there(t->blobs, f, e) : publish(t, f, e);
		if (rc < 0)
			return rc;
	}
	/* also for what was there: whoever wrote it may not have come this far */
	return fs_sync_dir(t->blobs->dir, e);
}

uint64_t
blob_batch_new_bytes(const struct blob_batch *t)
{
	return t->new_bytes;
}

void
blob_batch_free(struct blob_batch *t)
{
	if (!t)
		return;
	writer_free(t->writer); /* before its files are unlinked */
	vec_foreach (f, &t->files) {
		if (f->fd >= 0)
			close_quietly(f->fd);
		if (!f->is_there)
			batch_drop(t->blobs, f->temp);
	}
	vec_fini(&t->files);
	t->blobs->batches--;
	if (t->blobs->batches == 0)
		incoming_leave(t->blobs);
	free(t);
}

static void
batch_free_p(struct blob_batch **t)
{
	blob_batch_free(*t);
}
#define cleanup_batch __attribute__((cleanup(batch_free_p)))

int
blob_put_fd(struct blobs *b, int fd, const struct progress *p, struct digest *ret,
            uint64_t *ret_size, bool *ret_existed, struct err *e)
{
	cleanup_batch struct blob_batch *t = NULL;
	struct digest d;
	uint64_t size;
	int rc;

	rc = blob_batch_new(b, &t, e);
	if (rc < 0)
		return rc;
	rc = blob_batch_add(t, fd, "input", p, &d, &size, e);
	if (rc < 0)
		return rc;
	const bool existed = t->files.v[0].is_there;
	rc = blob_batch_finish(t, e);
	if (rc < 0)
		return rc;
	*ret = d;
	if (ret_size)
		*ret_size = size;
	if (ret_existed)
		*ret_existed = existed;
	return 0;
}

int
blob_put_mem(struct blobs *b, const void *p, size_t n, struct digest *ret, bool *ret_existed,
             struct err *e)
{
	cleanup_batch struct blob_batch *t = NULL;
	struct digest d;
	int rc;

	rc = blob_batch_new(b, &t, e);
	if (rc < 0)
		return rc;
	rc = blob_batch_add_mem(t, p, n, &d, e);
	if (rc < 0)
		return rc;
	const bool existed = t->files.v[0].is_there;
	rc = blob_batch_finish(t, e);
	if (rc < 0)
		return rc;
	*ret = d;
	if (ret_existed)
		*ret_existed = existed;
	return 0;
}
