/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of this process for targets that read files; it goes at exit. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "tests/fuzz/fuzz.h"

static char scratch_path[64];

static inline void
scratch_remove_in(const char *below)
{
	cleanup_free char *path = xasprintf("%s%s", scratch_path, below);
	DIR *d = opendir(path);

	if (!d)
		return;
	for (const struct dirent *n = readdir(d); n; n = readdir(d))
		(void)unlinkat(dirfd(d), n->d_name, 0);
	closedir(d);
	(void)rmdir(path);
}

static inline void
scratch_remove(void)
{
	scratch_remove_in("/log");
	scratch_remove_in("/db");
	scratch_remove_in("/m");
	scratch_remove_in("");
}

static inline const char *
scratch(void)
{
	if (!scratch_path[0]) {
		/* in memory where it can be: a disk's syncs would be most of the time */
		(void)snprintf(scratch_path, sizeof scratch_path, "/dev/shm/slipway-fuzz-XXXXXX");
		if (!mkdtemp(scratch_path)) {
			(void)snprintf(scratch_path, sizeof scratch_path,
			               "/tmp/slipway-fuzz-XXXXXX");
			PROMISE(mkdtemp(scratch_path));
		}
		PROMISE(atexit(scratch_remove) == 0);
	}
	return scratch_path;
}
