/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What digest.c and the module slipway-hash.so say to each other: one table of functions under one
 * symbol. A module that names another version is not used. Nobody else includes this header.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/module.h"

#define HASH_MODULE_VERSION 1
#define HASH_MODULE_SYMBOL  "slipway_hash_module"

/* Every function returns 0 or -1. */
struct hash_module {
	struct module_head head;
	void *(*ctx_new)(void); /* NULL: memory */
	void (*ctx_free)(void *ctx);
	int (*begin)(void *ctx);
	int (*update)(void *ctx, const void *p, size_t n);
	int (*final)(void *ctx, uint8_t ret[32]);
};
