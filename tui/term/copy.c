/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OSC 52, also through tmux and screen, which hand a sequence on to their own terminal only when it
 * is wrapped. tmux takes the bare form where its set-clipboard is on and the wrapped one where
 * allow-passthrough is: both are sent, as setting the clipboard twice harms nobody.
 */
#include "tui/term/copy.h"

#include <string.h>

#include "registry/base/base64.h"
#include "registry/base/str.h"

#define SCREEN_STRING_MAX 240u /* GNU screen takes no longer one in a piece */

static void
osc(struct buf *ret, const char *encoded, const char *end)
{
	buf_addf(ret, "\033]52;c;%s%s", encoded, end);
}

/* In tmux's envelope each ESC is doubled. */
static void
tmux(struct buf *ret, const char *encoded)
{
	buf_adds(ret, "\033Ptmux;\033");
	osc(ret, encoded, "\a\033\\");
}

/* screen hands on what stands in DCS strings, and joins the pieces by doing nothing between. */
static void
screen(struct buf *ret, const char *encoded)
{
	struct buf whole = { 0 };

	osc(&whole, encoded, "\a");
	for (size_t at = 0; at < whole.n; at += SCREEN_STRING_MAX) {
		const size_t left = whole.n - at;
		buf_adds(ret, "\033P");
		buf_add(ret, whole.p + at, left < SCREEN_STRING_MAX ? left : SCREEN_STRING_MAX);
		buf_adds(ret, "\033\\");
	}
	buf_fini(&whole);
}

/* These paint what they do not know. */
static bool
has_no_clipboard(const char *term)
{
	return has_prefix(term, "linux") || has_prefix(term, "vt") || has_prefix(term, "dumb");
}

int
copy_make(const struct copy_way *w, struct str text, struct buf *ret, struct err *e)
{
	const char *term = w->term ? w->term : "";
	cleanup_buf struct buf encoded = { 0 };

	if (has_no_clipboard(term))
		return err_set(e, ERR_UNREACHABLE, "terminal \"%s\" has no clipboard", term);
	if (text.n > COPY_TEXT_MAX)
		return err_set(e, ERR_TOO_BIG, "%zu bytes are more than terminals copy, %u", text.n,
		               COPY_TEXT_MAX);
	base64_add(&encoded, text.p, text.n);
	if (w->sty && w->sty[0]) {
		screen(ret, buf_cstr(&encoded));
		return 0;
	}
	osc(ret, buf_cstr(&encoded), "\a");
	/* over ssh only TERM tells of tmux, whose name for itself was "screen" for long */
	if ((w->tmux && w->tmux[0]) || has_prefix(term, "tmux") || has_prefix(term, "screen"))
		tmux(ret, buf_cstr(&encoded));
	return 0;
}
