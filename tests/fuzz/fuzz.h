/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target shares: one function over bytes, and a way to say that a promise was
 * broken. libFuzzer calls the function, or replay.c does with the files of a corpus folder.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A promise of the code under test, kept with every compiler flag. */
#define PROMISE(x)                                                                     \
	do {                                                                           \
		if (!(x)) {                                                            \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                       \
		}                                                                      \
	} while (0)

/* As main() does; libFuzzer's is not ours. */
__attribute__((constructor)) static void
start_crypto(void)
{
	PROMISE(crypto_init() == 0);
}

/* An error has a code that is its return value and a message, success has neither. */
static inline void
promise_err(int rc, const struct err *e)
{
	PROMISE(rc <= 0);
	PROMISE((rc == 0) == (e->code == ERR_OK));
	PROMISE(rc == 0 || (rc == -(int)e->code && e->msg[0] != '\0'));
}

static inline struct str
input(const uint8_t *p, size_t n)
{
	return (struct str){ .p = (const char *)p, .n = n };
}
