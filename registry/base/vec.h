/* SPDX-License-Identifier: Apache-2.0 */
/* A typed growing array: VEC(struct thing) things = { 0 }; memory exhaustion aborts. */
#pragma once

#include <stddef.h>

#include "registry/base/str.h"

#define VEC(type) \
	struct { \
		type *v; \
		size_t n, cap; \
	}
void *vec_grow_(void *v, size_t *cap, size_t need, size_t size);
#define vec_push(vec, item) \
	do { \
		if ((vec)->n == (vec)->cap) \
			(vec)->v = vec_grow_((vec)->v, &(vec)->cap, (vec)->n + 1, \
			                     sizeof(*(vec)->v)); \
		(vec)->v[(vec)->n++] = (item); \
	} while (0)
#define vec_reserve(vec, count) \
	((vec)->v = vec_grow_((vec)->v, &(vec)->cap, (count), sizeof(*(vec)->v)))
#define vec_fini(vec) \
	do { \
		free((vec)->v); \
		(vec)->v = NULL; \
		(vec)->n = (vec)->cap = 0; \
	} while (0)
#define vec_foreach(var, vec) \
	for (__typeof__((vec)->v) var = (vec)->v; var && var < (vec)->v + (vec)->n; var++)
