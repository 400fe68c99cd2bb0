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
#define STAMP_NEW ".slipway.json.new"
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
folder_stamp_write(struct folder *f, const struct folder_stamp *s, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_close int fd = -1;
	bool exists;
	int rc;

	rc = folder_kind_is(f, STAMP, KIND_FILE, &exists, e);
	if (rc < 0)
		return rc;
	/* left by a crash, or put there by somebody: unlink takes the name, never what a link names
	 */
	if (unlinkat(f->fd, STAMP_NEW, 0) < 0 && errno != ENOENT)
		return beneath_error(e, f->where, STAMP_NEW);
	fd = beneath_open(f->fd, STAMP_NEW, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return beneath_error(e, f->where, STAMP_NEW);
	stamp_render(s, &text);
	if (fchmod(fd, 0644) < 0 || fs_write_all(fd, text.p, text.n) < 0 || fsync(fd) < 0)
		return err_sys(e, "cannot write \"%s/%s\"", f->where, STAMP_NEW);
	if (renameat(f->fd, STAMP_NEW, f->fd, STAMP) < 0)
		return err_sys(e, "cannot write \"%s/%s\"", f->where, STAMP);
	return fs_sync_dir(f->fd, e);
}
