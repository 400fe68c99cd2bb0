/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people, from the JSON of the command: nothing is computed that the command did not
 * say. */
#include "tui/view/plan_lines.h"

#include <stdio.h>

#include "registry/base/buf.h"
#include "tui/view/show.h"

static const char *
string_of(const json_t *o, const char *key)
{
	const char *s = json_opt_string(o, key);

	return s ? s : "";
}

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

static void
checks_add(struct lines *l, const json_t *checks)
{
	const json_t *c;
	size_t i;

	json_array_foreach(checks, i, c)
	{
		const char *state = string_of(c, "state");
		lines_add(l, state_ink(state), "%-10s %s%s%s", string_of(c, "name"), state,
		          string_of(c, "text")[0] ? ", " : "", string_of(c, "text"));
	}
}

static void
findings_add(struct lines *l, const json_t *findings)
{
	const json_t *f;
	size_t i;

	json_array_foreach(findings, i, f)
	{
		const char *level = string_of(f, "level");
		if (streq(level, "ok"))
			continue; /* what is well need not be read before a decision */
		lines_add(l, state_ink(level), "  %-8s %s", level, string_of(f, "text"));
		if (string_of(f, "hint")[0])
			lines_add(l, INK_TEXT, "           %s", string_of(f, "hint"));
	}
}

static void
images_add(struct lines *l, const json_t *images)
{
	const json_t *one;
	size_t i;

	json_array_foreach(images, i, one)
	{
		const bool is_fine = streq(string_of(one, "state"), "there") ||
		                     json_is_true(json_object_get(one, "pushed"));

		lines_add(l, is_fine ? INK_TEXT : INK_WAIT, "  image    %s",
		          string_of(one, "text"));
	}
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

	lines_add(l, INK_HEAD, "%-10s %s %s", string_of(t, "name"), string_of(t, "driver"),
	          string_of(t, "address")[0] ? string_of(t, "address") : string_of(t, "path"));
	if (is_same)
		lines_add(l, INK_CHANGED, "  change   as of %s",
		          string_of(json_array_get(targets, like), "name"));
	json_array_foreach(changes, i, change) if (!is_same && json_is_string(change))
	        lines_add(l, INK_CHANGED, "  change   %s", json_string_value(change));
	if (json_array_size(changes) == 0 && json_is_object(json_object_get(t, "facts")))
		lines_add(l, INK_DIM, "  change   none");
	images_add(l, json_object_get(t, "images"));
	findings_add(l, json_object_get(t, "findings"));
	if (streq(string_of(t, "golden"), "no"))
		lines_add(l, INK_WAIT, "  answers  not checked: there is no golden request");
}

static void
way_back_add(struct lines *l, const json_t *plan)
{
	const json_t *back = json_object_get(plan, "wayBack");
	const char *command = string_of(back, "command");
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
		lines_add(l, INK_TEXT, "where      %s%s: %s", string_of(t, "name"), more,
		          string_of(t, "where"));
	}
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
plan_lines(struct lines *l, const json_t *plan)
{
	const json_t *targets = json_object_get(plan, "targets");
	char from[24], to[24], size[16];
	size_t i;

	if (!json_is_array(targets) || !json_is_array(json_object_get(plan, "checks")))
		return false;
	version_name(from, json_opt_u64(plan, "nowNumber"));
	version_name(to, json_opt_u64(plan, "number"));
	show_size(size, json_opt_u64(plan, "bytes"));
	if (json_is_true(json_object_get(plan, "already"))) {
		lines_add(l, INK_OK, "%s of %s holds %s already: nothing would change",
		          string_of(plan, "stage"), string_of(plan, "model"), to);
		return true;
	}
	if (json_opt_u64(plan, "number") > 0)
		lines_add(l, show_stage_ink(string_of(plan, "stage")),
		          "%s: %s -> %s, %llu file%s, %s", string_of(plan, "stage"),
		          from, to, (unsigned long long)json_opt_u64(plan, "files"),
		          json_opt_u64(plan, "files") == 1 ? "" : "s", size);
	else
		lines_add(l, show_stage_ink(string_of(plan, "stage")), "%s: %s -> %s",
		          string_of(plan, "stage"), from, to);
	where_add(l, targets);
	way_back_add(l, plan); /* here it is in sight at every size and under every question */
	if (string_of(plan, "absent")[0])
		lines_add(l, state_ink("warn"), "absent     %s", string_of(plan, "absent"));
	if (string_of(plan, "missingImages")[0])
		lines_add(l, state_ink("warn"), "images     %s", string_of(plan, "missingImages"));
	const char *digest = string_of(plan, "version");
	if (digest[0])
		lines_add(l, INK_TEXT, "sha256     %s",
		          has_prefix(digest, "sha256:") ? digest + 7 : digest);
	past_add(l, plan, from);
	checks_add(l, json_object_get(plan, "checks"));
	for (i = 0; i < json_array_size(targets); i++)
		target_add(l, targets, i);
	if (json_array_size(targets) == 0)
		lines_add(l, INK_WAIT,
		          "targets    none: the stage moves at once, nothing is deployed");
	return true;
}
