/* SPDX-License-Identifier: Apache-2.0 */
/* A file of one line, replaced whole. */
#include "registry/seen.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/base/json.h"

#define FILE_MAX 4096u

/* NULL: there is no state folder. */
static char *
dir_of(void)
{
	cleanup_free char *state = NULL;
	struct err ignored = { 0 };

	return fs_state_dir(&state, &ignored) < 0 ? NULL : xasprintf("%s/console", state);
}

bool
seen_look(const char *registry_id, struct seen *ret)
{
	cleanup_free char *dir = dir_of();
	cleanup_free char *path = dir ? xasprintf("%s/%s.json", dir, registry_id) : NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	struct err ignored = { 0 };

	*ret = (struct seen){ 0 };
	if (!path || fs_read_at(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0 ||
	    json_parse(buf_str(&text), "console", &o, &ignored) < 0 ||
	    json_get_u64(o, "entries", "console", &ret->entries, &ignored) < 0)
		return false;
	ret->time_s = (int64_t)json_opt_u64(o, "time");
	return true;
}

void
seen_save(const char *registry_id, const struct seen *s)
{
	cleanup_free char *dir = dir_of();
	cleanup_free char *path = dir ? xasprintf("%s/%s.json", dir, registry_id) : NULL;
	struct err ignored = { 0 };
	char text[96];

	if (!path || fs_mkdirs(dir, 0700, &ignored) < 0)
		return;
	(void)snprintf(text, sizeof(text), "{\"entries\":%" PRIu64 ",\"time\":%" PRId64 "}\n",
	               s->entries, s->time_s);
	(void)fs_write_at(AT_FDCWD, path, text, strlen(text), 0600, &ignored);
}
