/* SPDX-License-Identifier: Apache-2.0 */
/* Facts are kept sorted, so that a line finds its own and a target's stand together. */
#include "tui/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/labels.h"

#define LINE_MAX_SIZE ((size_t)4 << 20)
#define TEXT_MAX      400u /* of a reason */
#define EVIDENCE_MAX  1536u
#define NAME_MAX_SIZE 256u
#define MINUTE_MS     60000u
#define HOUR_MS       3600000u

static const char *const words[] = {
	[LIVE_WAITED_FOR] = "not looked at yet",
	[LIVE_AS_RECORDED] = "as recorded",
	[LIVE_SETTLING] = "settling",
	[LIVE_PROGRESSING] = "progressing",
	[LIVE_DRIFTED] = "drift",
	[LIVE_UNKNOWN] = "unknown",
};

const char *
live_word_text(enum live_word w)
{
	return words[w];
}

const char *
live_shown(const struct live_fact *f)
{
	switch (f->word) {
	case LIVE_DRIFTED:
		return f->is_failing ? "FAILED" : "DRIFT";
	case LIVE_UNKNOWN:
		return "? no contact";
	case LIVE_WAITED_FOR:
		return "looking ...";
	case LIVE_AS_RECORDED:
	case LIVE_SETTLING:
	case LIVE_PROGRESSING:
		break;
	}
	return live_word_text(f->word);
}

static void
fact_fini(struct live_fact *f)
{
	free(f->target);
	free(f->stage);
	free(f->model);
	free(f->reason);
	free(f->drift);
	free(f->advice);
	free(f->evidence);
}

void
live_fini(struct live *l)
{
	vec_foreach(f, &l->facts)
		fact_fini(f);
	vec_fini(&l->facts);
}

/* --- where they are --- */

struct place {
	const char *target, *stage, *model;
};

static int
compare(const struct live_fact *f, const struct place *p)
{
	int rc = strcmp(f->target, p->target);

	if (rc == 0)
		rc = strcmp(f->stage, p->stage);
	return rc == 0 ? strcmp(f->model, p->model) : rc;
}

/* The first that does not come before p. */
static size_t
lower_bound(const struct live *l, const struct place *p)
{
	size_t from = 0, to = l->facts.n;

	while (from < to) {
		const size_t at = from + (to - from) / 2;
		if (compare(&l->facts.v[at], p) < 0)
			from = at + 1;
		else
			to = at;
	}
	return from;
}

const struct live_fact *
live_find(const struct live *l, const char *target, const char *stage, const char *model)
{
	const struct place p = { target, stage, model };
	const size_t i = lower_bound(l, &p);

	return i < l->facts.n && compare(&l->facts.v[i], &p) == 0 ? &l->facts.v[i] : NULL;
}

const struct live_fact *
live_of_target(const struct live *l, const char *target, size_t *ret_n)
{
	const size_t i = lower_bound(l, &(struct place){ target, "", "" });
	size_t n = 0;

	while (i + n < l->facts.n && streq(l->facts.v[i + n].target, target))
		n++;
	*ret_n = n;
	return n > 0 ? &l->facts.v[i] : NULL;
}

static struct live_fact *
fact_get(struct live *l, const struct place *p)
{
	const size_t i = lower_bound(l, p);

	if (i < l->facts.n && compare(&l->facts.v[i], p) == 0)
		return &l->facts.v[i];
	if (l->facts.n >= LIVE_FACTS_MAX)
		return NULL;
	vec_push(&l->facts, (struct live_fact){ 0 });
	memmove(l->facts.v + i + 1, l->facts.v + i, (l->facts.n - 1 - i) * sizeof(*l->facts.v));
	l->facts.v[i] = (struct live_fact){
		.target = xstrdup(p->target),
		.stage = xstrdup(p->stage),
		.model = xstrdup(p->model),
		.reason = xstrdup(""),
		.drift = xstrdup(""),
		.advice = xstrdup(""),
		.evidence = xstrdup(""),
	};
	return &l->facts.v[i];
}

/* --- a line --- */

static bool
place_read(const json_t *o, struct place *ret)
{
	ret->target = json_opt_string(o, "target");
	ret->stage = json_opt_string(o, "stage");
	ret->model = json_opt_string(o, "model");
	if (!ret->target || !ret->stage || !ret->model)
		return false;
	return ret->target[0] && strlen(ret->target) < NAME_MAX_SIZE &&
	       strlen(ret->stage) < NAME_MAX_SIZE && strlen(ret->model) < NAME_MAX_SIZE;
}

