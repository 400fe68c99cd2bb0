/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From keys to what they do: a question that is open takes them, else the table of keys says. Knows
 * neither terminal nor loop.
 */
#include <stdio.h>

#include "tui/console_private.h"

/* Pasted text is text: a line feed in it runs nothing, a letter in it answers no question. */
static void
paste_take(struct console *c, const struct key *k)
{
	const bool is_field = c->prompt.kind == PROMPT_FILTER || c->prompt.kind == PROMPT_COMMAND ||
	                      c->prompt.kind == PROMPT_NAME || c->prompt.kind == PROMPT_FIELD ||
	                      c->prompt.kind == PROMPT_SECRET;

	c->dirty = true;
	if (is_field && k->code == K_CHAR)
		prompt_key(c, k);
	else if (!is_field && k->code != K_OTHER) /* its end: what was said of it stays */
		(void)snprintf(c->flash, sizeof(c->flash),
		               "pasted text is taken in fields only: / or :");
}

static void
key_take(struct console *c, const struct key *k)
{
	if (k->is_pasted) {
		paste_take(c, k);
		return;
	}
	c->flash[0] = '\0';
	c->dirty = true;
	if (c->prompt.kind != PROMPT_NONE) {
		prompt_key(c, k);
		return;
	}
	const enum action act = key_action(k, console_top(c)->ops->name);
	if (act != ACT_NONE)
		console_act(c, act);
}

void
console_keys(struct console *c)
{
	struct key k;

	if (!screen_is_back(c->screen))
		return;
	c->by_key = true;
	while (!c->quits && screen_key(c->screen, &k))
		key_take(c, &k);
	c->dirty |= screen_is_stale(c->screen);
}
