/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As little of a shell as Ctrl-Z needs: runs its words as a job in the foreground, says STOPPED
 * when the job stops, brings it back on Enter, and ends as the job did. A program that a pty starts
 * directly cannot be stopped: nobody is there who could continue it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* As a shell it may take the terminal back from the background. */
static void
foreground(pid_t group)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;

	(void)sigaction(SIGTTOU, &ignore, &old);
	(void)tcsetpgrp(0, group);
	(void)sigaction(SIGTTOU, &old, NULL);
}

int
main(int argc, char **argv)
{
	int status = 0;
	const pid_t job = argc > 1 ? fork() : -1;

	if (job < 0)
		return 2;
	if (job == 0) {
		(void)setpgid(0, 0);
		foreground(getpid());
		(void)execv(argv[1], argv + 1);
		_exit(127);
	}
	(void)setpgid(job, job);
	while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
		char c;
		foreground(getpgrp());
		(void)printf("STOPPED\n");
		(void)fflush(stdout);
		if (read(0, &c, 1) != 1)
			return 3;
		foreground(job);
		(void)kill(-job, SIGCONT);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
