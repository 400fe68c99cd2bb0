/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each ink looks, never redefining a colour of the person's. The sixteen of the terminal are
 * for a dark background, where yellow, green and cyan can be read; on a light one they cannot. So
 * where there are 256, those that stand out from both are taken until the background is known.
 * Without colours the attributes remain, and the words beside them say the same.
 */
#include <assert.h>
#include <curses.h>

#include "tui/term/screen_private.h"

#define NONE -1 /* the terminal's own */

enum { ON_DARK, ON_LIGHT, ON_ANY, ON_LIGHT_8, BACKGROUNDS };
struct hue {
	short color[BACKGROUNDS];
};
/* clang-format off */
static const struct hue none = { { NONE, NONE, NONE, NONE } },
	green = { { COLOR_GREEN, 22, 28, NONE } },
	yellow = { { COLOR_YELLOW, 94, 130, COLOR_MAGENTA } },
	red = { { COLOR_RED, 124, 160, COLOR_RED } },
	cyan = { { COLOR_CYAN, 23, 30, COLOR_BLUE } },
	magenta = { { COLOR_MAGENTA, 90, 133, COLOR_MAGENTA } },
	white = { { COLOR_WHITE, 231, 231, COLOR_WHITE } };

static const struct {
	attr_t mono, attr;
	const struct hue *fg, *bg;
} looks[] = {
	[INK_TEXT] = { A_NORMAL, A_NORMAL, &none, &none },
	[INK_DIM] = { A_DIM, A_DIM, &none, &none },
	[INK_TITLE] = { A_REVERSE, A_REVERSE, &none, &none },
	[INK_HEAD] = { A_BOLD, A_BOLD, &none, &none },
	[INK_RULE] = { A_DIM, A_DIM, &none, &none },
	[INK_KEY] = { A_BOLD, A_BOLD, &none, &none },
	[INK_OK] = { A_NORMAL, A_NORMAL, &green, &none },
	[INK_WAIT] = { A_NORMAL, A_NORMAL, &yellow, &none },
	[INK_BAD] = { A_BOLD, A_BOLD, &red, &none },
	[INK_STALE] = { A_DIM, A_DIM, &none, &none },
	[INK_STAGING] = { A_NORMAL, A_NORMAL, &cyan, &none },
	[INK_PRODUCTION] = { A_NORMAL, A_NORMAL, &magenta, &none },
	[INK_PROTECTED] = { A_REVERSE | A_BOLD, A_BOLD, &white, &red },
	[INK_ADDED] = { A_NORMAL, A_NORMAL, &green, &none },
	[INK_REMOVED] = { A_NORMAL, A_NORMAL, &red, &none },
	[INK_CHANGED] = { A_NORMAL, A_NORMAL, &yellow, &none },
	[INK_FOREIGN] = { A_UNDERLINE, A_UNDERLINE, &none, &none },
};
/* clang-format on */
static_assert(COUNT(looks) == INK_COUNT, "each ink has its row");

static bool colored;

static bool
has_pair(enum ink ink)
{
	return looks[ink].fg != &none || looks[ink].bg != &none;
}

/* Cells that stand on the screen are painted again by curses where their pair changes. */
void
inks_background(enum background background)
{
	unsigned on = ON_DARK;

	if (!colored)
		return;
	if (background == BACKGROUND_LIGHT)
		on = COLORS >= 256 ? ON_LIGHT : ON_LIGHT_8;
	else if (background == BACKGROUND_AUTO && COLORS >= 256)
		on = ON_ANY;
	for (unsigned i = 0; i < COUNT(looks); i++)
		if (has_pair((enum ink)i))
			(void)init_pair((short)(i + 1), looks[i].fg->color[on],
			                looks[i].bg->color[on]);
}

void
inks_init(bool color, enum background background)
{
	colored = color && start_color() == OK;
	if (!colored)
		return;
	(void)use_default_colors();
	inks_background(background);
}

bool
ink_hides_on_blanks(enum ink ink)
{
	const attr_t attr = colored ? looks[ink].attr : looks[ink].mono;

	return !(attr & (A_REVERSE | A_UNDERLINE)) && !(colored && looks[ink].bg != &none);
}

void
ink_look(enum ink ink, bool is_selected, attr_t *ret_attr, short *ret_pair)
{
	*ret_attr = colored ? looks[ink].attr : looks[ink].mono;
	*ret_pair = 0;
	if (colored && has_pair(ink))
		*ret_pair = (short)(ink + 1);
	if (is_selected) { /* one even bar: colours on a reversed row are hard to read */
		*ret_attr = A_REVERSE;
		*ret_pair = 0;
	}
}
