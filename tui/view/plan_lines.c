/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people, from the JSON of the command: nothing is computed that the command did not
 * say. */
#include "tui/view/plan_lines.h"

#include <stdio.h>

#include "registry/base/buf.h"
#include "registry/canary.h"
#include "tui/view/show.h"

static void
version_name(char ret[24], uint64_t number)
{
	(void)snprintf(ret, 24, number ? "v%llu" : "nothing", (unsigned long long)number);
}

static enum ink
state_ink(const char *state)
{
	if (streq(state, "ok"))
		return INK_OK;
	return streq(state, "not checked") || streq(state, "warn") || streq(state, "unknown")
	               ? INK_WAIT
	               : INK_BAD;
}

/* State words stand before what they speak of, so that a column of them is read down. */
static void
checks_add(struct lines *l, const json_t *checks)
{
	const json_t *c;
	size_t i;

	json_array_foreach(checks, i, c)
	{
		const char *state = json_text(c, "state");
		lines_add(l, state_ink(state), "%-12s %-10s %s",
		          streq(state, "refuses") ? "REFUSES" : state, json_text(c, "name"),
		          json_text(c, "text"));
	}
}

static void
findings_add(struct lines *l, const json_t *t)
{
	const json_t *findings = json_object_get(t, "findings"), *f;
	size_t i;

	json_array_foreach(findings, i, f)
	{
		const char *level = json_text(f, "level");
		lines_add(l, state_ink(level), "%-12s %-10s %s",
		          streq(level, "block") ? "BLOCKS" : level, json_text(t, "name"),
		          json_text(f, "text"));
		if (json_text(f, "hint")[0])
			lines_add(l, INK_TEXT, "%-12s %-10s next: %s", "", "",
			          json_text(f, "hint"));
	}
	if (streq(json_text(t, "golden"), "no"))
		lines_add(l, INK_WAIT, "%-12s %-10s answers: there is no golden request",
		          "not checked", json_text(t, "name"));
}

static void
images_add(struct lines *l, const json_t *images)
{
	const json_t *one;
	size_t i;

	json_array_foreach(images, i, one)
	{
		const bool is_fine = streq(json_text(one, "state"), "there") ||
		                     json_is_true(json_object_get(one, "pushed"));

		lines_add(l, is_fine ? INK_TEXT : INK_WAIT, "  image    %s",
		          json_text(one, "text"));
	}
}

/* "now holds v2, 3 of 3 ready, proof listed" before what would change. */
static void
serving_add(struct lines *l, const json_t *t)
{
	const json_t *s = json_object_get(t, "serving");
	const uint64_t number = json_opt_u64(s, "number");
	char name[24];

	if (!json_is_object(s))
		return;
	if (!json_is_true(json_object_get(s, "known"))) {
		lines_add(l, INK_WAIT, "  now      not known: %s",
		          json_text(s, "reason")[0] ? json_text(s, "reason") : "it did not answer");
		return;
	}
	version_name(name, number);
	const bool drifted = json_is_true(json_object_get(s, "drifted"));
	lines_add(l, drifted ? INK_BAD : INK_TEXT, "  now      holds %s%s%s%s",
	          json_is_true(json_object_get(s, "empty")) ? "nothing" : name,
	          drifted ? ", DRIFTED: " : "", drifted ? json_text(s, "reason") : "",
	          json_is_true(json_object_get(s, "settling")) ? ", still settling" : "");
}

static void
target_add(struct lines *l, const json_t *targets, size_t n)
{
	const json_t *t = json_array_get(targets, n);
	const json_t *changes = json_object_get(t, "changes");
	const size_t like = json_first_like(targets, n, "changes");
	const bool is_same = like < n && json_array_size(changes) > 1;
	const json_t *change;
	size_t i;

	lines_add(l, INK_HEAD, "%-10s %s %s", json_text(t, "name"), json_text(t, "driver"),
	          json_text(t, "address")[0] ? json_text(t, "address") : json_text(t, "path"));
	serving_add(l, t);
	if (is_same)
		lines_add(l, INK_CHANGED, "  change   as of %s",
		          json_text(json_array_get(targets, like), "name"));
	json_array_foreach(changes, i, change) if (!is_same && json_is_string(change))
	        lines_add(l, INK_CHANGED, "  change   %s", json_string_value(change));
	if (json_array_size(changes) == 0 && json_is_object(json_object_get(t, "facts")))
		lines_add(l, INK_DIM, "  change   none");
	images_add(l, json_object_get(t, "images"));
}

static void
way_back_add(struct lines *l, const json_t *plan)
{
	const json_t *back = json_object_get(plan, "wayBack");
	const char *command = json_text(back, "command");
	const int64_t since = (int64_t)json_opt_u64(back, "since");
	char name[24], age[16] = "";

	version_name(name, json_opt_u64(back, "number"));
	if (since > 0)
		show_age(age, since);
	if (command[0])
		lines_add(l, INK_TEXT, "way back   %s%s%s: %s", name, *age ? ", there for " : "",
		          age, command);
	else
		lines_add(l, INK_TEXT, "way back   none is needed: %s stays and is put right",
		          name);
}

static void
where_add(struct lines *l, const json_t *targets)
{
	const json_t *t;
	size_t i;

	json_array_foreach(targets, i, t)
	{
		const size_t n = json_count_like(targets, i, "where");
		char more[32] = "";

		if (n == 0 || json_first_like(targets, i, "where") < i)
			continue;
		if (n > 1)
			(void)snprintf(more, sizeof more, " and %zu more", n - 1);
		lines_add(l, INK_TEXT, "where      %s%s: %s", json_text(t, "name"), more,
		          json_text(t, "where"));
	}
}

