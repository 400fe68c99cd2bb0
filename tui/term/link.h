/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the line to the person is, and so when the next frame may go. A frame that waits is
 * dropped for a newer one, never queued. Times come in, so that tests need no clock.
 *
 * Over ssh the kernel knows nothing of the line: all that was written is gone at once. So a large
 * frame carries a question behind it, and the answer tells when the terminal had painted it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_FRAME_MS    33u   /* between frames that no key asked for */
#define LINK_SLOW_RATE   4096u /* bytes a second: below, no charts, seconds become five */
#define LINK_LARGE       1024u /* bytes of a frame that tells something about the rate */
#define LINK_PATIENCE_MS 5000u /* an answer that takes longer will not come */

struct link {
	uint64_t shown_at_ms; /* the last frame left then */
	bool answers;         /* the terminal does */
	bool awaits;          /* an answer to what left at asked_at_ms */
	uint64_t asked_at_ms;
	size_t asked;         /* bytes of that frame */
	unsigned round_ms;    /* the shortest answer to a small frame; 0: none yet */
	unsigned rate;        /* bytes a second; 0: faster than can be told, or not known */
	unsigned interval_ms; /* between frames that no key asked for */
	bool is_slow;
};

/* Should a question go with a frame of n bytes? */
bool link_asks(const struct link *l, size_t n);
/* A frame of n bytes left at that time; asked: with a question. */
void link_sent(struct link *l, size_t n, bool asked, uint64_t now_ms);
/* The line has taken n bytes in that time. */
void link_drained(struct link *l, size_t n, uint64_t took_ms);
void link_answered(struct link *l, uint64_t now_ms);
/* Milliseconds until a frame may go; 0: now. A key's frame waits only for one before it that is
 * still on a slow line. */
unsigned link_wait_ms(struct link *l, bool by_key, uint64_t now_ms);
