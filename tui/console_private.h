/* SPDX-License-Identifier: Apache-2.0 */
/* What console.c (loop), console_frame.c (drawing), console_prompt.c (questions) and console_act.c
 * (children) share; nobody else includes it. */
#pragma once

#include <poll.h>

#include "registry/base/vec.h"
#include "tui/console_secret.h"
#include "tui/job.h"
#include "tui/live.h"
#include "tui/term/screen.h"
#include "tui/view.h"

#define DEPTH_MAX 16u

enum prompt_kind {
	PROMPT_NONE,
	PROMPT_FILTER,
	PROMPT_COMMAND,
	PROMPT_CONFIRM,
	PROMPT_NAME,
	PROMPT_SECRET,
	PROMPT_MENU,
	PROMPT_FIELD,
	PROMPT_QUIT
};
struct prompt {
	enum prompt_kind kind;
	struct line line;
	struct line *secret;     /* guarded, locked memory while a passphrase is asked; else NULL */
	struct view_request act; /* what waits for the answer; of a menu, its rows */
	const char *wrong;       /* what was wrong with the last answer; NULL */
};
/* What the menus over any screen act on (console_acts.c). */
struct act;
enum menu_of { MENU_VIEW, MENU_ACTS, MENU_COPY };
struct console_acts {
	enum menu_of menu;
	struct view_subject subject;
	const struct act *act; /* whose fields are asked */
	size_t at;
	char fields[2][LINE_SIZE];
	char command[1200]; /* the last one that was shown */
	bool gc_seen;       /* its dry run was */
	char wrong[200];    /* why what was typed cannot be taken */
};
/* Lines typed after ":" in this console, and what Tab found last. */
struct console_typed {
	VEC(char *) lines;
	size_t at;   /* of the one shown; lines.n: a new one */
	size_t kept; /* so many of the first are in the file */
	bool is_read;
	char candidates[400];
};
struct cmd;
struct child {
	struct job *job;
	struct view *owner; /* gets the answers; NULL: gone, the end becomes a notice */
	char *command;      /* as it was shown */
	bool is_act;        /* has a screen of its own; else a view asked */
	bool has_secret;    /* it was given the passphrase */
	struct words argv;  /* as it was asked for */
	bool is_done;
	int status;
	struct buf out, err_text;
};
/* A child that does not end: of its output only the line that has not ended is kept. */
struct stream {
	struct job *job;
	struct view *owner; /* NULL: the one that watches all targets */
	char *command;
	struct buf out, err_text;    /* no end of line in them */
	bool is_ending;              /* nobody listens any more */
	bool out_is_cut, err_is_cut; /* a line without an end is being dropped */
};
struct watch { /* of all targets, for every screen that shows them */
	struct live live;
	struct stream *stream;
	uint64_t retry_ms, pause_ms; /* after it ended by itself */
	uint64_t unwanted_ms;        /* no screen shows it since; 0: one does */
	bool was_said;               /* that it ended */
	char last_words[200];        /* on its stderr */
	bool has_targets;            /* as far as was looked */
	uint64_t drawn_ms;           /* of the ages on the screen */
};
struct console {
	struct app *app;
	const struct cmd *const *verbs; /* NULL-terminated */
	struct view_shared shared;
	struct screen *screen;
	struct view *stack[DEPTH_MAX];
	size_t depth;
	struct view *parked[DEPTH_MAX]; /* left, and still there for "forward" */
	size_t parked_n;
	struct prompt prompt;
	struct console_acts acts;
	struct console_typed typed;
	VEC(struct child *) children;
	VEC(struct stream *) streams;
	struct watch watch;
	bool key_is_encrypted;
	struct secret secret; /* remembered for a while */
	char secret_shown[16];
	char flash[240]; /* one short line until the next key */
	bool dirty, quits;
	size_t rows;                /* of the screen */
	bool unmarked;              /* a frame was sent since the last mark */
	bool by_key;                /* a person waits for the next frame */
	int signals, timer, notify; /* descriptors */
	unsigned timer_s;           /* 0: it does not run */
	uint64_t reload_at_ms;      /* 0: no change is waiting */
};

struct view *console_top(struct console *c);
void console_open_view(struct console *c, const char *name, const char *arg, bool replaces);
void console_close_view(struct console *c);
int console_view_new(struct console *c, const char *name, const char *arg, struct view **ret,
                     struct err *e);
