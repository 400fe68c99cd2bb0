/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "watch": status, and then each target again as soon as something there has changed. An
 * event only wakes its target; what is true is what a look says. Where nobody tells of changes, and
 * where something is in motion that no event tells of, targets are looked at every few seconds.
 * Looks are done by as many threads as are busy at a time: who is slow delays nobody else.
 */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "deploy/agent.h"
#include "deploy/agent_private.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define GAP_MS     250 /* between two looks at one target */
#define ASK_MS     3000
#define CALM_MS    30000 /* settled, and changes are told */
#define REWATCH_MS 60000
#define READERS_MS 1000 /* is anybody reading? */
#define WORKERS    32
#define QUICK      4   /* looks at a time: what each has read is most of the memory */
#define SLOW_MS    100 /* after so long a look only waits, and another may begin */
#define EARS       96
#define NO_PLACE   SIZE_MAX

struct place {
	struct digest id;
	struct wave_target *v; /* one of its targets */
	unsigned streams, synced;
};
struct watched {
	struct wave_target *v;
	size_t place; /* NO_PLACE: nobody tells of changes */
	char object[128];
	uint64_t began_ms, due_ms;
	bool is_busy, is_woken; /* woken while it was being looked at */
	bool is_settled, was_said;
	struct digest said;
};
struct watcher;
struct ear {
	struct watcher *w;
	size_t place;
	unsigned stream;
	bool is_synced;
	pthread_t thread;
};
struct watcher {
	pthread_mutex_t lock, out;
	pthread_cond_t news, work; /* for the one who gives out work, and for who does it */
	pthread_cond_t over;
	bool is_over;
	uint64_t ask_ms, calm_ms;
	bool says_looks; /* also those that found nothing new */
	struct agent_holds holds;
	struct wave *waves;
	size_t waves_n;
	struct watched *v;
	size_t n;
	VEC(struct place) places;
	struct ear ears[EARS];
	size_t ears_n;
	pthread_t workers[WORKERS];
	size_t workers_n, idle;
};

/* From any thread: everything that waits asks this. */
static int
check_over(void *arg, struct err *e)
{
	const struct watcher *const w = arg;

	if (!__atomic_load_n(&w->is_over, __ATOMIC_RELAXED))
		return 0;
	return err_set(e, ERR_CANCELLED, "nobody watches any more");
}

static int
say(struct watcher *w, const json_t *line)
{
	cleanup_buf struct buf text = { 0 };
	int rc;

	json_canonical(line, &text);
	buf_addc(&text, '\n');
	pthread_mutex_lock(&w->out);
	rc = fs_write_all(STDOUT_FILENO, text.p, text.n);
	pthread_mutex_unlock(&w->out);
	return rc;
}

/* With the lock. */
static void
wait_until(struct watcher *w, pthread_cond_t *c, uint64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(c, &w->lock, &t);
}

/* --- looks --- */

static uint64_t
period(const struct watcher *w, const struct watched *t)
{
	const struct place *const p = t->place == NO_PLACE ? NULL : &w->places.v[t->place];

	return t->is_settled && p && p->synced == p->streams ? w->calm_ms : w->ask_ms;
}

static json_t *
period_json(struct watcher *w, const struct watched *t)
{
	uint64_t ms;

	pthread_mutex_lock(&w->lock);
	ms = period(w, t);
	pthread_mutex_unlock(&w->lock);
	return json_integer((json_int_t)ms);
}

/* Who shows how old a fact is must hear that it was looked at and is still so. */
static int
say_same(struct watcher *w, const struct watched *t)
{
	const struct plan *const p = t->v->wave->plan;
	cleanup_json json_t *line = NULL;

	if (!w->says_looks)
		return 0;
	line = json_pack("{s:s, s:s, s:s, s:o}", "model", p->model, "stage", p->stage, "same",
	                 t->v->row.name, "periodMs", period_json(w, t));
	return say(w, line);
}

/* Only what is new is said. */
static int
look(struct watcher *w, struct watched *t)
{
	const struct plan *const p = t->v->wave->plan;
	cleanup_json json_t *line = NULL;
	cleanup_buf struct buf text = { 0 };
	json_t *const o = agent_head_json(t->v);
	struct digest now;

	t->is_settled = agent_look(t->v, o) == ROLLOUT_SUCCEEDED;
	line = json_pack("{s:s, s:s, s:o}", "model", p->model, "stage", p->stage, "target", o);
	json_canonical(line, &text);
	digest_small(text.p, text.n, &now);
	if (__atomic_load_n(&w->is_over, __ATOMIC_RELAXED))
		return 0;
	if (t->was_said && digest_eq(&now, &t->said))
		return say_same(w, t);
	t->was_said = true;
	t->said = now;
	json_object_set_new(line, "periodMs", period_json(w, t));
	return say(w, line);
}

/* With the lock: the one that waits longest of those whose time has come; NULL: none, or enough are
 * at work. */
