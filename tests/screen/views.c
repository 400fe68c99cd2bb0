/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each screen of the table without a terminal: it opens on a real registry, draws on grids of any
 * size, keeps one chosen line in sight whatever moves, stays with what was chosen when it is read
 * again, answers every action without breaking, and asks for what its row here says. TAP; a screen
 * that has no row is a failure.
 *
 *   test_views SLIPWAY SETUP
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/out.h"
#include "tests/screen/drive.h"
#include "tui/console_private.h"

#define LOOKS_MOST 100000 /* of a search that never ends */
#define MOVES      400

struct place {
	const char *registry, *view, *arg; /* arg "JOB", "PLAN": of the first line of that list */
};
static const struct place places[] = {
	{ "demo", "models", "" },
	{ "many", "models", "" },
	{ "empty", "models", "" },
	{ "wide", "models", "" },
	{ "hostile", "model", "evil" },
	{ "measured", "model", "risk/score" },
	{ "demo", "version", "face-detect@v2" },
	{ "hostile", "version", "evil@v1" },
	{ "wide", "version", "scripts@v1" },
	{ "measured", "diff", "risk/score@v7 risk/score@v9" },
	{ "demo", "promote", "promote face-detect@v3 staging" },
	{ "demo", "promote", "rollback face-detect staging" },
	{ "team", "plan", "PLAN" },
	{ "team", "plans", "" },
	{ "held", "jobs", "" },
	{ "held", "job", "JOB" },
	{ "held", "targets", "" },
	{ "held", "target", "staging-1" },
	{ "held", "board", "" },
	{ "many", "board", "" },
	{ "glass", "history", "antifraud-ocr" },
	{ "glass", "audit", "" },
	{ "glass", "entry", "3" },
	{ "team", "keys", "" },
	{ "demo", "notices", "" },
	{ "demo", "notice", "2" },
	{ "demo", "help", "" },
	{ "demo", "run", "slipway list" },
};

/* What the last of these actions asks for. A "*" at the end: whatever follows. */
static const struct wish {
	struct place at;
	const char *acts, *want;
} wishes[] = {
	{ { "demo", "models", "" }, "open", "open model antifraud-ocr" },
	{ { "demo", "models", "" }, "down open", "open model face-detect" },
	{ { "demo", "models", "" }, "down promote", "open promote promote face-detect@v3" },
	{ { "demo", "models", "" }, "down rollback", "open promote rollback face-detect" },
	{ { "demo", "models", "" }, "rollback", "nothing" },
	{ { "demo", "models", "" }, "history", "open history antifraud-ocr" },
	{ { "demo", "models", "" }, "verify", "reads verify antifraud-ocr@v1 -o json" },
	{ { "demo", "models", "" },
	  "mark mark promote-marked",
	  "open promote promote-all antifraud-ocr@v1 face-detect@v3" },
	{ { "demo", "models", "" }, "sort", "menu sort by" },
	{ { "demo", "models", "" }, "columns", "menu columns*" },
	{ { "demo", "model", "face-detect" }, "open", "open version face-detect@v3" },
	{ { "demo", "model", "face-detect" },
	  "down down promote",
	  "open promote promote face-detect@v1" },
	{ { "demo", "model", "face-detect" }, "bottom verify", "reads verify face-detect@v1*" },
	{ { "demo", "model", "face-detect" },
	  "mark mark diff",
	  "open diff face-detect@v2 face-detect@v3" },
	{ { "demo", "model", "face-detect" }, "history", "open history face-detect" },
	{ { "demo", "version", "face-detect@v2" }, "verify", "reads verify face-detect@v2*" },
	{ { "demo", "version", "face-detect@v2" },
	  "promote",
	  "open promote promote face-detect@v2" },
	{ { "team", "plans", "" }, "open", "open plan *" },
	{ { "held", "jobs", "" }, "sort", "menu sort by" },
	{ { "team", "plans", "" }, "sort", "menu sort by" },
	{ { "held", "jobs", "" }, "open", "open job *" },
	{ { "held", "job", "JOB" }, "abort", "run job abort *" },
	{ { "held", "job", "JOB" }, "resume", "run job resume *" },
	{ { "held", "targets", "" }, "open", "open target *" },
	{ { "held", "targets", "" }, "logs", "open target * logs" },
	{ { "held", "target", "staging-1" }, "tab-2", "ask logs face-detect --stage staging*" },
	{ { "held", "target", "staging-1" }, "tab-3", "feed logs face-detect --stage staging*" },
	{ { "held", "target", "staging-1" },
	  "tab-4",
	  "ask logs face-detect --stage staging --target staging-1 --events*" },
	{ { "glass", "audit", "" }, "open", "open entry *" },
	{ { "glass", "audit", "" }, "verify", "reads audit verify*" },
	{ { "demo", "notices", "" }, "open", "open notice *" },
};

