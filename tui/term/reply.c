/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asked are, in this order: the colour of the background (OSC 11), whether synchronized output is
 * known (DECRQM of mode 2026), and what the terminal is (DA1), which all answer and so ends the
 * waiting. Nobody waits: the first screen is long there.
 */
#include "tui/term/reply.h"

#include <string.h>

#include "registry/base/str.h"

const char reply_questions[] = "\033]11;?\033\\\033[?2026$p\033[c";

void
reply_begin(struct reply *r, enum reply_kind kind)
{
	*r = (struct reply){ .kind = kind };
}

/* "2026;1$y": 1 set, 2 reset, 3 always; 0 unknown, 4 never */
static enum reply_fact
mode_fact(const char *text)
{
	static const char sync[] = "2026;";

	if (!has_prefix(text, sync))
		return FACT_NOTHING;
	const char state = text[sizeof(sync) - 1];
	return state >= '1' && state <= '3' ? FACT_SYNC : FACT_NOTHING;
}

/* Up to four hex digits of a channel, of which the first two count; -1: none. */
static int
channel(const char **at)
{
	int value = 0, digits = 0;

	for (; **at && strchr("0123456789abcdefABCDEF", **at); (*at)++, digits++) {
		const int digit = **at <= '9' ? **at - '0' : (**at & 0x0f) + 9;
		if (digits < 2)
			value = value * 16 + digit;
	}
	if (digits == 1)
		value *= 17;
	return digits > 0 ? value : -1;
}

/* "11;rgb:ffff/ffff/ffff" */
static enum reply_fact
background_fact(const char *text)
{
	static const char start[] = "11;rgb:";
	static const int weight[] = { 299, 587, 114 };
	int sum = 0;

	if (!has_prefix(text, start))
		return FACT_NOTHING;
	const char *at = text + sizeof(start) - 1;
	for (size_t i = 0; i < COUNT(weight); i++) {
		const int value = channel(&at);
		if (value < 0)
			return FACT_NOTHING;
		sum += weight[i] * value;
		if (*at == '/')
			at++;
	}
	return sum >= 1000 * 128 ? FACT_LIGHT : FACT_DARK;
}

static enum reply_fact
csi_byte(const struct reply *r, char c)
{
	if (c == 'c')
		return FACT_DEVICE;
	if (c >= '@' && c <= '~')
		return c == 'y' ? mode_fact(r->text) : FACT_NOTHING;
	return FACT_MORE;
}

enum reply_fact
reply_byte(struct reply *r, char c)
{
	enum reply_fact fact = FACT_MORE;

	if (r->kind == REPLY_CSI)
		fact = csi_byte(r, c);
	else if (c == '\a' || c == '\\') /* BEL, or ESC and backslash */
		fact = background_fact(r->text);
	if (fact == FACT_MORE && c != '\033') {
		r->text[r->n++] = c;
		if (r->n == sizeof(r->text) - 1)
			fact = FACT_NOTHING;
	}
	if (fact != FACT_MORE)
		r->kind = REPLY_NONE;
	return fact;
}

enum reply_fact
reply_colorfgbg(const char *s)
{
	const char *last = s ? strrchr(s, ';') : NULL;
	uint64_t n;

	if (!last || parse_u64(last + 1, 15, &n) < 0)
		return FACT_NOTHING;
	return n == 7 || n >= 9 ? FACT_LIGHT : FACT_DARK;
}
