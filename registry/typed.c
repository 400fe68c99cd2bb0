/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines, replaced whole. */
#include "registry/typed.h"

#include <fcntl.h>

#include "registry/base/fs.h"

/* NULL: there is no state folder. */
static char *
dir_of(void)
{
	cleanup_free char *state = NULL;
	struct err ignored = { 0 };

	return fs_state_dir(&state, &ignored) < 0 ? NULL : xasprintf("%s/console", state);
}

void
typed_look(struct buf *ret)
{
	cleanup_free char *dir = dir_of();
	cleanup_free char *path = dir ? xasprintf("%s/lines", dir) : NULL;
	struct err ignored = { 0 };

	if (!path ||
	    fs_read_at(AT_FDCWD, path, TYPED_LINES_MAX * TYPED_LINE_SIZE, ret, &ignored) < 0)
		buf_clear(ret);
}

void
typed_save(struct str text)
{
	cleanup_free char *dir = dir_of();
	cleanup_free char *path = dir ? xasprintf("%s/lines", dir) : NULL;
	struct err ignored = { 0 };

	if (path && fs_mkdirs(dir, 0700, &ignored) == 0)
		(void)fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, &ignored);
}