static struct app app;
static struct view_shared shared;

/* --- one screen --- */

struct stage {
	struct view *v, *below;
	struct grid grid;
};

static bool
registry_use(const char *name, struct err *e)
{
	cleanup_free char *dir = xasprintf("%s/%s", house.root, name);

	if (app.registry && has_suffix(app.registry->dir, name))
		return true;
	registry_close(app.registry);
	app.registry = NULL;
	return registry_open(dir, REGISTRY_READ, &app.registry, e) == 0;
}

static const struct view_ops *
ops_named(const char *name)
{
	for (const struct view_ops *const *o = view_table; *o; o++)
		if (streq((*o)->name, name))
			return *o;
	return NULL;
}

static void
view_end(struct view *v)
{
	if (!v)
		return;
	if (v->ops->close)
		v->ops->close(v);
	free(v->state);
	free(v);
}

static struct view *
view_begin(const char *name, const char *arg, const struct view *below, struct err *e)
{
	struct view *v = xcalloc(1, sizeof(*v));

	v->ops = ops_named(name);
	v->app = &app;
	v->shared = &shared;
	v->below = below;
	v->page = 20;
	v->cols = 80;
	v->state = xcalloc(1, v->ops->state_size);
	(void)str_copy(v->arg, sizeof(v->arg), arg);
	int rc = v->ops->open ? v->ops->open(v, e) : 0;
	if (rc == 0 && v->ops->reload)
		rc = v->ops->reload(v, e);
	if (rc == 0)
		return v;
	view_end(v);
	return NULL;
}

static void
settle(struct view *v)
{
	for (unsigned i = 0; v->is_unfinished && i < LOOKS_MOST; i++)
		(void)v->ops->more(v);
}

static void
draw(struct stage *s, size_t rows, size_t cols)
{
	grid_init(&s->grid, rows, cols, false);
	grid_choices(&s->grid);
	const struct area a = area_of(&s->grid);
	s->v->cols = cols;
	s->v->ops->draw(s->v, &a);
}

