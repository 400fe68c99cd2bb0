/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stamp in a model's folder: which registry and plan left what is there. It is written beside
 * and renamed over, so a reader finds the old one or the new one. Anybody who can write to the
 * folder can forge it: it detects accidents and other registries, and decides nothing about trust.
 */
#include "deploy/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/folder_private.h"
#include "deploy/folder_tree.h"
#include "registry/base/fs.h"

#define STAMP     ".slipway.json"
#define STAMP_MAX 4096

static int
stamp_parse(struct str text, struct folder_stamp *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const char *registry, *plan, *number;
	int rc;

	rc = json_parse(text, "the stamp", &j, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(j, "registry", "the stamp", &registry, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(j, "plan", "the stamp", &plan, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(j, "number", "the stamp", &number, e);
	if (rc < 0)
		return rc;
	if (str_copy(ret->registry_id, sizeof(ret->registry_id), registry) < 0 ||
	    str_copy(ret->plan_id, sizeof(ret->plan_id), plan) < 0 ||
	    parse_u64(number, UINT64_MAX, &ret->number) < 0)
		return err_set(e, ERR_MALFORMED,
		               "a member of the stamp is too long or not a number");
	ret->exists = true;
	if (ret->number == 0)
		return 0;
	return json_get_digest(j, "version", "the stamp", &ret->version, e);
}

int
folder_stamp_read(struct folder *f, struct folder_stamp *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	bool exists;
	int rc;

	*ret = (struct folder_stamp){ 0 };
	rc = folder_kind_is(f, STAMP, KIND_FILE, &exists, e);
	if (rc < 0 || !exists)
		return rc;
	rc = folder_read_small(f, STAMP, STAMP_MAX, &text, e);
	if (rc == 0)
		rc = stamp_parse(buf_str(&text), ret, e);
	if (rc == -ERR_TOO_BIG)
		rc = err_set(e, ERR_MALFORMED, "the stamp is larger than %d bytes", STAMP_MAX);
	if (rc < 0) {
		*ret = (struct folder_stamp){ 0 };
		return err_prefix(e, "\"%s/%s\"", f->where, STAMP);
	}
	return 0;
}

static void
stamp_render(const struct folder_stamp *s, struct buf *ret)
{
	char number[NAME_SIZE];
	cleanup_json json_t *j = json_object();

	snprintf(number, sizeof(number), "%" PRIu64, s->number);
	json_object_set_new(j, "registry", json_string(s->registry_id));
	json_object_set_new(j, "plan", json_string(s->plan_id));
	json_object_set_new(j, "number", json_string(number));
	if (s->number > 0)
		json_object_set_new(j, "version", json_from_digest(&s->version));
	json_canonical(j, ret);
	buf_addc(ret, '\n');
}

int
folder_write_small(const struct folder *f, const char *name, const struct buf *text, struct err *e)
{
	cleanup_free char *new = xasprintf("%s%s.new", name[0] == '.' ? "" : ".", name);
	cleanup_close int fd = -1;
	bool exists;
	int rc;

	rc = folder_kind_is(f, name, KIND_FILE, &exists, e);
	if (rc < 0)
		return rc;
	/* left by a crash, or put there by somebody: unlink takes the name, never what a link names
	 */
	if (unlinkat(f->fd, new, 0) < 0 && errno != ENOENT)
		return beneath_error(e, f->where, new);
	fd = beneath_open(f->fd, new, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return beneath_error(e, f->where, new);
	if (fchmod(fd, 0644) < 0 || fs_write_all(fd, text->p, text->n) < 0 || fsync(fd) < 0)
		return err_sys(e, "cannot write \"%s/%s\"", f->where, new);
	if (renameat(f->fd, new, f->fd, name) < 0)
		return err_sys(e, "cannot write \"%s/%s\"", f->where, name);
	return fs_sync_dir(f->fd, e);
}

int
folder_stamp_write(struct folder *f, const struct folder_stamp *s, struct err *e)
{
	cleanup_buf struct buf text = { 0 };

	stamp_render(s, &text);
	return folder_write_small(f, STAMP, &text, e);
}

int
folder_settings(struct folder *f, struct buf *ret, bool *ret_exists, struct err *e)
{
	int rc = folder_kind_is(f, FOLDER_SETTINGS, KIND_FILE, ret_exists, e);

	return rc < 0 || !*ret_exists
	               ? rc
	               : folder_read_small(f, FOLDER_SETTINGS, FOLDER_SETTINGS_MAX, ret, e);
}

int
folder_settings_write(struct folder *f, const struct buf *text, struct err *e)
{
	bool exists;
	int rc;

	if (text)
		return folder_write_small(f, FOLDER_SETTINGS, text, e);
	rc = folder_kind_is(f, FOLDER_SETTINGS, KIND_FILE, &exists, e);
	if (rc < 0 || !exists)
		return rc;
	if (unlinkat(f->fd, FOLDER_SETTINGS, 0) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove \"%s/" FOLDER_SETTINGS "\"", f->where);
	return fs_sync_dir(f->fd, e);
}
