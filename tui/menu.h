/* SPDX-License-Identifier: Apache-2.0 */
/* A short list that opens over a screen and takes all keys until it is left: sorting, columns,
 * what can be done with the chosen line, what can be copied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/vec.h"

struct menu_item {
	char key[8];     /* picks it at once; "" none */
	char text[200];  /* foreign text is fine */
	bool is_checked; /* shown with a mark */
	bool is_off;     /* cannot be picked; text says why */
};
struct menu {
	char title[120];
	VEC(struct menu_item) items;
	size_t cursor;
	bool stays; /* open after a pick, as choosing columns needs */
};
void menu_add(struct menu *m, const char *key, bool is_checked, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
void menu_fini(struct menu *m);
