/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: one thread that sleeps until a key, a signal, a child, a change of the registry or,
 * while a job is shown, a second wakes it. Signals come through a descriptor. Views are a stack;
 * the top one has the screen.
 */
#include "tui/console.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/keyring.h"
#include "registry/policy.h"
#include "registry/store.h"
#include "tui/bindings.h"
#include "tui/console_private.h"
#include "tui/linear.h"
#include "tui/meanwhile.h"

#define RELOAD_WAIT_MS 30 /* the database follows the log by a moment */
#define RESIZE_WAIT_MS 30 /* a window being dragged sends many */
#define POLL_MAX       64u

/* Whose key signs, and what the policy calls that person. */
void
console_who(struct console *c)
{
	struct keyring_item k;
	struct policy p = { 0 };
	cleanup_txn struct txn *t = NULL;
	struct err e = { 0 };

	c->shared.who[0] = '\0';
	c->key_is_encrypted = false;
	if (keyring_person(&k, &e) < 0)
		return;
	(void)snprintf(c->shared.who, sizeof(c->shared.who), "%.63s", k.name);
	c->key_is_encrypted = k.is_encrypted;
	if (!c->app->registry || store_read_begin(c->app->registry->store, &t, &e) < 0)
		return;
	if (policy_current(c->app->registry, t, &p, &e) < 0)
		return;
	const struct policy_person *person = policy_person_of(&p, &k.pub);
	if (person)
		(void)str_copy(c->shared.who, sizeof(c->shared.who), person->id);
	policy_fini(&p);
}

static void
watch_add(struct console *c, const char *below, uint32_t what)
{
	cleanup_free char *path = xasprintf("%s/%s", c->app->registry->dir, below);

	if (c->notify >= 0)
		(void)inotify_add_watch(c->notify, path, what);
}

