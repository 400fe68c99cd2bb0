/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a model in the work tree of a GitOps repository: read whole, replaced in one step,
 * taken away. Whoever writes holds the folder's lock. What was there is kept beside under a name
 * that no tool reads, until the rollout is over. Links and special files are never followed.
 */
#include "deploy/driver_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/base/fs.h"

/* *ret_exists false: there is no such file. */
static int
read_file(int dir, const char *name, struct buf *ret, bool *ret_exists, struct err *e)
{
	cleanup_close int fd = fs_open_file_beneath(dir, name);

	*ret_exists = fd >= 0;
	if (fd >= 0)
		return fs_read_fd(fd, name, MANIFEST_MAX, ret, e);
	if (errno == ENOENT)
		return 0;
	if (errno != ELOOP && errno != EMEDIUMTYPE && errno != EXDEV)
		return err_sys(e, "cannot read \"%s\"", name);
	err_set(e, ERR_DENIED, "\"%s\" is there and is no regular file", name);
	return err_hint(e, "give the target another --path, or move it away");
}

int
manifest_file_head(int dir, const char *name, struct manifest_head *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	bool exists;
	int rc = read_file(dir, name, &text, &exists, e);

	*ret = (struct manifest_head){ 0 };
	if (rc == 0 && exists)
		manifest_head_of(buf_str(&text), ret);
	return rc;
}

int
manifest_file_open(const char *path, const char *object, struct manifest_file *ret, struct err *e)
{
	bool exists;
	int rc;

	*ret = (struct manifest_file){ .dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (ret->dir < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOT_FOUND, "there is no folder \"%s\"", path);
	if (ret->dir < 0)
		return err_sys(e, "cannot open \"%s\"", path);
	(void)snprintf(ret->name, sizeof ret->name, "%s.yaml", object);
	(void)snprintf(ret->before, sizeof ret->before, ".%s.yaml.slipway", object);
	if (flock(ret->dir, LOCK_EX) < 0)
		return err_sys(e, "cannot lock \"%s\"", path);
	rc = read_file(ret->dir, ret->name, &ret->text, &exists, e);
	if (rc == 0 && exists)
		manifest_head_of(buf_str(&ret->text), &ret->head);
	return rc;
}

void
manifest_file_close(struct manifest_file *f)
{
	if (f->dir >= 0)
		(void)close(f->dir);
	buf_fini(&f->text);
	*f = (struct manifest_file){ .dir = -1 };
}

static int
drop(const struct manifest_file *f, const char *name, struct err *e)
{
	if (unlinkat(f->dir, name, 0) == 0)
		return fs_sync_dir(f->dir, e);
	return errno == ENOENT ? 0 : err_sys(e, "cannot remove \"%s\"", name);
}

int
manifest_file_write(struct manifest_file *f, const struct buf *text, bool keep, struct err *e)
{
	int rc = 0;

	if (keep && f->head.stamp.exists)
		rc = fs_write_at(f->dir, f->before, f->text.p, f->text.n, 0644, e);
	else if (keep)
		rc = drop(f, f->before, e);
	if (rc < 0)
		return rc;
	return text ? fs_write_at(f->dir, f->name, text->p, text->n, 0644, e) : drop(f, f->name, e);
}

int
manifest_file_restore(struct manifest_file *f, const struct digest *version, struct err *e)
{
	cleanup_buf struct buf kept = { 0 };
	struct manifest_head head = { 0 };
	bool exists;
	int rc;

	rc = read_file(f->dir, f->before, &kept, &exists, e);
	if (rc < 0)
		return rc;
	if (exists)
		manifest_head_of(buf_str(&kept), &head);
	if (!head.stamp.is_ours || !digest_eq(&head.stamp.version, version)) {
		err_set(e, ERR_NOT_FOUND, "what \"%s\" was before is not kept", f->name);
		return err_hint(e, "take it from the repository's history");
	}
	if (renameat(f->dir, f->before, f->dir, f->name) < 0)
		return err_sys(e, "cannot put \"%s\" back", f->name);
	return fs_sync_dir(f->dir, e);
}

int
manifest_file_forget(struct manifest_file *f, struct err *e)
{
	return drop(f, f->before, e);
}