static void
canary_add(struct lines *l, const json_t *plan)
{
	cleanup_buf struct buf steps = { 0 };
	cleanup_buf struct buf limits = { 0 };
	const json_t *const canary = json_object_get(plan, "canary"), *one;
	struct canary_plan c = { 0 };
	struct err ignored = { 0 };
	size_t i;

	if (!json_is_object(canary) || canary_read(canary, &c, &ignored) < 0)
		return;
	canary_steps_text(&c, &steps);
	lines_add(l, INK_TEXT, "canary     %s, then all", buf_cstr(&steps));
	json_array_foreach(json_object_get(canary, "limits"), i, one)
	        buf_addf(&limits, "%s%s", i > 0 ? "; " : "", json_string_value(one));
	lines_add(l, limits.n > 0 ? INK_TEXT : INK_WAIT, "limits     %s",
	          limits.n > 0 ? buf_cstr(&limits) : "none: nothing puts it back by itself");
}

static void
time_add(struct lines *l, const json_t *plan)
{
	const json_t *last = json_object_get(plan, "lasted"), *step;
	char held[16], took[16];
	uint64_t held_s = 0;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(plan, "canary"), "steps"), i, step)
	        held_s += json_opt_u64(step, "hold_s");
	text_took(held, held_s);
	text_took(took, json_opt_u64(last, "seconds"));
	if (held_s > 0)
		lines_add(l, INK_TEXT, "steps      held for %s in all", held);
	if (json_is_object(last))
		lines_add(l, INK_TEXT, "time       the last one of this stage took %s", took);
}

static void
past_add(struct lines *l, const json_t *plan, const char *from)
{
	const json_t *c = json_object_get(plan, "fileChanges");

	if (json_is_object(c))
		lines_add(l, INK_TEXT,
		          "files      %llu changed, %llu added, %llu removed, %llu as in %s",
		          (unsigned long long)json_opt_u64(c, "changed"),
		          (unsigned long long)json_opt_u64(c, "added"),
		          (unsigned long long)json_opt_u64(c, "removed"),
		          (unsigned long long)json_opt_u64(c, "same"), from);
	time_add(l, plan);
}

bool
plan_is(const json_t *plan)
{
	return json_is_array(json_object_get(plan, "targets")) &&
	       json_is_array(json_object_get(plan, "checks"));
}

void
plan_check_lines(struct lines *l, const json_t *plan)
{
	const json_t *targets = json_object_get(plan, "targets"), *t;
	size_t i;

	if (json_text(plan, "missingImages")[0])
		lines_add(l, state_ink("warn"), "%-12s %-10s %s", "warn", "images",
		          json_text(plan, "missingImages"));
	checks_add(l, json_object_get(plan, "checks"));
	json_array_foreach(targets, i, t) findings_add(l, t);
	if (json_array_size(targets) == 0)
		lines_add(l, INK_WAIT,
		          "%-12s %-10s the stage has none: it moves at once, nothing is "
		          "deployed",
		          "warn", "targets");
}

static void
head_add(struct lines *l, const json_t *plan, const char *from, const char *to)
{
	char size[16];

	show_size(size, json_opt_u64(plan, "bytes"));
	if (json_opt_u64(plan, "number") > 0)
		lines_add(l, show_stage_ink(json_text(plan, "stage")),
		          "%s: %s -> %s, %llu file%s, %s", json_text(plan, "stage"), from, to,
		          (unsigned long long)json_opt_u64(plan, "files"),
		          json_opt_u64(plan, "files") == 1 ? "" : "s", size);
	else
		lines_add(l, show_stage_ink(json_text(plan, "stage")), "%s: %s -> %s",
		          json_text(plan, "stage"), from, to);
}

void
plan_lines(struct lines *l, const json_t *plan)
{
	const json_t *targets = json_object_get(plan, "targets");
	char from[24], to[24];

	version_name(from, json_opt_u64(plan, "nowNumber"));
	version_name(to, json_opt_u64(plan, "number"));
	if (json_is_true(json_object_get(plan, "already"))) {
		lines_add(l, INK_OK, "%s of %s holds %s already: nothing would change",
		          json_text(plan, "stage"), json_text(plan, "model"), to);
		return;
	}
	head_add(l, plan, from, to);
	where_add(l, targets);
	way_back_add(l, plan); /* here it is in sight at every size and under every question */
	if (json_text(plan, "absent")[0])
		lines_add(l, state_ink("warn"), "absent     %s", json_text(plan, "absent"));
	if (json_text(plan, "missingImages")[0])
		lines_add(l, state_ink("warn"), "images     %s", json_text(plan, "missingImages"));
	const char *digest = json_text(plan, "version");
	if (digest[0])
		lines_add(l, INK_TEXT, "sha256     %s",
		          has_prefix(digest, "sha256:") ? digest + 7 : digest);
	canary_add(l, plan);
	past_add(l, plan, from);
	for (size_t i = 0; i < json_array_size(targets); i++)
		target_add(l, targets, i);
	if (json_array_size(targets) == 0)
		lines_add(l, INK_WAIT,
		          "targets    none: the stage moves at once, nothing is deployed");
}
