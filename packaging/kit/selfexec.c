/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the own loader of a kit only, preloaded by its start script. A program that is started by
 * "ld.so PROGRAM" has the loader as /proc/self/exe. Its siblings are found all the same, because
 * the loader lies beside them; but a child that is to be this program again would be the loader,
 * with words that it takes for files. That one spawn is sent to bin/slipway. Knows nothing of what
 * is spawned; with the machine's own loader it is not there.
 */
#include <dlfcn.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *,
                     const posix_spawnattr_t *, char *const *, char *const *);

static char program[PATH_MAX + sizeof("/../../bin/slipway")]; /* empty: not known */

/* At the start, because an update of the kit takes the loader's name away. */
__attribute__((constructor)) static void
program_find(void)
{
	char exe[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));
	const char *slash = n > 0 ? memrchr(exe, '/', (size_t)n) : NULL;

	if (slash && n < (ssize_t)sizeof(exe))
		(void)snprintf(program, sizeof(program), "%.*s/../../bin/slipway",
		               (int)(slash - exe), exe);
}

__attribute__((visibility("default"))) int
posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
	spawn_fn *const next = __extension__(spawn_fn *) dlsym(RTLD_NEXT, "posix_spawn");

	if (program[0] && strcmp(path, "/proc/self/exe") == 0)
		path = program;
	return next(pid, path, actions, attributes, argv, envp);
}
