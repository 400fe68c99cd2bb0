/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON object a file, replaced whole: two processes that check at once leave one of both. */
#include "registry/checked.h"

#include <fcntl.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"

#define FILE_MAX 4096

/* NULL: there is no state folder. */
static char *
dir_of(const char *registry_id)
{
	cleanup_free char *state = NULL;
	struct err ignored = { 0 };

	if (fs_state_dir(&state, &ignored) < 0)
		return NULL;
	return xasprintf("%s/checked/%s", state, registry_id);
}

void
checked_name(const char *model, const struct digest *version, struct digest *ret)
{
	cleanup_buf struct buf of = { 0 };

	buf_addf(&of, "%s ", model);
	buf_add(&of, version->b, sizeof(version->b));
	digest_small(of.p, of.n, ret);
}

static char *
path_of(const char *dir, const char *model, const struct digest *version)
{
	char name[DIGEST_HEX_SIZE] = "log";
	struct digest d;

	if (version) {
		checked_name(model, version, &d);
		digest_hex(&d, name);
	}
	return xasprintf("%s/%s.json", dir, name);
}

bool
checked_look(const char *registry_id, const char *model, const struct digest *version,
             struct checked *ret)
{
	cleanup_free char *dir = dir_of(registry_id);
	cleanup_free char *path = dir ? path_of(dir, model, version) : NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	struct err ignored = { 0 };
	const char *why;

	*ret = (struct checked){ 0 };
	if (!path || fs_read_at(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0 ||
	    json_parse(buf_str(&text), "checked", &o, &ignored) < 0)
		return false;
	ret->time_s = (int64_t)json_opt_u64(o, "time");
	ret->size = json_opt_u64(o, "size");
	ret->policy = json_opt_u64(o, "policy");
	ret->is_good = json_is_true(json_object_get(o, "good"));
	why = json_opt_string(o, "why");
	(void)snprintf(ret->why, sizeof(ret->why), "%s", why ? why : "");
	return ret->time_s > 0;
}

void
checked_save(const char *registry_id, const char *model, const struct digest *version,
             uint64_t size, uint64_t policy, const struct err *why)
{
	cleanup_free char *dir = dir_of(registry_id);
	cleanup_free char *path = dir ? path_of(dir, model, version) : NULL;
	const bool is_good = !why || why->code == ERR_OK;
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	struct err ignored = { 0 };

	if (!path || fs_mkdirs(dir, 0700, &ignored) < 0)
		return;
	json_object_set_new(o, "time", json_integer((json_int_t)clock_now_s()));
	json_object_set_new(o, "size", json_integer((json_int_t)size));
	if (version)
		json_object_set_new(o, "policy", json_integer((json_int_t)policy));
	json_object_set_new(o, "good", json_boolean(is_good));
	if (!is_good) {
		char said[200];
		(void)snprintf(said, sizeof(said), "%.199s", why->msg);
		json_t *const s = json_string(said);
		json_object_set_new(o, "why", s ? s : json_string("failed"));
	}
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	(void)fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, &ignored);
}