static void
text_set(char **at, const char *s, size_t max)
{
	free(*at);
	*at = xasprintf("%.*s", (int)max, s ? s : "");
}

/* Of the word; LIVE_UNKNOWN also for one that this program does not know. */
static enum live_word
word_of(const json_t *o)
{
	const char *const s = json_opt_string(o, "live");

	for (size_t i = LIVE_AS_RECORDED; i < COUNT(words); i++)
		if (s && streq(words[i], s))
			return (enum live_word)i;
	return LIVE_UNKNOWN;
}

/* The child may have been read late, or have waited with its line: it is as old as it says. */
static uint64_t
seen_at(const json_t *o, uint64_t now_ms, int64_t now_s)
{
	const char *const text = json_opt_string(o, "time");
	int64_t then_s;

	if (!text || clock_parse(text, &then_s) < 0 || then_s >= now_s)
		return now_ms;
	const uint64_t age_ms = (uint64_t)(now_s - then_s) * 1000;
	return age_ms < now_ms ? now_ms - age_ms : 0;
}

static void
drift_set(struct live_fact *f, const json_t *o)
{
	const json_t *const rows = json_object_get(o, "drift"), *one = json_array_get(rows, 0);
	const char *const field = json_opt_string(one, "field");
	const char *const found = json_opt_string(one, "found");
	const char *const sent = json_opt_string(one, "sent");
	const char *const object = json_opt_string(one, "object");
	const char *const by = json_opt_string(one, "by");
	cleanup_buf struct buf text = { 0 };

	f->drift_n = json_array_size(rows);
	if (one)
		buf_addf(&text, "%.60s %.80s: found %.60s, sent %.60s", object ? object : "",
		         field ? field : "", found ? found : "nothing", sent ? sent : "nothing");
	if (one && by)
		buf_addf(&text, ", by %.60s", by);
	text_set(&f->drift, buf_cstr(&text), TEXT_MAX);
}

