/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job is followed by reading: its journal grows, its lock says whether an agent lives. The
 * follower may come and go; the job does not notice.
 */
#include "tui/cmd/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/str.h"
#include "registry/labels.h"

#define UNTIL_SIZE (CLOCK_TEXT_SIZE + 8)
#define LOOK_MS    250 /* the lock's end makes no event, */
#define END_MS     5   /* and comes at once behind the last line */

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	interrupted = sig;
}

/* A held step says itself how long. */
static void
until_text(char ret[UNTIL_SIZE], const struct journal_line *l)
{
	char until[CLOCK_TEXT_SIZE];

	ret[0] = '\0';
	if (l->until_s == 0 || l->state == JOB_HOLD)
		return;
	clock_text(until, l->until_s);
	(void)snprintf(ret, UNTIL_SIZE, ", until %s", until + 11);
}

static void
show_line(struct app *a, const struct journal_line *l)
{
	struct progress bar = out_progress(a->out);
	char until[UNTIL_SIZE];

	if (l->total > 0) {
		progress_step(&bar, l->target, l->done, l->total);
		return;
	}
	out_progress_done(a->out);
	until_text(until, l);
	if (l->target[0] && l->proofs)
		out_note(a->out, "  %-12s %s: proved as %s%s%s", job_state_name(l->state),
		         l->target, proofs_highest(l->proofs), l->text[0] ? ", " : "", l->text);
	else if (l->target[0])
		out_note(a->out, "  %-12s %s: %s%s", job_state_name(l->state), l->target, l->text,
		         until);
	else
		out_note(a->out, "  %-12s %s", job_state_name(l->state), l->text);
}

static void
event_line(struct app *a, const struct journal_line *l)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *proofs = proofs_to_json(l->proofs);
	cleanup_json json_t *gates = journal_gates_to_json(l);
	struct json_out j = { .b = &text };

	jo_begin(&j, NULL, '{');
	jo_string(&j, "apiVersion", "slipway/v1");
	jo_string(&j, "kind", "JobEvent");
	jo_u64(&j, "n", l->n);
	jo_time(&j, "time", l->time_s);
	jo_string(&j, "state", job_state_name(l->state));
	jo_string(&j, "step", l->step);
	jo_string(&j, "target", l->target);
	jo_string(&j, "text", l->text);
	jo_string(&j, "code", l->code);
	if (l->has_percent)
		jo_u64(&j, "percent", l->percent);
	if (l->has_wanted)
		jo_u64(&j, "wanted", l->wanted);
	if (l->until_s > 0)
		jo_time(&j, "until", l->until_s);
	if (l->gates_n > 0)
		jo_value(&j, "gates", gates);
	jo_u64(&j, "done", l->done);
	jo_u64(&j, "total", l->total);
	jo_value(&j, "proofs", proofs);
	jo_end(&j, '}');
	buf_addc(&text, '\n');
	out_raw(a->out, text.p, text.n);
	(void)out_flush(a->out);
}

static void
wait_for_more(int watch, int ms)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[4096];

	if (poll(&p, 1, ms) > 0 && watch >= 0)
		(void)!read(watch, events, sizeof events);
}

static int
watch_job(const struct app *a, const char *id)
{
	cleanup_free char *path = xasprintf("%s/jobs/%s/journal", a->registry->dir, id);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0)
		close_quietly(steal_fd(&fd));
	return fd;
}

static int
drain(struct app *a, struct journal *j, bool show, bool events, struct job_end *ret, struct err *e)
{
	struct journal_line l, bytes = { 0 };
	bool has;
	int rc;

	for (;;) {
		rc = journal_next(j, &l, &has, e);
		/* bytes that were copied before anybody looked took nobody knows how long: of those
		 * that are told at once the last counts */
		if (bytes.total > 0 && (rc < 0 || !has || l.total == 0)) {
			show_line(a, &bytes);
			bytes.total = 0;
		}
		if (rc < 0 || !has)
			return rc;
		if (show && l.total > 0)
			bytes = l;
		else if (show)
			show_line(a, &l);
		if (events)
			event_line(a, &l);
		ret->last = l;
		ret->ended = job_state_is_final(l.state);
	}
}

int
job_follow(struct app *a, const char *id, bool show, bool events, struct job_end *ret,
           struct err *e)
{
	const struct sigaction catch = { .sa_handler = on_signal };
	struct sigaction before_int, before_term;
	struct journal *j = NULL;
	bool alive = true;
	int watch, rc = journal_open(a->registry->rootfd, id, &j, e);

	*ret = (struct job_end){ 0 };
	if (rc < 0)
		return rc;
	watch = watch_job(a, id);
	interrupted = 0;
	(void)sigaction(SIGINT, &catch, &before_int);
	(void)sigaction(SIGTERM, &catch, &before_term);
	while (rc == 0 && alive && !interrupted) {
		alive = journal_is_alive(
		        j); /* asked first: what it wrote before its end is read below */
		rc = drain(a, j, show, events, ret, e);
		if (rc == 0 && alive)
			wait_for_more(watch, ret->ended ? END_MS : LOOK_MS);
	}
	out_progress_done(a->out);
	(void)sigaction(SIGINT, &before_int, NULL);
	(void)sigaction(SIGTERM, &before_term, NULL);
	close_quietly(watch);
	journal_close(j);
	if (rc == 0 && interrupted) {
		err_set(e, ERR_CANCELLED, "no longer following; job %s goes on", id);
		e->sys = interrupted;
		return err_hint(e, "slipway job follow %s, or slipway job abort %s", id, id);
	}
	return rc;
}

int
job_result(const char *id, const struct job_end *end, struct err *e)
{
	const struct journal_line *l = &end->last;
	enum err_code code = err_from_name(l->code);

	if (end->ended && l->state == JOB_SUCCEEDED)
		return 0;
	if (!end->ended && l->state != JOB_DETACHED) {
		err_set(e, ERR_OUTCOME_UNKNOWN, "job %s was interrupted in state \"%s\"", id,
		        job_state_name(l->state));
		return err_hint(e,
		                "slipway job resume %s goes on from there, slipway job abort %s "
		                "puts back what was",
		                id, id);
	}
	err_set(e, code == ERR_OK ? ERR_ROLLOUT_FAILED : code, "job %s %s: %s", id,
	        job_state_name(l->state), l->text);
	if (l->state == JOB_DETACHED && !l->hint[0])
		return err_hint(e,
		                "look with `slipway status`, then `slipway job resume %s` or "
		                "`slipway job abort %s`",
		                id, id);
	if (code == ERR_CANCELLED)
		e->code = ERR_CONFLICT;
	return l->hint[0] ? err_hint(e, "%s", l->hint) : -(int)e->code;
}
