/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that a database causes: LMDB has no checksums, it follows what it finds in the mapped
 * file, which may also end under it or lie on a disk that fails. A fault inside LMDB, or a page of
 * the map that cannot be read, is then told as an error and not as a signal. Every other fault goes
 * on to whoever had the signal before. What may be done after it is the caller's affair.
 */
#include "registry/store_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

volatile sig_atomic_t fault_in_lmdb, fault_maps;

static const int signals[] = { SIGBUS, SIGSEGV, SIGFPE, SIGABRT };
static struct sigaction before[COUNT(signals)];
static void (*tell)(void);

static bool
is_ours(int sig, const siginfo_t *info)
{
	if (sig == SIGABRT) /* the allocator's, about a heap that LMDB has spoiled */
		return fault_in_lmdb && info->si_code <= 0 && info->si_pid == getpid();
	return info->si_code > 0 && (fault_in_lmdb || (sig == SIGBUS && fault_maps));
}

static void
on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (is_ours(sig, info))
		fault_tell();
	for (size_t i = 0; i < COUNT(signals); i++)
		if (signals[i] == sig)
			(void)sigaction(sig, &before[i], NULL);
	/* a fault happens again when we return, anything else is sent again */
	if (info->si_code <= 0)
		(void)raise(sig);
}

void
fault_tell(void)
{
	if (tell)
		tell();
}

void
store_on_damage(void (*fn)(void))
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction old;

	tell = fn;
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < COUNT(signals); i++)
		if (sigaction(signals[i], &sa, &old) == 0 && old.sa_sigaction != on_fault)
			before[i] = old;
}
