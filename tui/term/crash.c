/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fatal signals: everything was prepared beforehand, the handler writes one string, sets the saved
 * modes and raises the signal again, so that exit status and core are true. Runs on a stack of its
 * own, because a full stack is one of the reasons to be here.
 */
#include "tui/term/crash.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/str.h"

#define STACK_SIZE (64u * 1024u)

#define LAST_WORDS(entry)                                        \
	"\r\nslipway " SLIPWAY_VERSION " ended by a fault" entry \
	"; running jobs go on: slipway job list\r\n"

static struct {
	volatile sig_atomic_t armed;
	int fd;
	size_t n;
	struct termios modes;
	char bytes[512];
	char words[160];
	size_t words_n;
} prepared;

static char stack[STACK_SIZE];

void
crash_restore(void)
{
	if (!prepared.armed)
		return;
	prepared.armed = 0;
	/* every step is tried, whatever became of the one before */
	if (write(prepared.fd, prepared.bytes, prepared.n) < 0)
		prepared.n = 0;
	(void)tcsetattr(prepared.fd, TCSANOW, &prepared.modes);
}

static void
on_fatal(int sig)
{
	if (prepared.armed) {
		crash_restore();
		if (write(prepared.fd, prepared.words, prepared.words_n) < 0)
			prepared.n = 0;
	}
	/* SA_RESETHAND made the disposition the default; it is delivered when the handler returns
	 */
	(void)raise(sig);
}

/* A fault between the two lines would write the old words, or half of the new. */
void
crash_entry(uint64_t seq)
{
	const int n = snprintf(prepared.words, sizeof(prepared.words),
	                       LAST_WORDS(" at entry %" PRIu64), seq);

	prepared.words_n = (size_t)n;
}

static void
handlers_set(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT };
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = SA_ONSTACK };

	sa.sa_flags |= (int)SA_RESETHAND;
	sigemptyset(&sa.sa_mask);
	(void)sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < COUNT(fatal); i++)
		(void)sigaction(fatal[i], &sa, NULL);
}

void
crash_arm(int fd, const void *bytes, size_t n, const struct termios *modes)
{
	static bool are_set;

	prepared.armed = 0;
	prepared.fd = fd;
	prepared.n = n < sizeof(prepared.bytes) ? n : sizeof(prepared.bytes);
	memcpy(prepared.bytes, bytes, prepared.n);
	prepared.modes = *modes;
	if (prepared.words_n == 0) {
		memcpy(prepared.words, LAST_WORDS(""), sizeof(LAST_WORDS("")) - 1);
		prepared.words_n = sizeof(LAST_WORDS("")) - 1;
	}
	if (!are_set)
		handlers_set();
	are_set = true;
	prepared.armed = 1;
}

void
crash_disarm(void)
{
	prepared.armed = 0;
}
