/* SPDX-License-Identifier: Apache-2.0 */
/* The clock is the monotonic one: setting the time of day lengthens nothing. */
#include "tui/console_secret.h"

#include <sodium.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/term/keys.h"

#define MINUTE_MS 60000u
#define LAST_MS   10000u /* in the last minute the title changes as often */

void
secret_forget(struct secret *s)
{
	sodium_free(s->kept); /* wipes it; NULL is fine */
	s->kept = NULL;
}

struct line *
secret_line(void)
{
	struct line *l = sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*l));

	if (l)
		line_clear(l);
	return l;
}

bool
secret_keep(struct secret *s, const struct line *from)
{
	secret_forget(s);
	s->kept = secret_line();
	if (!s->kept)
		return false;
	memcpy(s->kept, from, sizeof(*from));
	s->until_ms = clock_mono_ms() + SECRET_KEEP_S * 1000u;
	return true;
}

const char *
secret_get(struct secret *s)
{
	if (s->kept && clock_mono_ms() >= s->until_ms)
		secret_forget(s);
	return s->kept ? s->kept->text : NULL;
}

static uint64_t
left_ms(const struct secret *s)
{
	const uint64_t now = clock_mono_ms();

	return s->kept && s->until_ms > now ? s->until_ms - now : 0;
}

bool
secret_left(const struct secret *s, struct buf *ret)
{
	const uint64_t left = left_ms(s);

	if (left == 0)
		return false;
	if (left <= MINUTE_MS)
		buf_addf(ret, "%us", (unsigned)((left + LAST_MS - 1) / LAST_MS * LAST_MS / 1000));
	else
		buf_addf(ret, "%llum", (unsigned long long)(left / MINUTE_MS));
	return true;
}

int
secret_wait_ms(const struct secret *s)
{
	const uint64_t left = left_ms(s);

	if (!s->kept)
		return -1;
	return left == 0 ? 0 : (int)((left - 1) % (left > MINUTE_MS ? MINUTE_MS : LAST_MS) + 1);
}
