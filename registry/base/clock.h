/* SPDX-License-Identifier: Apache-2.0 */
/* Time: 64-bit counts with the unit in the name, RFC 3339 UTC as text. SLIPWAY_CLOCK=<seconds> in a
 * test build's environment fixes the wall clock (golden screens); a release build ignores it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_SIZE 32

int64_t clock_now_s(void);
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
void clock_text(char ret[CLOCK_TEXT_SIZE], int64_t s); /* 2026-11-26T01:11:15Z */
int clock_parse(const char *s, int64_t *ret_s);        /* that form only; -1 otherwise */
