/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are lines that children of the console tell: what targets serve, what instances print.
 * Whatever they are, what is kept is bounded and in order, and no
 * fact is younger than the moment at which it came.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tui/live.h"
#include "tui/view/log_ring.h"

#define NOW_MS 100000000u
#define NOW_S  1793000000

static void
promise_live(const struct live *l)
{
	char age[LIVE_AGE_SIZE];

	PROMISE(l->facts.n <= LIVE_FACTS_MAX);
	for (size_t i = 0; i < l->facts.n; i++) {
		const struct live_fact *f = &l->facts.v[i];
		PROMISE(f->seen_ms <= NOW_MS && f->value_ms <= NOW_MS);
		PROMISE(live_word_text(f->word) && f->target[0]);
		PROMISE(f->was_seen || (f->proofs == 0 && f->serving == 0));
		PROMISE(live_find(l, f->target, f->stage, f->model) == f);
		live_age(f, NOW_MS, age);
		PROMISE(strlen(age) < LIVE_AGE_SIZE);
		PROMISE(live_is_old(f, NOW_MS) == has_prefix(age, "OLD"));
	}
	PROMISE(live_next_ms(l, NOW_MS) > NOW_MS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str rest = input(p, n);
	struct live live = { 0 };
	struct log_ring ring = { 0 };
	size_t lines = 0;

	while (rest.n > 0) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		const struct str line = { rest.p, lf ? (size_t)(lf - rest.p) : rest.n };
		const size_t used = line.n + (lf != NULL);
		size_t dropped;

		(void)live_take(&live, line, NOW_MS, NOW_S);
		lines += log_ring_take(&ring, line, &dropped);
		rest = (struct str){ rest.p + used, rest.n - used };
	}
	promise_live(&live);
	PROMISE(log_ring_n(&ring) + ring.dropped == lines);
	for (size_t i = 0; i < log_ring_n(&ring); i++)
		PROMISE(strlen(log_ring_at(&ring, i)->text) <= LOG_RING_LINE);
	live_fini(&live);
	log_ring_fini(&ring);
	return 0;
}
