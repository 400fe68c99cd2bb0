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
#include <time.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/str.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define WORDS_MAX  ((size_t)4096) /* of stderr */
#define TIME_MS    60000
#define FIRST_FD   3
#define LOOK_MS    200 /* whether to go on */

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

/* Between two looks: is there time, and does the caller want to go on? */
static int
may_go_on(const struct program *p, uint64_t end_ms, struct err *e)
{
	if (clock_mono_ms() >= end_ms)
		return err_set(e, ERR_UNREACHABLE, "the %s \"%s\" did not end", p->what,
		               p->argv[0]);
	return p->check ? p->check(p->check_arg, e) : 0;
}

/* What one pipe has now; *fd -1 at its end. More than max is an error of stdout, and cut of
 * stderr. */
static int
take_piece(int *fd, struct buf *b, size_t max, bool cuts)
{
	char piece[4096];
	const ssize_t n = read(*fd, piece, sizeof piece);
	const size_t room = max - b->n;

	if (n <= 0) {
		if (n == 0 || errno != EINTR)
			*fd = -1;
		return 0;
	}
	if ((size_t)n <= room || cuts)
		buf_add(b, piece, (size_t)n < room ? (size_t)n : room);
	explicit_bzero(piece, sizeof piece);
	return (size_t)n <= room || cuts ? 0 : -1;
}

/* Both pipes until both have ended. */
static int
collect(const struct program *p, int out, int err, uint64_t end_ms, struct buf *said,
        struct buf *words, struct err *e)
{
	struct pollfd v[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };

	while (v[0].fd >= 0 || v[1].fd >= 0) {
		int rc = may_go_on(p, end_ms, e);

		if (rc < 0)
			return rc;
		if (poll(v, 2, LOOK_MS) <= 0)
			continue;
		if (v[0].fd >= 0 && v[0].revents &&
		    take_piece(&v[0].fd, said, OUTPUT_MAX, false) < 0)
			return err_set(e, ERR_TOO_BIG, "the %s \"%s\" says too much", p->what,
			               p->argv[0]);
		if (v[1].fd >= 0 && v[1].revents)
			(void)take_piece(&v[1].fd, words, WORDS_MAX, true);
	}
	return 0;
}

/* It may close what it writes to and go on. */
static int
wait_for(const struct program *p, pid_t pid, uint64_t end_ms, int *ret_status, struct err *e)
{
	long pause_ms = 1;

	for (;;) {
		const struct timespec t = { .tv_nsec = pause_ms * 1000000 };
		const pid_t got = waitpid(pid, ret_status, WNOHANG);
		int rc;

		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return err_sys(e, "cannot wait for the %s \"%s\"", p->what, p->argv[0]);
		rc = may_go_on(p, end_ms, e);
		if (rc < 0)
			return rc;
		(void)nanosleep(&t, NULL);
		pause_ms = pause_ms * 2 < LOOK_MS ? pause_ms * 2 : LOOK_MS;
	}
}

/* The last line of it. */
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
judge(const struct program *p, int status, const struct buf *said, const struct buf *words,
      struct err *e)
{
	char last[200];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	last_words(p->fails_on_stdout && said->n > 0 ? said : words, last);
	return err_set(e, ERR_DENIED, "the %s \"%s\" ended with %s %d%s%s", p->what, p->argv[0],
	               WIFSIGNALED(status) ? "signal" : "status",
	               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	               last[0] ? ": " : "", last);
}

static int
not_run(const struct program *p, int why, struct err *e)
{
	errno = why;
	err_sys(e, "cannot run the %s \"%s\"", p->what, p->argv[0]);
	e->code = ERR_DENIED;
	return -ERR_DENIED;
}

static int
run(const struct program *p, int in, const int out[2], const int err[2], struct buf *said,
    struct err *e)
{
	const uint64_t most_ms = clock_mono_ms() + TIME_MS;
	const uint64_t end_ms =
	        p->deadline_ms && p->deadline_ms < most_ms ? p->deadline_ms : most_ms;
	cleanup_buf struct buf words = { 0 };
	int status = 0;
	pid_t pid;
	int rc = start(p, in, out[1], err[1], &pid);

	(void)close(out[1]);
	(void)close(err[1]);
	if (rc > 0)
		return not_run(p, rc, e);
	rc = collect(p, out[0], err[0], end_ms, said, &words, e);
	if (rc == 0)
		rc = wait_for(p, pid, end_ms, &status, e);
	if (rc < 0) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return rc;
	}
	return judge(p, status, said, &words, e);
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