static struct watched *
pick(struct watcher *w)
{
	const uint64_t now_ms = clock_mono_ms();
	struct watched *best = NULL;
	size_t quick = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct watched *const t = &w->v[i];

		quick += t->is_busy && now_ms - t->began_ms < SLOW_MS;
		if (!t->is_busy && t->due_ms <= now_ms && (!best || t->due_ms < best->due_ms))
			best = t;
	}
	return quick < QUICK ? best : NULL;
}

static void *
work(void *arg)
{
	struct watcher *const w = arg;
	struct watched *t = NULL;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->is_over && !(t = pick(w))) {
			w->idle++;
			pthread_cond_wait(&w->work, &w->lock);
			w->idle--;
		}
		if (w->is_over)
			break;
		t->is_busy = true;
		t->is_woken = false;
		t->began_ms = clock_mono_ms();
		pthread_mutex_unlock(&w->lock);
		const int rc = look(w, t);
		pthread_mutex_lock(&w->lock);
		t->is_busy = false;
		t->due_ms = t->is_woken ? t->began_ms + GAP_MS : clock_mono_ms() + period(w, t);
		if (rc < 0)
			__atomic_store_n(&w->is_over, true, __ATOMIC_RELAXED);
		pthread_cond_signal(&w->news);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* With the lock: how many may begin, and when the next will be. */
static size_t
count_ready(const struct watcher *w, uint64_t now_ms, uint64_t *ret_next_ms)
{
	size_t ready = 0, quick = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct watched *const t = &w->v[i];
		const uint64_t at_ms = t->is_busy ? t->began_ms + SLOW_MS : t->due_ms;

		ready += !t->is_busy && at_ms <= now_ms;
		quick += t->is_busy && at_ms > now_ms;
		if (at_ms > now_ms && at_ms < *ret_next_ms)
			*ret_next_ms = at_ms;
	}
	return quick >= QUICK ? 0 : ready < QUICK - quick ? ready : QUICK - quick;
}

/* With the lock: as many as there is work for, and when the next will be. */
static uint64_t
give_out(struct watcher *w)
{
	const uint64_t now_ms = clock_mono_ms();
	uint64_t next_ms = now_ms + READERS_MS;
	const size_t ready = count_ready(w, now_ms, &next_ms);

	for (size_t i = 0; i < ready && i < w->idle; i++)
		pthread_cond_signal(&w->work);
	for (size_t i = w->idle; i < ready && w->workers_n < WORKERS; i++) {
		if (pthread_create(&w->workers[w->workers_n], NULL, work, w) != 0)
			break;
		w->workers_n++;
	}
	return next_ms - now_ms;
}

/* --- what wakes --- */

static void
wake(struct watcher *w, size_t place, const char *object)
{
	const uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < w->n; i++) {
		struct watched *const t = &w->v[i];
		const uint64_t soon_ms =
		        t->began_ms + GAP_MS > now_ms ? t->began_ms + GAP_MS : now_ms;

		if (t->place != place || (object && !streq(t->object, object)))
			continue;
		t->is_woken = true;
		if (t->due_ms > soon_ms)
			t->due_ms = soon_ms;
	}
	pthread_cond_signal(&w->news);
}

/* With the lock. What changed while nobody listened is not known. */
static void
set_synced(struct ear *a, bool is_synced)
{
	if (a->is_synced == is_synced)
		return;
	a->is_synced = is_synced;
	a->w->places.v[a->place].synced += is_synced ? 1U : -1U;
	wake(a->w, a->place, NULL);
}

static int
hear(void *arg, enum watch_event what, const char *object, struct err *e)
{
	struct ear *const a = arg;

	pthread_mutex_lock(&a->w->lock);
	if (what == WATCH_SYNC)
		set_synced(a, true);
	else
		wake(a->w, a->place, what == WATCH_LOST ? NULL : object);
	pthread_mutex_unlock(&a->w->lock);
	return check_over(a->w, e);
}

