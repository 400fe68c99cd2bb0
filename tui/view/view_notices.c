/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that the console had to say since it started, newest first. Seeing it is reading it.
 */
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/lines.h"
#include "tui/view/views.h"

struct seen {
	struct lines lines;
};

static int
notices_reload(struct view *v, struct err *e)
{
	struct seen *s = v->state;
	struct notices *all = &v->shared->notices;
	const size_t top = s->lines.top;

	(void)e;
	lines_clear(&s->lines);
	for (size_t i = all->list.n; i-- > 0;) {
		const struct notice *n = &all->list.v[i];
		char when[CLOCK_TEXT_SIZE];
		clock_text(when, n->time_s);
		lines_add(&s->lines, n->is_bad ? INK_BAD : INK_TEXT, "%zu  %.8sZ  %s", i + 1,
		          strlen(when) > 11 ? when + 11 : when, n->text);
		if (n->hint[0])
			lines_add(&s->lines, INK_DIM, "    %s", n->hint);
	}
	if (all->list.n == 0)
		lines_add(&s->lines, INK_DIM, "nothing has been said yet");
	all->read = all->list.n;
	s->lines.top = top;
	return 0;
}

static void
notices_draw(struct view *v, const struct area *a)
{
	struct seen *s = v->state;

	v->page = a->rows;
	lines_draw(&s->lines, a);
}

static enum handled
notices_action(struct view *v, enum action act, struct view_request *ret)
{
	struct seen *s = v->state;

	(void)ret;
	return lines_move(&s->lines, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
notices_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "notices");
}

static void
notices_close(struct view *v)
{
	struct seen *s = v->state;

	lines_fini(&s->lines);
}

static bool
notices_can(const struct view *v, enum action act)
{
	const struct seen *s = v->state;

	(void)act;
	return lines_scroll(&s->lines, v->page);
}

static const struct hint hints[] = { { ACT_DOWN, "down" }, { 0, NULL } };

const struct view_ops view_notices = {
	.name = "notices",
	.state_size = sizeof(struct seen),
	.reload = notices_reload,
	.title = notices_title,
	.draw = notices_draw,
	.action = notices_action,
	.close = notices_close,
	.can = notices_can,
	.hints = hints,
};
