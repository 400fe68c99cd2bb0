/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal, and with keys in screen_keys.c the only user of curses. curses writes into memory;
 * a frame leaves in one write. The descriptor never blocks: what a slow line has not taken stays
 * here, and no new frame is made until it is gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/str.h"
#include "tui/term/keys.h"
#include "tui/term/paint.h"

enum background { BACKGROUND_AUTO, BACKGROUND_DARK, BACKGROUND_LIGHT };
enum screen_sync { SYNC_AUTO, SYNC_ON, SYNC_OFF };
struct screen_look {
	bool color;                 /* else attributes only */
	enum background background; /* AUTO: COLORFGBG says it, or the terminal is asked */
	enum screen_sync sync;      /* frames between the marks of synchronized output */
};

struct screen;
/* Takes the terminal of descriptors 0 and 1. UNREACHABLE: it cannot address its cursor or is
 * unknown, say why and use lines. Signals that curses would catch must be blocked before. Nothing
 * waits for what the terminal is asked: the answers come among the keys. */
int screen_open(const struct screen_look *look, struct screen **ret, struct err *e);
/* Gives the terminal back as it was. hastily: the line may be gone, so one write that does not
 * wait, and what becomes of it is not asked. NULL is fine. */
void screen_close(struct screen *s, bool hastily);

/* In a signal handler that ends the process: what can be given back then. */
void screen_rescue(void);

struct grid *screen_grid(struct screen *s);              /* blank and of the present size */
const struct grid *screen_shown(const struct screen *s); /* as it was painted last */
/* The grid goes to the terminal; nothing is sent when nothing changed. */
void screen_show(struct screen *s);
bool screen_is_busy(const struct screen *s); /* no frame can be shown now */
int screen_fd(const struct screen *s);       /* to poll for writing; -1: nothing waits */
/* Milliseconds until the next frame may go, for the line's sake; 0: now. by_key: a person waits for
 * it. */
unsigned screen_wait_ms(struct screen *s, bool by_key);
bool screen_is_slow(const struct screen *s); /* show less */
int screen_drain(struct screen *s);          /* 0; -1: the terminal is gone */
void screen_resize(struct screen *s);        /* after SIGWINCH */
void screen_repaint(struct screen *s);       /* the next frame is sent whole */
/* Ctrl-Z: gives the terminal back, stops this process, takes the terminal again when continued. */
void screen_stop(struct screen *s);
bool screen_key(struct screen *s, struct key *ret); /* false: none now */
bool screen_is_stale(struct screen *s); /* a frame is wanted that no key asked for; tells once */
/* text, which is safe, below on the normal screen, to select from. No frame is shown until Enter:
 * when descriptor 0 is readable ask screen_is_back. */
void screen_print(struct screen *s, struct str text);
bool screen_is_back(struct screen *s);
/* text goes to the clipboard of whoever sits at the terminal, with the next frame. TOO_BIG: copy
 * less; UNREACHABLE: the terminal has none. 0 says that it was asked, not that it was done. */
int screen_copy(struct screen *s, struct str text, struct err *e);
/* Test builds with SLIPWAY_IDLE_MARK=1: an OSC that says that everything is shown, with the number
 * of this mark, the frames made, the writes and bytes that were sent before it, rows, columns, keys
 * that were typed. */
void screen_mark(struct screen *s);

struct screen_facts {
	uint64_t frames, bytes, writes;
	/* of the last frame */
	uint64_t frame_bytes, frame_us, frame_writes;
	unsigned round_ms, rate; /* link.h; 0: not known */
	bool has_sync;
};
struct screen_facts screen_facts(const struct screen *s);