/* What a child says, as the console would hand it over. */
static void
answer_give(struct view *v, const struct view_request *asked)
{
	cleanup_buf struct buf line = { 0 }, out = { 0 };
	cleanup_free char *command = NULL;
	struct view_request next = { 0 };
	char part[4096];
	size_t n;

	if (!v->ops->answer)
		return;
	words_show(&asked->argv, &line);
	command = xasprintf("%s%s -R '%s' 2>/dev/null", house.slipway,
	                    buf_cstr(&line) + strlen("slipway"), app.registry->dir);
	FILE *f = popen(command, "r");
	while (f && (n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(&out, part, n);
	const int status = f ? pclose(f) : -1;
	const struct answer a = { .command = buf_cstr(&line),
		                  .out = buf_str(&out),
		                  .is_done = true,
		                  .status = WEXITSTATUS(status) };
	if (v->ops->answer(v, &a, &next) == ASK_ARGV)
		answer_give(v, &next);
	request_fini(&next);
	settle(v);
}

static bool
first_of(const char *list, char ret[static VIEW_ARG_SIZE], struct err *e)
{
	struct view_subject subject = { 0 };
	struct view *v = view_begin(list, "", NULL, e);

	if (!v)
		return false;
	settle(v);
	struct stage s = { .v = v };
	draw(&s, 24, 80);
	v->ops->subject(v, &subject);
	grid_fini(&s.grid);
	view_end(v);
	(void)str_copy(ret, VIEW_ARG_SIZE, streq(list, "jobs") ? subject.job : subject.plan);
	return ret[0] != '\0';
}

static bool
stage_set(struct stage *s, const struct place *p, struct err *e)
{
	char arg[VIEW_ARG_SIZE];
	struct view_request r = { 0 };

	*s = (struct stage){ 0 };
	if (!registry_use(p->registry, e))
		return false;
	(void)str_copy(arg, sizeof(arg), p->arg);
	if ((streq(arg, "JOB") && !first_of("jobs", arg, e)) ||
	    (streq(arg, "PLAN") && !first_of("plans", arg, e)))
		return false;
	if (streq(p->view, "help"))
		s->below = view_begin("models", "", NULL, e);
	s->v = view_begin(p->view, arg, s->below, e);
	if (!s->v)
		return false;
	settle(s->v);
	if (s->v->ops->opened && s->v->ops->opened(s->v, &r) == ASK_ARGV)
		answer_give(s->v, &r);
	request_fini(&r);
	draw(s, 24, 80);
	return true;
}

static void
stage_clear(struct stage *s)
{
	view_end(s->v);
	view_end(s->below);
	grid_fini(&s->grid);
}

/* --- what must hold --- */

static size_t
chosen_rows(const struct grid *g, size_t *ret_choices)
{
	size_t n = 0;

	*ret_choices = 0;
	for (size_t i = 0; i < g->rows; i++) {
		*ret_choices += g->choices[i] != CHOICE_NONE;
		n += g->choices[i] == CHOICE_CHOSEN;
	}
	return n;
}

/* One line is chosen where lines can be; "" or what is wrong. */
static void
look_at(struct stage *s, const char *when, struct buf *wrong_ret)
{
	size_t choices;
	const size_t chosen = chosen_rows(&s->grid, &choices);

	if (wrong_ret->n == 0 && chosen != (choices > 0))
		buf_addf(wrong_ret, "%s: %zu of %zu lines are chosen at %zux%zu", when, chosen,
		         choices, s->grid.cols, s->grid.rows);
}

static bool
is_empty(const struct grid *g)
{
	for (size_t row = 0; row < g->rows; row++) {
		cleanup_buf struct buf text = { 0 };
		grid_row_text(g, row, &text);
		if (text.n > 0)
			return false;
	}
	return true;
}

static void
sizes(struct stage *s, struct buf *why)
{
	static const size_t all[][2] = { { 24, 80 }, { 40, 120 },  { 12, 40 }, { 1, 1 },
		                         { 2, 300 }, { 100, 300 }, { 60, 3 },  { 24, 80 } };

	for (size_t i = 0; i < COUNT(all); i++) {
		draw(s, all[i][0], all[i][1]);
		if (all[i][0] >= 12 && all[i][1] >= 40) {
			look_at(s, "drawn", why);
			if (why->n == 0 && is_empty(&s->grid))
				buf_addf(why, "nothing is drawn at %zux%zu", all[i][1], all[i][0]);
		}
	}
}

static enum handled
act(struct stage *s, enum action a, struct view_request *ret)
{
	const enum handled how = s->v->ops->action ? s->v->ops->action(s->v, a, ret) : NOT_HANDLED;

	settle(s->v);
	if (how == ASK_ARGV)
		answer_give(s->v, ret);
	return how;
}

static void
moves(struct stage *s, struct buf *why)
{
	static const enum action all[] = { ACT_DOWN, ACT_PAGE_DOWN, ACT_UP,   ACT_BOTTOM,
		                           ACT_UP,   ACT_TOP,       ACT_DOWN, ACT_PAGE_UP };

	for (size_t i = 0; i < COUNT(all); i++)
		for (size_t k = 0; k < (all[i] == ACT_DOWN ? MOVES : 3); k++) {
			struct view_request r = { 0 };
			(void)act(s, all[i], &r);
			request_fini(&r);
			draw(s, k % 2 ? 12 : 24, k % 2 ? 40 : 80);
			look_at(s, action_name(all[i]), why);
		}
}

static void
subject_text(const struct view *v, struct buf *ret)
{
	struct view_subject s = { 0 };

	if (v->ops->subject)
		v->ops->subject(v, &s);
	buf_addf(ret, "%s|%s|%s|%s|%s|%s|%s", s.model, s.ref, s.stage, s.target, s.plan, s.job,
	         s.text);
}

/* Nobody writes meanwhile: read again it must be the same thing, at every line. */
static void
rereads(struct stage *s, struct buf *why)
{
	for (unsigned i = 0; i < 5; i++) {
		cleanup_buf struct buf before = { 0 }, after = { 0 };
		struct view_request r = { 0 };
		struct err e = { 0 };

		draw(s, 24, 80);
		subject_text(s->v, &before);
		if (s->v->ops->reload && s->v->ops->reload(s->v, &e) < 0 && why->n == 0)
			buf_addf(why, "cannot be read again: %s", e.msg);
		settle(s->v);
		draw(s, 24, 80);
		subject_text(s->v, &after);
		if (why->n == 0 && !streq(buf_cstr(&before), buf_cstr(&after)))
			buf_addf(why, "read again \"%s\" became \"%s\"", buf_cstr(&before),
			         buf_cstr(&after));
		(void)act(s, ACT_DOWN, &r);
		request_fini(&r);
	}
}

static void
request_check(enum handled how, enum action a, const struct view_request *r, struct buf *why)
{
	if (why->n > 0)
		return;
	if (how == OPEN_VIEW && !ops_named(r->view))
		buf_addf(why, "%s opens \"%s\", which is no screen", action_name(a), r->view);
	if ((how == RUN_ARGV || how == ASK_ARGV || how == FEED_ARGV) && r->argv.n == 0)
		buf_addf(why, "%s runs nothing", action_name(a));
	if (how == OPEN_MENU && r->menu.items.n == 0)
		buf_addf(why, "%s opens an empty menu", action_name(a));
}

/* What the console itself does on every screen. */
static bool
is_consoles(enum action a)
{
	return a >= ACT_MENU && a != ACT_LOGS && a != ACT_HISTORY;
}

/* Each on a screen of its own; and a key that is offered does something. */
static void
every_act(const struct place *p, struct buf *why)
{
	for (enum action a = ACT_NONE + 1; a < ACT_COUNT; a++) {
		struct view_request r = { 0 };
		struct err e = { 0 };
		struct stage s;

		if (is_consoles(a))
			continue;
		if (!stage_set(&s, p, &e)) {
			buf_addf(why, "%s", e.msg);
			stage_clear(&s);
			return;
		}
		const bool offered = s.v->ops->can && s.v->ops->can(s.v, a);
		bool is_hint = false;
		for (const struct hint *h = s.v->ops->hints; h && h->text; h++)
			is_hint |= h->act == a;
		const enum handled how = act(&s, a, &r);
		request_check(how, a, &r, why);
		if (why->n == 0 && is_hint && offered && how == NOT_HANDLED &&
		    action_is_on(a, p->view))
			buf_addf(why, "%s is offered and does nothing", action_name(a));
		draw(&s, 24, 80);
		request_fini(&r);
		stage_clear(&s);
	}
}

static void
place_test(const struct place *p)
{
	static void (*const parts[])(struct stage *, struct buf *) = { sizes, moves, rereads };
	cleanup_free char *name = xasprintf("%s: %s %s", p->registry, p->view, p->arg);
	cleanup_buf struct buf why = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(parts) && why.n == 0; i++) {
		struct stage s;
		if (stage_set(&s, p, &e))
			parts[i](&s, &why);
		else
			buf_addf(&why, "does not open: %s", e.msg);
		stage_clear(&s);
	}
	if (why.n == 0)
		every_act(p, &why);
	tap(why.n == 0, name, buf_cstr(&why));
}

/* --- what is wished --- */

static void
wish_text(enum handled how, const struct view_request *r, struct buf *ret)
{
	static const char *const words[] = {
		[NOT_HANDLED] = "nothing", [HANDLED] = "handled", [CLOSE_VIEW] = "close",
		[OPEN_VIEW] = "open",      [RUN_ARGV] = "run",    [ASK_ARGV] = "ask",
		[FEED_ARGV] = "feed",      [OPEN_MENU] = "menu",  [RUN_ACTION] = "act",
	};
	cleanup_buf struct buf line = { 0 };

	buf_adds(ret, how == RUN_ARGV && r->reads ? "reads" : words[how]);
	if (how == OPEN_VIEW)
		buf_addf(ret, " %s %s", r->view, r->arg);
	else if (how == OPEN_MENU)
		buf_addf(ret, " %s", r->menu.title);
	else if (how == RUN_ACTION)
		buf_addf(ret, " %s", action_name(r->act));
	for (size_t i = 0; i < r->argv.n; i++)
		buf_addf(ret, " %s", r->argv.v[i]);
}

/* One "*" stands for whatever is there. */
static bool
is_as_wished(const char *is, const char *want)
{
	const char *star = strchr(want, '*');
	const size_t n = star ? (size_t)(star - want) : strlen(want);

	return strncmp(is, want, n) == 0 && (star ? has_suffix(is, star + 1) : is[n] == '\0');
}

static void
wish_test(const struct wish *w)
{
	cleanup_free char *name = xasprintf("%s %s: %s", w->at.view, w->at.arg, w->acts);
	cleanup_free char *acts = xstrdup(w->acts);
	cleanup_buf struct buf is = { 0 }, why = { 0 };
	struct err e = { 0 };
	struct stage s;

	if (!stage_set(&s, &w->at, &e)) {
		tap(false, name, e.msg);
		stage_clear(&s);
		return;
	}
	for (char *one = acts, *next; one; one = next) {
		struct view_request r = { 0 };
		next = strchr(one, ' ');
		if (next)
			*next++ = '\0';
		const enum action a = action_named(one);
		if (a == ACT_NONE)
			buf_addf(&why, "there is no action \"%s\"\n", one);
		buf_clear(&is);
		wish_text(act(&s, a, &r), &r, &is);
		request_fini(&r);
		draw(&s, 24, 80);
	}
	if (!is_as_wished(buf_cstr(&is), w->want))
		buf_addf(&why, "wanted: %s\nis: %s", w->want, buf_cstr(&is));
	tap(why.n == 0, name, buf_cstr(&why));
	stage_clear(&s);
}

static void
all_have_rows(void)
{
	cleanup_buf struct buf why = { 0 };

	for (const struct view_ops *const *o = view_table; *o; o++) {
		bool has = false;
		for (size_t i = 0; i < COUNT(places); i++)
			has |= streq(places[i].view, (*o)->name);
		if (!has)
			buf_addf(&why, "the screen \"%s\" has no row\n", (*o)->name);
	}
	tap(why.n == 0, "every screen has a row", buf_cstr(&why));
}

int
main(int argc, char **argv)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (argc != 3 || crypto_init() < 0 || !house_open(argv[1], argv[2]))
		return 2;
	(void)setenv("HOME", house.root, 1);
	(void)setenv("SLIPWAY_CLOCK", "1793000000", 1);
	(void)setenv("TZ", "UTC", 1);
	app.out = out_new(STDOUT_FILENO, STDERR_FILENO);
	app.passphrase_fd = -1;
	shared.app = &app;
	notice_add(&shared.notices, false, NULL, "done: slipway list");
	notice_add(&shared.notices, true, "look at it", "exit 5: slipway promote face-detect@v3");
	all_have_rows();
	for (size_t i = 0; i < COUNT(places); i++)
		place_test(&places[i]);
	for (size_t i = 0; i < COUNT(wishes); i++)
		wish_test(&wishes[i]);
	registry_close(app.registry);
	notices_fini(&shared.notices);
	out_free(app.out);
	return house_close();
}
