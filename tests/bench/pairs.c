/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs commands in turn, A B C A B C ..., and prints what each run cost: command, wall and cpu
 * nanoseconds, peak KiB, exit status. A small program, because a child's peak begins with that of
 * whoever spawned it, and some take under a millisecond. "@@" in a word is the round's number.
 *
 *   pairs ROUNDS OUTPUT -- command... -- command...
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX    64
#define COMMANDS_MAX 16
#define WORD_MAX     4096

extern char **environ;

static char words[WORDS_MAX][WORD_MAX];

static void
fail(const char *what)
{
	fprintf(stderr, "pairs: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The command's words with the round's number put in; they end with NULL. */
static void
fill_in(char **command, unsigned round, char *ret[WORDS_MAX + 1])
{
	size_t n = 0;

	for (; command[n] && strcmp(command[n], "--") != 0 && n < WORDS_MAX; n++) {
		const char *const at = strstr(command[n], "@@");
		const int before = at ? (int)(at - command[n]) : (int)strlen(command[n]);
		char digits[16] = "";

		if (at)
			snprintf(digits, sizeof digits, "%u", round);
		if (snprintf(words[n], WORD_MAX, "%.*s%s%s", before, command[n], digits,
		             at ? at + 2 : "") >= WORD_MAX)
			fail("a word is too long");
		ret[n] = words[n];
	}
	ret[n] = NULL;
}

static long long
ns_of(struct timeval t)
{
	return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

static void
run(unsigned which, char *const argv[], const posix_spawn_file_actions_t *actions)
{
	struct timespec a, b;
	struct rusage used;
	int status, rc;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &a);
	rc = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (rc != 0) {
		errno = rc;
		fail(argv[0]);
	}
	if (wait4(pid, &status, 0, &used) < 0)
		fail("wait");
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%u %lld %lld %ld %d\n", which,
	       (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec),
	       ns_of(used.ru_utime) + ns_of(used.ru_stime), used.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int
main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	posix_spawn_file_actions_t actions;
	unsigned n = 0, rounds;

	if (argc < 5) {
		fprintf(stderr, "usage: pairs ROUNDS OUTPUT -- command... -- command...\n");
		return 2;
	}
	rounds = (unsigned)strtoul(argv[1], NULL, 10);
	for (int i = 3; i < argc - 1 && n < COMMANDS_MAX; i++)
		if (strcmp(argv[i], "--") == 0)
			commands[n++] = argv + i + 1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < n; i++) {
			char *filled[WORDS_MAX + 1];

			fill_in(commands[i], round, filled);
			run(i, filled, &actions);
		}
	return 0;
}
