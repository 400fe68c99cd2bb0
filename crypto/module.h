/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private module slipway-hash.so, the one user of libcrypto. It exports a table of functions
 * for each duty; each table begins with a head. Nobody outside crypto/ includes this header.
 */
#pragma once

#include <stdint.h>

#define MODULE_FILE "slipway-hash.so"

struct module_head {
	uint32_t version;
	int (*start)(void); /* called once, before any other function, and by one thread; 0 or -1 */
};

/* The table under that symbol, started, of exactly this version; NULL: there is none. Callers keep
 * what they get: the module is never unloaded. */
const struct module_head *module_open(const char *symbol, uint32_t version);
