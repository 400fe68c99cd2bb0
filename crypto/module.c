/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and opens the module slipway-hash.so in two places next to the program, so that a verb that
 * needs no libcrypto never maps it. Knows nothing of what the tables in it do.
 */
#include "crypto/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running program. Never the working folder or a search path of the environment:
 * whoever names the module names the code that decides what a blob's digest is. */
static int
program_dir(char *ret, size_t size)
{
#ifdef SLIPWAY_TESTING
	const char *named = getenv("SLIPWAY_SIBLINGS"); /* unit tests lie in folders of their own */

	if (named && strlen(named) < size) {
		memcpy(ret, named, strlen(named) + 1);
		return 0;
	}
#endif
	ssize_t n;
	char *slash;

	n = readlink("/proc/self/exe", ret, size - 1);
	if (n <= 0 || (size_t)n >= size - 1)
		return -1;
	ret[n] = '\0';
	slash = strrchr(ret, '/');
	if (!slash)
		return -1;
	*slash = '\0';

	return 0;
}

static const struct module_head *
open_below(const char *dir, const char *below, const char *symbol, uint32_t version)
{
	const struct module_head *m;
	char path[PATH_MAX + 64];
	void *handle;
	int n;

	n = snprintf(path, sizeof path, "%s/%s" MODULE_FILE, dir, below);
	if (n < 0 || (size_t)n >= sizeof path)
		return NULL;
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return NULL;
	m = dlsym(handle, symbol);
	if (!m || m->version != version || m->start() < 0) {
		dlclose(handle);
		return NULL;
	}

	return m; /* the handle stays open as long as the process */
}

const struct module_head *
module_open(const char *symbol, uint32_t version)
{
	const struct module_head *m;
	char dir[PATH_MAX];

	if (program_dir(dir, sizeof dir) < 0)
		return NULL;
	m = open_below(dir, "", symbol, version);
	if (!m)
		m = open_below(dir, "../libexec/slipway/", symbol, version);

	return m;
}
