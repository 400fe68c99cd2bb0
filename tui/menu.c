/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a menu. Who shows it is console_menu.c; what a pick means is its owner's. */
#include "tui/menu.h"

#include <stdarg.h>
#include <stdio.h>

#include "registry/base/str.h"

void
menu_add(struct menu *m, const char *key, bool is_checked, const char *fmt, ...)
{
	struct menu_item item = { .is_checked = is_checked };
	va_list ap;

	(void)str_copy(item.key, sizeof(item.key), key);
	va_start(ap, fmt);
	(void)vsnprintf(item.text, sizeof(item.text), fmt, ap);
	va_end(ap);
	vec_push(&m->items, item);
}

void
menu_fini(struct menu *m)
{
	vec_fini(&m->items);
	*m = (struct menu){ 0 };
}
