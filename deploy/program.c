/* SPDX-License-Identifier: Apache-2.0 */
/* Running a helper program. Whether it may run at all is decided before. */
#include "deploy/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/str.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define WORDS_MAX  ((size_t)4096) /* of stderr */
#define TIME_MS    60000
#define FIRST_FD   3

/* A file in memory: a program that does not read cannot hold us. */
static int
input_of(const struct program *p, struct err *e)
{
	const int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || (p->input && (fs_write_all(fd, p->input, strlen(p->input)) < 0 ||
	                            lseek(fd, 0, SEEK_SET) < 0))) {
		close_quietly(fd);
		return err_sys(e, "cannot make the input of \"%s\"", p->argv[0]);
	}
	return fd;
}

static int
start(const struct program *p, int in, int out, int err, pid_t *ret)
{
	posix_spawn_file_actions_t f;
	posix_spawnattr_t a;
	sigset_t none, all;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&f) != 0 || posix_spawnattr_init(&a) != 0)
		abort();
	(void)posix_spawn_file_actions_adddup2(&f, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&f, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&f, err, STDERR_FILENO);
	(void)posix_spawn_file_actions_addclosefrom_np(&f, FIRST_FD);
	(void)posix_spawnattr_setsigmask(&a, &none);
	(void)posix_spawnattr_setsigdefault(&a, &all);
	(void)posix_spawnattr_setpgroup(&a, 0);
	(void)posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                           POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(ret, p->argv[0], &f, &a, p->argv, p->envp ? p->envp : environ);
	(void)posix_spawn_file_actions_destroy(&f);
	(void)posix_spawnattr_destroy(&a);
	return rc;
}

/* Both pipes until both have ended. -1: too much, or not in time. */
static int
collect(int out, int err, struct buf *said, struct buf *words)
{
	const uint64_t end_ms = clock_mono_ms() + TIME_MS;
	struct pollfd p[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	char piece[4096];

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		const uint64_t now_ms = clock_mono_ms();
		if (now_ms >= end_ms)
			return -1;
		if (poll(p, 2, (int)(end_ms - now_ms)) < 0 && errno != EINTR)
			return -1;
		for (size_t i = 0; i < 2; i++) {
			struct buf *const b = i == 0 ? said : words;
			const size_t max = i == 0 ? OUTPUT_MAX : WORDS_MAX;
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, piece, sizeof piece);
			if (n <= 0 && !(n < 0 && errno == EINTR))
				p[i].fd = -1;
			if (n <= 0)
				continue;
			if (i == 0 && (size_t)n > max - b->n)
				return -1;
			buf_add(b, piece, (size_t)n < max - b->n ? (size_t)n : max - b->n);
		}
	}
	explicit_bzero(piece, sizeof piece);
	return 0;
}

/* The last line that it wrote to stderr. */
static void
last_words(const struct buf *words, char ret[200])
{
	size_t n = words->n, from;

	while (n > 0 && strchr("\r\n", words->p[n - 1]))
		n--;
	for (from = n; from > 0 && words->p[from - 1] != '\n'; from--)
		;
	(void)snprintf(ret, 200, "%.*s", (int)(n - from < 199 ? n - from : 199),
	               words->p ? words->p + from : "");
}

static int
judge(const struct program *p, int status, const struct buf *words, struct err *e)
{
	char said[200];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	last_words(words, said);
	return err_set(e, ERR_DENIED, "the %s \"%s\" ended with %s %d%s%s", p->what, p->argv[0],
	               WIFSIGNALED(status) ? "signal" : "status",
	               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	               said[0] ? ": " : "", said);
}

static int
run(const struct program *p, int in, const int out[2], const int err[2], struct buf *said,
    struct err *e)
{
	cleanup_buf struct buf words = { 0 };
	int status = 0;
	pid_t pid;
	int rc = start(p, in, out[1], err[1], &pid);

	(void)close(out[1]);
	(void)close(err[1]);
	if (rc > 0) {
		errno = rc;
		err_sys(e, "cannot run the %s \"%s\"", p->what, p->argv[0]);
		e->code = ERR_DENIED;
		return -ERR_DENIED;
	}
	if (collect(out[0], err[0], said, &words) < 0) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_set(e, ERR_UNREACHABLE, "the %s \"%s\" did not end, or said too much",
		               p->what, p->argv[0]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(p, status, &words, e);
}

int
program_run(const struct program *p, struct buf *said, struct err *e)
{
	cleanup_close int in = input_of(p, e);
	int out[2], err[2], rc;

	if (in < 0)
		return in;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	if (pipe2(err, O_CLOEXEC) < 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return err_sys(e, "cannot make a pipe");
	}
	rc = run(p, in, out, err, said, e);
	(void)close(out[0]);
	(void)close(err[0]);
	return rc;
}