/* Through the screens that were seen: back as far as the first, forward to what was left. */
void console_backward(struct console *c);
void console_forward(struct console *c);
void console_home(struct console *c);
bool console_is_parked(const struct console *c, const struct view *v); /* left, not forgotten */
void console_stack_fini(struct console *c);
void console_reload(struct console *c);
void console_act(struct console *c, enum action act);
/* What opens the screen of that name from everywhere; ACT_NONE: nothing does. */
enum action console_screen_named(const char *name);
void console_take(struct console *c, enum handled h,
                  struct view_request *r); /* what a view answered */

void console_draw(struct console *c);
void console_path(const struct console *c, struct buf *ret); /* "slipway > models" */

/* console_line.c */
struct screen_look console_look(const struct app *a);
void console_facts(struct console *c); /* into the flash */
void console_print(struct console *c);
void console_last_words(const struct console *c);
void console_timer(struct console *c); /* runs while the top screen is live */
void console_frame(struct console *c); /* draws and shows */
/* Until a frame may go, 0: now; -1: none wants to, or the line must drain first. */
int console_frame_ms(struct console *c);
void console_mark(struct console *c); /* for tests, when all is shown and nothing is under way */

void console_keys(struct console *c); /* all that wait (console_keys.c) */

void prompt_open(struct console *c, enum prompt_kind kind);
void prompt_key(struct console *c, const struct key *k);
const char *prompt_hint(const struct console *c);         /* the keys that answer it */
size_t prompt_rows(const struct console *c, size_t cols); /* that it covers above the key line */
void prompt_draw(const struct console *c, const struct area *a);
void prompt_close(struct console *c);
void prompt_run(struct console *c,
                struct view_request *r); /* takes r's words; asks what must be asked */

/* Children that do not end (console_stream.c). */
void stream_start(struct console *c, const struct view_request *r, struct view *owner);
void streams_pump(struct console *c);
void streams_forget(struct console *c, const struct view *v); /* v closes */
bool streams_has(const struct console *c, const struct view *v);
void streams_fini(struct console *c);
size_t streams_poll(const struct console *c, struct pollfd *p, size_t max);

/* The one that watches all targets (console_watch.c). */
void watch_tend(struct console *c); /* begins or ends it, as the screens that are open want */
int watch_wait_ms(const struct console *c); /* until an age reads otherwise; -1: none will */
void watch_tick(struct console *c);
void watch_line(struct console *c, const struct view_line *l);
void watch_fini(struct console *c);

const struct cmd *command_verb(const struct console *c, const struct words *w);
void command_complete(struct console *c);        /* what all that fit begin with is added */
void command_recall(struct console *c, bool up); /* a line typed before */
void command_remember(struct console *c);        /* the line, before it is run */
/* "promote REF --to STAGE ..: plan a move up", of the verb that is typed; "": none is. */
void command_usage(const struct console *c, struct buf *ret);
void command_fini(struct console *c);
void acts_menu(struct console *c);
void copy_menu(struct console *c);
void acts_pick(struct console *c, size_t item); /* of either */
void field_take(struct console *c);             /* what was typed is the answer */
void field_complete(struct console *c);
const char *field_ask(const struct console *c);
bool field_is_path(const struct console *c); /* Tab completes it */

/* A menu over the screen (console_menu.c); takes r's menu. */
void menu_open(struct console *c, struct view_request *r);
void menu_key(struct console *c, const struct key *k);
void menu_draw(const struct console *c, const struct area *a); /* a: the whole screen */

/* The words with the program in front and the registry that this console was started on. */
void words_complete(const struct console *c, const struct words *w, struct words *ret);
char *command_text(const struct words *w);
int child_spawn(const struct words *w, const char *passphrase, struct job **ret, struct err *e);

/* passphrase NULL: none. Takes nothing of r. */
void child_start(struct console *c, const struct view_request *r, const char *passphrase,
                 bool is_act);
void children_pump(struct console *c);
void prompt_again(struct console *c, const struct words *argv); /* the passphrase was wrong */
void console_who(struct console *c);                            /* whose key signs is read again */
bool children_run(const struct console *c);
void children_forget(struct console *c, const struct view *v); /* v closes */
void children_fini(struct console *c);
void request_fini(struct view_request *r);
