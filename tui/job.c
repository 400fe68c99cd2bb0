/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of the console: this program's own file with the words that were shown. It gets a process
 * group of its own, so that Ctrl-C reaches the console alone and a child outlives the screen. Knows
 * nothing of what the words mean; the agent is agent.c.
 */
#include "tui/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define PUMP_SIZE      65536u
#define OUTPUT_MAX     ((size_t)16 << 20) /* of one child; more is read and dropped */
#define TURN_MAX       ((size_t)1 << 20)  /* at a time, so that no key waits */
#define PASSPHRASE_FD  3
#define PASSPHRASE_MAX 1024u /* well below what a pipe takes without a reader */

struct job {
	pid_t pid;
	int out, err; /* -1: closed */
	bool ended;
	int status;
};

struct pipes {
	int out[2], err[2], secret[2];
};

static void
pipes_close(const struct pipes *p)
{
	for (size_t i = 0; i < 2; i++) {
		close_quietly(p->out[i]);
		close_quietly(p->err[i]);
		close_quietly(p->secret[i]);
	}
}

static int
pipes_open(struct pipes *p, const char *passphrase, struct err *e)
{
	const size_t n = passphrase ? strlen(passphrase) : 0;

	if (n > PASSPHRASE_MAX)
		return err_set(e, ERR_USAGE, "the passphrase is longer than %u bytes",
		               PASSPHRASE_MAX);
	if (pipe2(p->out, O_CLOEXEC) < 0 || pipe2(p->err, O_CLOEXEC) < 0 ||
	    (passphrase && pipe2(p->secret, O_CLOEXEC) < 0))
		return err_sys(e, "cannot make a pipe");
	if (passphrase && fs_write_all(p->secret[1], passphrase, n) < 0)
		return err_sys(e, "cannot hand over the passphrase");
	return 0;
}

/* A fresh start: no blocked or ignored signal of ours, no terminal, a group of its own. */
static int
attributes_make(posix_spawnattr_t *a)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	if (posix_spawnattr_setsigmask(a, &none) != 0 ||
	    posix_spawnattr_setsigdefault(a, &all) != 0 || posix_spawnattr_setpgroup(a, 0) != 0)
		return -1;
	return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                           POSIX_SPAWN_SETPGROUP);
}

static int
actions_make(posix_spawn_file_actions_t *f, const struct pipes *p, bool has_secret)
{
	if (posix_spawn_file_actions_addopen(f, 0, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(f, p->out[1], 1) != 0 ||
	    posix_spawn_file_actions_adddup2(f, p->err[1], 2) != 0)
		return -1;
	/* dup2 onto itself would keep O_CLOEXEC: glibc clears it for that case */
	return has_secret ? posix_spawn_file_actions_adddup2(f, p->secret[0], PASSPHRASE_FD) : 0;
}

static int
spawn(struct job *j, const struct pipes *p, char *const *argv, bool has_secret, struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_set(e, ERR_SYS, "cannot start a process");
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return err_set(e, ERR_SYS, "cannot start a process");
	}
	rc = attributes_make(&attributes);
	if (rc == 0)
		rc = actions_make(&actions, p, has_secret);
	if (rc == 0)
		rc = posix_spawn(&j->pid, "/proc/self/exe", &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		errno = rc > 0 ? rc : EINVAL;
		return err_sys(e, "cannot start \"%s\"", argv[1] ? argv[1] : argv[0]);
	}
	return 0;
}

/* argv with the program's name in front and the descriptor of the passphrase right behind it. */
static const char **
argv_make(const char *const *argv, bool has_secret)
{
	static const char *const secret[] = { "--passphrase-fd", "3" };
	size_t n = 0, at = 0;

	while (argv[n])
		n++;
	const char **all = xcalloc(n + 4, sizeof(*all));
	all[at++] = "slipway";
	for (size_t i = 0; has_secret && i < COUNT(secret); i++)
		all[at++] = secret[i];
	for (size_t i = 1; i < n; i++)
		all[at++] = argv[i];
	return all;
}

int
job_spawn(const char *const *argv, const char *passphrase, struct job **ret, struct err *e)
{
	struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	cleanup_free struct job *j = xcalloc(1, sizeof(*j));
	cleanup_free const char **all = argv_make(argv, passphrase != NULL);
	int rc;

	rc = pipes_open(&p, passphrase, e);
	if (rc == 0)
		rc = spawn(j, &p, (char *const *)(uintptr_t)all, passphrase != NULL, e);
	if (rc < 0) {
		pipes_close(&p);
		return rc;
	}
	j->out = steal_fd(&p.out[0]);
	j->err = steal_fd(&p.err[0]);
	pipes_close(&p);
	(void)fcntl(j->out, F_SETFL, O_NONBLOCK);
	(void)fcntl(j->err, F_SETFL, O_NONBLOCK);
	*ret = steal(&j);
	return 0;
}

int
job_out_fd(const struct job *j)
{
	return j->out;
}

int
job_err_fd(const struct job *j)
{
	return j->err;
}

static int
drain(int *fd, struct buf *ret, struct err *e)
{
	size_t taken = 0;

	while (*fd >= 0 && taken < TURN_MAX) {
		char p[PUMP_SIZE / 8];
		const ssize_t n = read(*fd, p, sizeof(p));
		taken += n > 0 ? (size_t)n : 0;
		if (n > 0 && ret->n < OUTPUT_MAX) {
			buf_add(ret, p, (size_t)n);
		} else if (n == 0) {
			close_quietly(*fd);
			*fd = -1;
		} else if (n < 0 && errno == EAGAIN) {
			return 0;
		} else if (n < 0 && errno != EINTR) {
			return err_sys(e, "cannot read from a child");
		}
	}
	return 0;
}

int
job_pump(struct job *j, struct buf *out, struct buf *err_text, bool *ret_done, int *ret_status,
         struct err *e)
{
	int rc, status;

	rc = drain(&j->out, out, e);
	if (rc == 0)
		rc = drain(&j->err, err_text, e);
	if (rc < 0)
		return rc;
	if (!j->ended && waitpid(j->pid, &status, WNOHANG) == j->pid) {
		j->ended = true;
		j->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		/* what it wrote before its end; a grandchild may keep the pipes and is not waited
		 * for */
		(void)drain(&j->out, out, e);
		(void)drain(&j->err, err_text, e);
	}
	*ret_done = j->ended;
	*ret_status = j->status;
	return 0;
}

void
job_end(struct job *j)
{
	if (!j->ended)
		(void)kill(j->pid, SIGTERM);
	close_quietly(steal_fd(&j->out));
	close_quietly(steal_fd(&j->err));
}

void
job_free(struct job *j)
{
	if (!j)
		return;
	close_quietly(j->out);
	close_quietly(j->err);
	free(j);
}