static unsigned
number_of(const json_t *o, const char *key)
{
	const uint64_t n = json_opt_u64(o, key);

	return n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

static bool
take_event(struct live *l, const json_t *o, uint64_t now_ms, int64_t now_s)
{
	struct place p;
	struct live_fact *f = place_read(o, &p) ? fact_get(l, &p) : NULL;

	if (!f)
		return false;
	f->word = word_of(o);
	f->seen_ms = seen_at(o, now_ms, now_s);
	f->period_ms = json_opt_u64(o, "periodMs");
	f->recorded = json_opt_u64(o, "recorded");
	text_set(&f->reason, json_opt_string(o, "reason"), TEXT_MAX);
	text_set(&f->advice, json_opt_string(o, "advice"), TEXT_MAX);
	text_set(&f->evidence, json_opt_string(o, "evidence"), EVIDENCE_MAX);
	if (f->word == LIVE_UNKNOWN) /* the rest stays what it was, with its own age */
		return true;
	f->was_seen = true;
	f->value_ms = f->seen_ms;
	f->serving = json_opt_u64(o, "serving");
	f->proofs = proofs_from_json(json_object_get(o, "proofs"));
	f->has_replicas = json_object_get(o, "want") != NULL;
	f->ready = number_of(o, "ready");
	f->want = number_of(o, "want");
	drift_set(f, o);
	const char *const code = json_opt_string(o, "code");
	f->is_failing = f->drift_n == 0 && code && code[0];
	return true;
}

/* Still so. Only an age that has begun to show makes another picture of it. */
static bool
take_seen(struct live *l, const json_t *o, uint64_t now_ms, int64_t now_s)
{
	char before[LIVE_AGE_SIZE], after[LIVE_AGE_SIZE];
	struct place p;

	if (!place_read(o, &p) || !live_find(l, p.target, p.stage, p.model))
		return false;
	struct live_fact *f = &l->facts.v[lower_bound(l, &p)];
	live_age(f, now_ms, before);
	f->seen_ms = seen_at(o, now_ms, now_s);
	f->period_ms = json_opt_u64(o, "periodMs");
	if (f->word != LIVE_UNKNOWN)
		f->value_ms = f->seen_ms;
	live_age(f, now_ms, after);
	return !streq(before, after);
}

/* Those that are not watched any more go; who is new waits for its first look. */
static bool
take_list(struct live *l, const json_t *o)
{
	const json_t *one;
	size_t i, n = 0;

	vec_foreach(f, &l->facts)
		f->is_named = false;
	json_array_foreach(json_object_get(o, "targets"), i, one)
	{
		struct place p;
		struct live_fact *f = place_read(one, &p) ? fact_get(l, &p) : NULL;
		if (f)
			f->is_named = true;
	}
	vec_foreach(f, &l->facts) {
		if (f->is_named)
			l->facts.v[n++] = *f;
		else
			fact_fini(f);
	}
	l->facts.n = n;
	l->has_list = true;
	return true;
}

bool
live_take(struct live *l, struct str line, uint64_t now_ms, int64_t now_s)
{
	cleanup_json json_t *o = NULL;
	struct err ignored = { 0 };

	if (line.n > LINE_MAX_SIZE || json_parse(line, "a line", &o, &ignored) < 0)
		return false;
	const char *const kind = json_opt_string(o, "kind");
	if (!kind)
		return false;
	if (streq(kind, "TargetEvent"))
		return take_event(l, o, now_ms, now_s);
	if (streq(kind, "TargetSeen"))
		return take_seen(l, o, now_ms, now_s);
	return streq(kind, "TargetWatch") && take_list(l, o);
}

/* --- ages --- */

/* How long a fact may wait for the next look without a word about it: its period and some time for
 * the look, rounded up, because this is what a person reads. */
static uint64_t
bound_of(const struct live_fact *f)
{
	static const uint64_t steps[] = { 5000, 10000, 30000, 60000, 300000 };

	for (size_t i = 0; i < COUNT(steps); i++)
		if (f->period_ms + f->period_ms / 4 <= steps[i])
			return steps[i];
	return HOUR_MS;
}

static uint64_t
age_of(const struct live_fact *f, uint64_t now_ms)
{
	return now_ms > f->seen_ms ? now_ms - f->seen_ms : 0;
}

/* What the age is shown in; it reads otherwise at each multiple. */
static uint64_t
step_of(uint64_t age_ms)
{
	return age_ms < MINUTE_MS ? 5000 : age_ms < HOUR_MS ? MINUTE_MS : HOUR_MS;
}

bool
live_is_old(const struct live_fact *f, uint64_t now_ms)
{
	return f->word != LIVE_WAITED_FOR && age_of(f, now_ms) >= 2 * bound_of(f);
}

static void
span(uint64_t ms, char ret[static 8])
{
	const unsigned long long s = (unsigned long long)(ms / 1000);

	if (ms < MINUTE_MS)
		(void)snprintf(ret, 8, "%llus", s / 5 * 5);
	else if (ms < HOUR_MS)
		(void)snprintf(ret, 8, "%llum", s / 60);
	else
		(void)snprintf(ret, 8, "%lluh", s / 3600 > 9999 ? 9999 : s / 3600);
}

void
live_age(const struct live_fact *f, uint64_t now_ms, char ret[static LIVE_AGE_SIZE])
{
	const uint64_t age_ms = age_of(f, now_ms);
	char text[8];

	if (f->word == LIVE_WAITED_FOR) {
		ret[0] = '\0';
		return;
	}
	if (age_ms <= bound_of(f)) {
		span(bound_of(f), text);
		(void)snprintf(ret, LIVE_AGE_SIZE, "<%s", text);
		return;
	}
	span(age_ms, text);
	(void)snprintf(ret, LIVE_AGE_SIZE, "%s%s", live_is_old(f, now_ms) ? "OLD " : "", text);
}

uint64_t
live_next_ms(const struct live *l, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; i < l->facts.n; i++) {
		const struct live_fact *f = &l->facts.v[i];
		const uint64_t age_ms = age_of(f, now_ms);
		const uint64_t step = step_of(age_ms);
		const uint64_t at_ms = age_ms <= bound_of(f)
		                               ? f->seen_ms + bound_of(f) + 1
		                               : f->seen_ms + (age_ms / step + 1) * step;
		if (f->word != LIVE_WAITED_FOR && at_ms < next_ms)
			next_ms = at_ms;
	}
	return next_ms;
}
