/* SPDX-License-Identifier: Apache-2.0 */
/* One call for each of many things that wait for others: who is slow delays nobody else. */
#pragma once

#include <stddef.h>

typedef void side_fn(void *arg, size_t i);
/* fn(arg, i) for each i from `from` to before `end`, in order of beginning, several at a time and
 * in threads of their own; back when all have ended. */
void side_by_side(size_t from, size_t end, side_fn *fn, void *arg);
