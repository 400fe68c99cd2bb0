/* SPDX-License-Identifier: Apache-2.0 */
/* Notices are never cleared by time: the line below the list shows the oldest that nobody has read.
 */
#include "tui/notice.h"

#include <stdarg.h>
#include <stdio.h>

#include "registry/base/clock.h"

#define NOTICES_MAX 1000u

static void
add(struct notices *n, const struct notice *x)
{
	if (n->list.n < NOTICES_MAX)
		vec_push(&n->list, *x);
}

void
notice_add(struct notices *n, bool is_bad, const char *hint, const char *fmt, ...)
{
	struct notice x = { .time_s = clock_now_s(), .is_bad = is_bad };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(x.text, sizeof(x.text), fmt, ap);
	va_end(ap);
	(void)snprintf(x.hint, sizeof(x.hint), "%s", hint ? hint : "");
	add(n, &x);
}

void
notice_err(struct notices *n, const struct err *e)
{
	const size_t had = n->list.n;

	notice_add(n, true, e->hint, "%s", e->msg);
	if (n->list.n > had)
		(void)str_copy(n->list.v[had].code, sizeof(n->list.v[had].code), err_name(e->code));
}

const struct notice *
notice_oldest_unread(const struct notices *n)
{
	return n->read < n->list.n ? &n->list.v[n->read] : NULL;
}

void
notices_fini(struct notices *n)
{
	vec_fini(&n->list);
}
