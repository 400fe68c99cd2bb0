/* SPDX-License-Identifier: Apache-2.0 */
/* One small file a source, this person's own and replaced whole. */
#include "registry/bundle_pin.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define MAX    4096
#define FORMAT 1
#define WHAT   "bundle pin"

static int
pin_path(const char *registry_id, char **ret_dir, char **ret, struct err *e)
{
	cleanup_free char *state = NULL;
	int rc = fs_state_dir(&state, e);

	if (rc < 0)
		return rc;
	*ret_dir = xasprintf("%s/bundles", state);
	*ret = xasprintf("%s/%s.json", *ret_dir, registry_id);
	return 0;
}

static int
read_members(const json_t *o, struct bundle_pin *p, struct err *e)
{
	uint64_t format;
	int rc = json_get_u64(o, "format", WHAT, &format, e);

	if (rc == 0 && format != FORMAT)
		rc = err_set(e, ERR_MALFORMED, WHAT ": made by a newer slipway");
	if (rc == 0)
		rc = json_get_digest(o, "root", WHAT, &p->root, e);
	if (rc == 0)
		rc = json_get_u64(o, "counter", WHAT, &p->seen.counter, e);
	if (rc == 0)
		rc = json_get_digest(o, "inventory", WHAT, &p->seen.inventory, e);
	if (rc == 0)
		rc = json_get_u64(o, "entries", WHAT, &p->seen.head_size, e);
	return rc < 0 ? rc : json_get_digest(o, "tree", WHAT, &p->seen.head_root, e);
}

int
bundle_pin_load(const char *registry_id, struct bundle_pin *ret, struct err *e)
{
	cleanup_free char *dir = NULL, *path = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc = pin_path(registry_id, &dir, &path, e);

	*ret = (struct bundle_pin){ 0 };
	if (rc < 0)
		return rc;
	rc = fs_read_at(AT_FDCWD, path, MAX, &text, e);
	if (rc < 0 && access(path, F_OK) < 0) {
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		rc = json_parse(buf_str(&text), WHAT, &o, e);
	if (rc == 0)
		rc = read_members(o, ret, e);
	if (rc < 0) {
		(void)err_prefix(e, "read %s", path);
		return err_hint(e, "it remembers which bundles you verified; remove it only if you "
		                   "know why");
	}
	ret->exists = true;
	return 0;
}

int
bundle_pin_save(const char *registry_id, const struct bundle_pin *p, struct err *e)
{
	cleanup_free char *dir = NULL, *path = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc = pin_path(registry_id, &dir, &path, e);

	if (rc == 0)
		rc = fs_mkdirs(dir, 0700, e);
	if (rc < 0)
		return rc;
	o = json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "counter", (json_int_t)p->seen.counter,
	              "entries", (json_int_t)p->seen.head_size, "format", (json_int_t)FORMAT,
	              "inventory", json_from_digest(&p->seen.inventory), "root",
	              json_from_digest(&p->root), "tree", json_from_digest(&p->seen.head_root));
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	return fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, e);
}