/* Opened once and kept; again when it was absent or its database was swapped by a rebuild. */
static void
registry_ensure(struct console *c)
{
	struct app *a = c->app;

	if (a->registry && !store_is_current(a->registry->store)) {
		registry_close(a->registry);
		a->registry = NULL;
	}
	if (a->registry)
		return;
	err_clear(&c->shared.no_registry);
	if (app_open(a, REGISTRY_READ, &c->shared.no_registry) < 0)
		return;
	watch_add(c, "log", IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	watch_add(c, "db", IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	watch_add(c, "jobs", IN_CREATE | IN_MOVED_TO);
	console_who(c);
}

void
console_reload(struct console *c)
{
	struct view *v = console_top(c);
	struct err e = { 0 };

	c->reload_at_ms = 0;
	registry_ensure(c);
	console_last_words(c);
	if (v->ops->reload && v->ops->reload(v, &e) < 0)
		notice_err(&c->shared.notices, &e);
	console_timer(c);
	c->dirty = true;
}

void
console_take(struct console *c, enum handled h, struct view_request *r)
{
	switch (h) {
	case NOT_HANDLED:
	case HANDLED:
		break;
	case CLOSE_VIEW:
		console_close_view(c);
		break;
	case OPEN_VIEW:
		console_open_view(c, r->view, r->arg, r->replaces);
		break;
	case RUN_ARGV:
		prompt_run(c, r);
		break;
	case ASK_ARGV:
		child_start(c, r, NULL, false);
		break;
	case FEED_ARGV:
		stream_start(c, r, console_top(c));
		break;
	case OPEN_MENU:
		menu_open(c, r);
		break;
	case RUN_ACTION:
		console_close_view(c);
		console_act(c, r->act);
		break;
	}
	console_timer(c);
	c->dirty = true;
}

/* The screens that a key opens from everywhere. */
static const struct {
	enum action act;
	const char *screen;
} everywhere[] = {
	{ ACT_HELP, "help" },   { ACT_NOTICES, "notices" }, { ACT_JOBS, "jobs" },
	{ ACT_PLANS, "plans" }, { ACT_AUDIT, "audit" },     { ACT_TARGETS, "targets" },
	{ ACT_TRUST, "keys" },  { ACT_BOARD, "board" },
};

static const char *
screen_of(enum action act)
{
	for (size_t i = 0; i < COUNT(everywhere); i++)
		if (everywhere[i].act == act)
			return everywhere[i].screen;
	return NULL;
}

enum action
console_screen_named(const char *name)
{
	for (size_t i = 0; i < COUNT(everywhere); i++)
		if (streq(everywhere[i].screen, name))
			return everywhere[i].act;
	return ACT_NONE;
}

static void
screen_open_once(struct console *c, const char *name)
{
	if (!streq(console_top(c)->ops->name, name))
		console_open_view(c, name, "", false);
}

static void
forget(struct console *c)
{
	(void)snprintf(c->flash, sizeof(c->flash), "%s",
	               c->secret.kept ? "the passphrase is forgotten"
	                              : "no passphrase is remembered");
	secret_forget(&c->secret);
}

/* What every screen does alike. */
static bool
common_act(struct console *c, enum action act)
{
	struct view *v = console_top(c);

	if (act == ACT_BACK)
		console_close_view(c);
	else if (screen_of(act))
		screen_open_once(c, screen_of(act));
	else if (act == ACT_BACKWARD)
		console_backward(c);
	else if (act == ACT_FORWARD)
		console_forward(c);
	else if (act == ACT_HOME)
		console_home(c);
	else if (act == ACT_FORGET)
		forget(c);
	else if (act == ACT_MENU)
		acts_menu(c);
	else if (act == ACT_COPY)
		copy_menu(c);
	else if (act == ACT_COMMAND)
		prompt_open(c, PROMPT_COMMAND);
	else if (act == ACT_FILTER && v->ops->has_filter)
		prompt_open(c, PROMPT_FILTER);
	else if (act == ACT_RELOAD)
		console_reload(c);
	else if (act == ACT_REPAINT)
		screen_repaint(c->screen);
	else if (act == ACT_FACTS)
		console_facts(c);
	else if (act == ACT_PRINT)
		console_print(c);
	else if (act == ACT_CLEAR && v->filter[0]) {
		v->filter[0] = '\0';
		console_reload(c);
	} else
		return false;
	return true;
}

/* A key that did nothing says why: the screen's own reason, or that it has no such act. */
static void
flash_why(struct console *c, enum action act)
{
	const struct view *v = console_top(c);
	cleanup_buf struct buf why = { 0 };

	if (v->ops->why_not)
		v->ops->why_not(v, act, &why);
	if (why.n > 0)
		(void)snprintf(c->flash, sizeof(c->flash), "%s: %s", action_name(act),
		               buf_cstr(&why));
	else if (act == ACT_OPEN || act >= ACT_NEXT_HIT)
		(void)snprintf(c->flash, sizeof(c->flash), "%s: not possible here",
		               action_text(act));
}

void
console_act(struct console *c, enum action act)
{
	struct view *v = console_top(c);
	struct view_request r = { 0 };
	enum handled h = NOT_HANDLED;

	if (v->ops->action)
		h = v->ops->action(v, act, &r);
	if (h == NOT_HANDLED && (act == ACT_LEFT || act == ACT_RIGHT)) {
		console_act(c, act == ACT_LEFT ? ACT_BACK : ACT_OPEN);
		return;
	}
	if (h != NOT_HANDLED)
		console_take(c, h, &r);
	else if (!common_act(c, act))
		flash_why(c, act);
	request_fini(&r);
	console_timer(c);
	c->dirty = true;
}

/* The terminal goes first; jobs and their agents go on. */
static _Noreturn void
leave_by_signal(struct console *c, int sig)
{
	screen_close(c->screen, sig == SIGHUP);
	if (c->app->registry)
		meanwhile_leave(c->app->registry);
	_exit(128 + sig);
}

static void
signal_take(struct console *c, int sig)
{
	if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP) {
		leave_by_signal(c, sig);
	} else if (sig == SIGTSTP) {
		secret_forget(&c->secret);
		screen_stop(c->screen);
		console_reload(c); /* the world may have moved meanwhile */
	} else if (sig == SIGWINCH) {
		struct pollfd more = { .fd = c->signals, .events = POLLIN };
		(void)poll(&more, 1, RESIZE_WAIT_MS);
		screen_resize(c->screen);
		c->rows = screen_grid(c->screen)->rows;
		console_draw(c);
		console_reload(c);
	}
}

static void
signals_take(struct console *c)
{
	struct signalfd_siginfo s;

	while (read(c->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		signal_take(c, (int)s.ssi_signo);
}

static void
changes_take(struct console *c)
{
	char events[4096];

	while (read(c->notify, events, sizeof(events)) > 0)
		if (c->reload_at_ms == 0)
			c->reload_at_ms = clock_mono_ms() + RELOAD_WAIT_MS;
}

enum { POLL_KEYS, POLL_SIGNALS, POLL_TIMER, POLL_NOTIFY, POLL_TERMINAL, POLL_CHILDREN };

static size_t
poll_make(struct console *c, struct pollfd p[static POLL_MAX])
{
	size_t n = POLL_CHILDREN;

	p[POLL_KEYS] = (struct pollfd){ .fd = 0, .events = POLLIN };
	p[POLL_SIGNALS] = (struct pollfd){ .fd = c->signals, .events = POLLIN };
	p[POLL_TIMER] = (struct pollfd){ .fd = c->timer, .events = POLLIN };
	p[POLL_NOTIFY] = (struct pollfd){ .fd = c->notify, .events = POLLIN };
	p[POLL_TERMINAL] = (struct pollfd){ .fd = screen_fd(c->screen), .events = POLLOUT };
	for (size_t i = 0; i < c->children.n && n + 2 <= POLL_MAX; i++) {
		p[n++] = (struct pollfd){ .fd = job_out_fd(c->children.v[i]->job),
			                  .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = job_err_fd(c->children.v[i]->job),
			                  .events = POLLIN };
	}
	return n + streams_poll(c, p + n, POLL_MAX - n);
}

static int
sooner(int a_ms, int b_ms) /* -1: never */
{
	if (a_ms < 0 || b_ms < 0)
		return a_ms < 0 ? b_ms : a_ms;
	return a_ms < b_ms ? a_ms : b_ms;
}

/* frame_ms: as of console_frame_ms. */
static int
wait_ms(const struct console *c, int frame_ms)
{
	const uint64_t now = clock_mono_ms();

	if (c->stack[c->depth - 1]->is_unfinished)
		return 0;
	const int watch_ms = watch_wait_ms(c);
	if (c->reload_at_ms == 0)
		return sooner(sooner(frame_ms, watch_ms), secret_wait_ms(&c->secret));
	const int reload_ms = c->reload_at_ms <= now ? 0 : (int)(c->reload_at_ms - now);
	return sooner(sooner(sooner(frame_ms, watch_ms), reload_ms), secret_wait_ms(&c->secret));
}

/* The title counts down, and what is over is gone. */
static void
secret_tick(struct console *c)
{
	cleanup_buf struct buf left = { 0 };

	if (!c->secret.kept)
		return;
	(void)secret_get(&c->secret);
	(void)secret_left(&c->secret, &left);
	if (!streq(buf_cstr(&left), c->secret_shown)) {
		(void)str_copy(c->secret_shown, sizeof(c->secret_shown), buf_cstr(&left));
		c->dirty = true;
	}
}

static void
woken(struct console *c, const struct pollfd *p, size_t n)
{
	bool children = (p[POLL_SIGNALS].revents & POLLIN) != 0; /* SIGCHLD */
	uint64_t ticks;

	if (p[POLL_SIGNALS].revents & POLLIN)
		signals_take(c);
	if (p[POLL_TERMINAL].revents && screen_drain(c->screen) < 0)
		leave_by_signal(c, SIGHUP);
	if (p[POLL_NOTIFY].revents & POLLIN)
		changes_take(c);
	for (size_t i = POLL_CHILDREN; i < n; i++)
		children |= p[i].revents != 0;
	if (children) {
		children_pump(c);
		streams_pump(c);
	}
	secret_tick(c);
	if ((p[POLL_TIMER].revents & POLLIN) && read(c->timer, &ticks, sizeof(ticks)) > 0)
		console_reload(c);
	if (c->reload_at_ms > 0 && clock_mono_ms() >= c->reload_at_ms)
		console_reload(c);
	if (p[POLL_KEYS].revents & POLLIN)
		console_keys(c);
	if (p[POLL_KEYS].revents & ~POLLIN) /* hung up, also where the signal is ignored */
		leave_by_signal(c, SIGHUP);
}

static void
loop(struct console *c)
{
	while (!c->quits) {
		struct pollfd p[POLL_MAX];

		watch_tick(c);
		int frame_ms = console_frame_ms(c);
		if (frame_ms == 0) {
			console_frame(c);
			frame_ms = -1;
		}
		console_mark(c);
		const size_t n = poll_make(c, p);
		const int rc = poll(p, n, wait_ms(c, frame_ms));
		if (rc == 0 && console_top(c)->is_unfinished)
			c->dirty |= console_top(c)->ops->more(console_top(c));
		if (rc >= 0)
			woken(c, p, n);
		else if (errno != EINTR)
			c->quits = true;
	}
}

static void
signals_block(sigset_t *ret_old, sigset_t *ret_ours)
{
	static const int ours[] = { SIGINT,  SIGTERM,  SIGHUP,  SIGTSTP,
		                    SIGCONT, SIGWINCH, SIGCHLD, SIGPIPE };

	sigemptyset(ret_ours);
	for (size_t i = 0; i < COUNT(ours); i++)
		sigaddset(ret_ours, ours[i]);
	(void)sigprocmask(SIG_BLOCK, ret_ours, ret_old);
}

static void
console_fini(struct console *c)
{
	console_stack_fini(c);
	prompt_close(c);
	secret_forget(&c->secret);
	command_fini(c);
	children_fini(c);
	streams_fini(c);
	watch_fini(c);
	notices_fini(&c->shared.notices);
	close_quietly(c->signals);
	close_quietly(c->timer);
	close_quietly(c->notify);
}

static void
database_is_damaged(void)
{
	screen_rescue();
	out_last();
}

/* As in every verb (cmd/run.c), for this module's copy of the store; again once the terminal is
 * ours, whose handlers come behind it. */
static void
expect_damage(struct console *c)
{
	struct err e = { 0 };

	(void)err_set(&e, ERR_STORE, "the database is damaged, or its disk fails");
	(void)err_hint(&e, "slipway rebuild makes it anew from the log");
	out_last_prepare(c->app->out, &e);
	store_on_damage(database_is_damaged);
}

static void
binding_wrong(void *arg, const struct err *e)
{
	struct console *c = arg;

	notice_err(&c->shared.notices, e);
}

static int
home_open(struct console *c, const char *screen, struct err *e)
{
	const enum action act = screen ? console_screen_named(screen) : ACT_NONE;
	struct view *home = NULL;

	if (screen && act == ACT_NONE && !streq(screen, view_table[0]->name))
		return err_set(e, ERR_NOT_FOUND, "there is no screen \"%s\"", screen);
	bindings_take(&c->app->conf, binding_wrong, c);
	registry_ensure(c);
	if (!c->app->registry)
		console_who(c);
	const int rc = console_view_new(c, view_table[0]->name, "", &home, e);
	if (rc < 0)
		return rc;
	c->stack[c->depth++] = home;
	if (act != ACT_NONE)
		console_act(c, act);
	return 0;
}

static int
run(struct console *c, const sigset_t *ours, const struct console_start *start, struct err *e)
{
	int rc;

	c->signals = signalfd(-1, ours, SFD_CLOEXEC | SFD_NONBLOCK);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->signals < 0 || c->timer < 0)
		return err_sys(e, "cannot start the console");
	const struct screen_look look = console_look(c->app);
	rc = screen_open(&look, &c->screen, e);
	if (rc < 0)
		return rc;
	expect_damage(c);
	c->rows = screen_grid(c->screen)->rows;
	rc = home_open(c, start->screen, e);
	console_last_words(c);
	if (rc == 0) {
		console_timer(c);
		console_frame(c); /* the first screen waits for nothing that can come later */
		if (c->app->registry)
			meanwhile_arrive(c->app->registry, &c->shared.notices);
		c->dirty = c->shared.notices.list.n > 0;
		loop(c);
	}
	screen_close(c->screen, false);
	if (c->app->registry)
		meanwhile_leave(c->app->registry);
	return rc;
}

/* Ctrl-C ends it as any program: nothing has to be given back. */
static int
lines(struct console *c, const struct console_start *start, const char *why, struct err *e)
{
	const int rc = home_open(c, start->screen, e);

	if (rc < 0)
		return rc;
	if (c->app->registry)
		meanwhile_arrive(c->app->registry, &c->shared.notices);
	const int left = linear_main(c, why, e);
	if (c->app->registry)
		meanwhile_leave(c->app->registry);
	return left;
}

int
console_main(struct app *a, const struct cmd *const *verbs, const struct console_start *start,
             struct err *e)
{
	struct console c = { .app = a, .verbs = verbs, .signals = -1, .timer = -1, .notify = -1 };
	sigset_t old, ours;
	int rc = -ERR_UNREACHABLE;

	(void)setlocale(LC_CTYPE, ""); /* numbers stay as JSON writes them */
	c.shared.app = a;
	c.shared.live = &c.watch.live;
	signals_block(&old, &ours);
	expect_damage(&c);
	if (start->linear)
		(void)err_set(e, ERR_UNREACHABLE, "%s", start->linear);
	else
		rc = run(&c, &ours, start, e);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (rc == -ERR_UNREACHABLE) { /* no terminal that could be painted on */
		const struct err why = *e;
		err_clear(e);
		rc = lines(&c, start, why.msg, e);
	}
	console_fini(&c);
	return rc;
}