static void *
listen(void *arg)
{
	struct ear *const a = arg;
	struct watcher *const w = a->w;
	const struct wave_target *const v = w->places.v[a->place].v;
	bool is_over = false;

	while (!is_over) {
		void *const st = xcalloc(1, v->d->state_size);
		struct err e = { 0 };

		if (v->d->open(st, &v->t, &e) == 0)
			(void)v->d->watch(st, a->stream, hear, a, &e);
		v->d->close(st);
		free(st);
		pthread_mutex_lock(&w->lock);
		set_synced(a, false);
		if (!w->is_over)
			wait_until(w, &w->over, REWATCH_MS);
		is_over = w->is_over;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* --- beginning and end --- */

static size_t
place_of(struct watcher *w, struct wave_target *v, const struct watch_place *where)
{
	for (size_t i = 0; i < w->places.n; i++) {
		if (digest_eq(&w->places.v[i].id, &where->place))
			return i;
	}
	vec_push(&w->places,
	         ((struct place){ .id = where->place, .v = v, .streams = where->streams }));
	return w->places.n - 1;
}

static void
add_target(struct watcher *w, struct wave_target *v)
{
	struct watched t = { .v = v, .place = NO_PLACE };
	struct watch_place where;
	struct rollout held;
	struct err ignored = { 0 };

	v->t.check = check_over;
	v->t.check_arg = w;
	wave_held(v->wave, &held);
	if (v->d->watch_place && v->d->watch_place(v->st, &held, &where, &ignored) == 0) {
		t.place = place_of(w, v, &where);
		(void)str_copy(t.object, sizeof t.object, where.object);
	}
	w->v[w->n++] = t;
}

static int
open_waves(struct watcher *w, struct registry *r, const struct ledger *l, uint64_t deadline_ms,
           struct err *e)
{
	cleanup_json json_t *line = json_object();
	json_t *const stages = json_array();
	size_t n = 0;
	int rc = 0;

	json_object_set_new(line, "stages", stages);
	w->waves = xcalloc(w->holds.n + 1, sizeof *w->waves);
	for (size_t i = 0; rc == 0 && i < w->holds.n; i++) {
		rc = agent_wave_open(r, l, &w->holds.v[i], deadline_ms, &w->waves[i], e);
		if (rc < 0)
			break;
		w->waves_n++;
		n += w->waves[i].n;
		json_array_append_new(stages, agent_stage_json(&w->waves[i]));
	}
	if (rc < 0)
		return rc;
	w->v = xcalloc(n + 1, sizeof *w->v);
	for (size_t i = 0; i < w->waves_n; i++) {
		for (size_t k = 0; k < w->waves[i].n; k++)
			add_target(w, &w->waves[i].v[k]);
	}
	return say(w, line) < 0 ? err_sys(e, "answer") : 0;
}

/* A place that finds no room, or no thread, is asked every few seconds. */
static void
start_ears(struct watcher *w)
{
	for (size_t i = 0; i < w->places.n; i++) {
		for (unsigned k = 0; k < w->places.v[i].streams && w->ears_n < EARS; k++) {
			struct ear *const a = &w->ears[w->ears_n];

			*a = (struct ear){ .w = w, .place = i, .stream = k };
			if (pthread_create(&a->thread, NULL, listen, a) != 0)
				return;
			w->ears_n++;
		}
	}
}

static bool
is_left_alone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLNVAL));
}

static void
run(struct watcher *w, uint64_t deadline_ms)
{
	pthread_mutex_lock(&w->lock);
	start_ears(w);
	while (!w->is_over) {
		const uint64_t ms = give_out(w);

		wait_until(w, &w->news, ms);
		if (is_left_alone() || (deadline_ms && clock_mono_ms() >= deadline_ms))
			__atomic_store_n(&w->is_over, true, __ATOMIC_RELAXED);
	}
	pthread_cond_broadcast(&w->work);
	pthread_cond_broadcast(&w->over);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->ears_n; i++)
		(void)pthread_join(w->ears[i].thread, NULL);
	for (size_t i = 0; i < w->workers_n; i++)
		(void)pthread_join(w->workers[i], NULL);
}

static void
watcher_init(struct watcher *w)
{
	pthread_condattr_t monotonic;

	*w = (struct watcher){ .ask_ms = ASK_MS, .calm_ms = CALM_MS };
#ifdef SLIPWAY_TESTING
	const char *const poll_ms = getenv("SLIPWAY_WATCH_POLL_MS"); /* is a change told? */

	if (poll_ms && parse_u64(poll_ms, UINT32_MAX, &w->ask_ms) == 0)
		w->calm_ms = w->ask_ms;
#endif
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->news, &monotonic);
	(void)pthread_cond_init(&w->work, &monotonic);
	(void)pthread_cond_init(&w->over, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutex_init(&w->out, NULL);
}

static void
watcher_fini(struct watcher *w)
{
	for (size_t i = 0; i < w->waves_n; i++)
		wave_close(&w->waves[i]);
	free(w->waves);
	free(w->v);
	vec_fini(&w->places);
	vec_fini(&w->holds);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_mutex_destroy(&w->out);
	(void)pthread_cond_destroy(&w->news);
	(void)pthread_cond_destroy(&w->work);
	(void)pthread_cond_destroy(&w->over);
}

int
agent_watch(const json_t *request, json_t **ret, struct err *e)
{
	const uint64_t deadline_ms = agent_deadline_of(request);
	cleanup_registry struct registry *r = NULL;
	struct ledger l = { 0 };
	struct watcher w;
	int rc;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* an arena for each thread would be most of the memory, and what was large must go back */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 10);
	watcher_init(&w);
	w.says_looks = json_is_true(json_object_get(request, "looks"));
	rc = agent_open_requested(request, &r, e);
	if (rc == 0)
		rc = ledger_open(r, &l, e);
	if (rc == 0)
		rc = agent_holds(request, r, &w.holds, e);
	if (rc == 0)
		rc = open_waves(&w, r, &l, deadline_ms, e);
	ledger_fini(&l);
	(void)malloc_trim(0);
	if (rc == 0)
		run(&w, deadline_ms);
	watcher_fini(&w);
	if (rc == 0)
		*ret = json_pack("{s:b}", "end", 1);
	return rc;
}
