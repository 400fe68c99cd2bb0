/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each ink looks: the terminal's own 16 colours on its own background, never redefined. Without
 * colours the attributes remain, and the words beside them say the same.
 */
#include <assert.h>
#include <curses.h>

#include "tui/term/screen_private.h"

static const struct {
	attr_t mono, attr;
	short fg, bg; /* -1: the terminal's own */
} looks[] = {
	[INK_TEXT] = { A_NORMAL, A_NORMAL, -1, -1 },
	[INK_DIM] = { A_DIM, A_DIM, -1, -1 },
	[INK_TITLE] = { A_REVERSE, A_REVERSE, -1, -1 },
	[INK_HEAD] = { A_BOLD, A_BOLD, -1, -1 },
	[INK_RULE] = { A_DIM, A_DIM, -1, -1 },
	[INK_KEY] = { A_BOLD, A_BOLD, -1, -1 },
	[INK_OK] = { A_NORMAL, A_NORMAL, COLOR_GREEN, -1 },
	[INK_WAIT] = { A_NORMAL, A_NORMAL, COLOR_YELLOW, -1 },
	[INK_BAD] = { A_BOLD, A_BOLD, COLOR_RED, -1 },
	[INK_STALE] = { A_DIM, A_DIM, -1, -1 },
	[INK_STAGING] = { A_NORMAL, A_NORMAL, COLOR_CYAN, -1 },
	[INK_PRODUCTION] = { A_NORMAL, A_NORMAL, COLOR_MAGENTA, -1 },
	[INK_PROTECTED] = { A_REVERSE | A_BOLD, A_BOLD, COLOR_WHITE, COLOR_RED },
	[INK_ADDED] = { A_NORMAL, A_NORMAL, COLOR_GREEN, -1 },
	[INK_REMOVED] = { A_NORMAL, A_NORMAL, COLOR_RED, -1 },
	[INK_CHANGED] = { A_NORMAL, A_NORMAL, COLOR_YELLOW, -1 },
	[INK_FOREIGN] = { A_UNDERLINE, A_UNDERLINE, -1, -1 },
};
static_assert(COUNT(looks) == INK_COUNT, "each ink has its row");

static bool colored;

void
inks_init(bool color)
{
	colored = color && start_color() == OK;
	if (!colored)
		return;
	(void)use_default_colors();
	for (short i = 0; i < (short)COUNT(looks); i++)
		if (looks[i].fg >= 0 || looks[i].bg >= 0)
			(void)init_pair((short)(i + 1), looks[i].fg, looks[i].bg);
}

bool
ink_hides_on_blanks(enum ink ink)
{
	const attr_t attr = colored ? looks[ink].attr : looks[ink].mono;

	return !(attr & (A_REVERSE | A_UNDERLINE)) && !(colored && looks[ink].bg >= 0);
}

void
ink_look(enum ink ink, bool is_selected, attr_t *ret_attr, short *ret_pair)
{
	*ret_attr = colored ? looks[ink].attr : looks[ink].mono;
	*ret_pair = 0;
	if (colored && (looks[ink].fg >= 0 || looks[ink].bg >= 0))
		*ret_pair = (short)(ink + 1);
	if (is_selected) { /* one even bar: colours on a reversed row are hard to read */
		*ret_attr = A_REVERSE;
		*ret_pair = 0;
	}
}
