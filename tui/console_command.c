/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Tab does behind ":". Words come from the table of verbs and from the registry, as in a
 * shell: verbs and screens, flags, references, stages, targets, plans, jobs. What stands there has
 * its usage shown.
 */
#include <stdio.h>
#include <string.h>

#include "registry/policy.h"
#include "tui/cmd/cmd.h"
#include "tui/console_private.h"

#define LOOK_MAX 200u /* rows of one kind that are offered */

struct completion {
	const char *prefix;
	char common[LINE_SIZE];
	size_t found, seen;
	char *candidates;
	size_t size;
	const char *head; /* put before each: "face@" */
};

static void
take(struct completion *k, const char *word)
{
	char whole[LINE_SIZE];
	size_t i = 0;

	(void)snprintf(whole, sizeof(whole), "%s%s", k->head ? k->head : "", word);
	if (!has_prefix(whole, k->prefix))
		return;
	const size_t used = strlen(k->candidates);
	(void)snprintf(k->candidates + used, k->size - used, "%s%s", used > 0 ? "  " : "", word);
	if (k->found++ == 0) {
		(void)str_copy(k->common, sizeof(k->common), whole);
		return;
	}
	while (k->common[i] && k->common[i] == whole[i])
		i++;
	k->common[i] = '\0';
}

static int
take_model(void *arg, const struct model_row *m)
{
	struct completion *k = arg;

	if (!has_prefix(m->name, k->prefix))
		return 1;
	take(k, m->name);
	return ++k->seen == LOOK_MAX;
}

static int
take_version(void *arg, const struct version_row *v)
{
	struct completion *k = arg;
	char number[24];

	(void)snprintf(number, sizeof(number), "v%llu", (unsigned long long)v->number);
	take(k, number);
	return ++k->seen == LOOK_MAX;
}

static int
take_alias(void *arg, const char *alias, uint64_t number)
{
	(void)number;
	take(arg, alias);
	return 0;
}

static int
take_target(void *arg, const struct target_row *t)
{
	struct completion *k = arg;

	take(k, t->name);
	return ++k->seen == LOOK_MAX;
}

static int
take_plan(void *arg, const struct plan_row *p)
{
	struct completion *k = arg;
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->id, id);
	if (!plan_is_settled(p))
		take(k, id);
	return ++k->seen == LOOK_MAX;
}

static int
take_job(void *arg, const struct job_row *j)
{
	struct completion *k = arg;

	take(k, j->id);
	return ++k->seen == LOOK_MAX;
}

static void
take_stages(struct console *c, struct txn *t, struct completion *k)
{
	struct policy p = { 0 };
	struct err ignored = { 0 };

	if (policy_current(c->app->registry, t, &p, &ignored) < 0)
		return;
	for (size_t i = 0; i < p.stages_n; i++)
		take(k, p.stages[i].name);
	policy_fini(&p);
}

/* Behind "face@": versions, stages, aliases. */
static void
take_reference(struct console *c, struct txn *t, struct completion *k)
{
	const size_t n = (size_t)(strchr(k->prefix, '@') - k->prefix) + 1;
	cleanup_free char *head = xstrndup(k->prefix, n);
	cleanup_free char *model = xstrndup(k->prefix, n - 1);
	struct err ignored = { 0 };

	k->head = head;
	take(k, "latest");
	take_stages(c, t, k);
	(void)alias_each(t, model, take_alias, k, &ignored);
	(void)version_each(t, model, 0, take_version, k, &ignored);
	k->head = NULL;
}

static void
take_flags(const struct console *c, const struct words *w, struct completion *k)
{
	static const char *const common[] = { "--yes", "--reason", "--dry-run", "--confirm" };
	const struct cmd *m = command_verb(c, w);

	for (const struct opt *o = m ? m->opts : NULL; o && o->name; o++)
		take(k, o->name);
	for (size_t i = 0; i < COUNT(common); i++)
		take(k, common[i]);
}

static void
take_verbs(const struct console *c, struct completion *k)
{
	const char *last = "";

	for (const struct cmd *const *m = c->verbs; *m; m++) {
		if (!streq((*m)->name, last)) /* those of two words stand together */
			take(k, (*m)->name);
		last = (*m)->name;
	}
	for (const struct view_ops *const *v = view_table; *v; v++)
		if (console_screen_named((*v)->name) != ACT_NONE)
			take(k, (*v)->name);
}

static void
take_rows(struct console *c, const struct words *w, struct completion *k)
{
	cleanup_txn struct txn *t = NULL;
	struct err e = { 0 };
	const char *verb = w->v[0], *before = w->v[w->n - 1];

	if (!c->app->registry || store_read_begin(c->app->registry->store, &t, &e) < 0)
		return;
	if (streq(before, "--to") || streq(before, "--stage"))
		take_stages(c, t, k);
	else if (streq(before, "--target") || streq(verb, "target"))
		(void)target_each(t, NULL, take_target, k, &e);
	else if (streq(verb, "approve") || streq(verb, "apply") || streq(verb, "plan"))
		(void)plan_each(t, take_plan, k, &e);
	else if (streq(verb, "job"))
		(void)job_each(t, take_job, k, &e);
	else if (strchr(k->prefix, '@'))
		take_reference(c, t, k);
	else
		(void)model_each(t, k->prefix, take_model, k, &e);
}

/* The words of two-word verbs: "plan" is followed by "list", "show" .. */
static void
take_second(const struct console *c, const char *first, struct completion *k)
{
	for (const struct cmd *const *m = c->verbs; *m; m++)
		if (streq((*m)->name, first) && (*m)->sub)
			take(k, (*m)->sub);
}

void
command_complete(struct console *c)
{
	struct line *l = &c->prompt.line;
	const char *space = strrchr(l->text, ' ');
	struct completion k = { .prefix = space ? space + 1 : l->text,
		                .candidates = c->typed.candidates,
		                .size = sizeof(c->typed.candidates) };
	cleanup_free char *before = space ? xstrndup(l->text, (size_t)(space - l->text)) : NULL;
	struct words w = { 0 };
	struct err ignored = { 0 };

	c->typed.candidates[0] = '\0';
	if (l->at != l->n || (before && words_parse(&w, before, &ignored) < 0)) {
		words_fini(&w);
		return;
	}
	if (w.n == 0)
		take_verbs(c, &k);
	else if (k.prefix[0] == '-')
		take_flags(c, &w, &k);
	else {
		if (w.n == 1)
			take_second(c, w.v[0], &k);
		if (k.found == 0)
			take_rows(c, &w, &k);
	}
	words_fini(&w);
	if (k.found < 2)
		c->typed.candidates[0] = '\0';
	for (const char *p = k.common + (k.found > 0 ? strlen(k.prefix) : 0); *p; p++) {
		const struct key one = { .code = K_CHAR, .text = { *p } };
		(void)line_key(l, &one);
	}
}

void
command_usage(const struct console *c, struct buf *ret)
{
	struct words w = { 0 };
	struct err ignored = { 0 };
	const struct cmd *m =
	        words_parse(&w, c->prompt.line.text, &ignored) < 0 ? NULL : command_verb(c, &w);

	if (m && (!m->sub || w.n > 1)) {
		buf_addf(ret, "%s%s%s", m->name, m->sub ? " " : "", m->sub ? m->sub : "");
		if (m->args && m->args[0])
			buf_addf(ret, " %s", m->args);
		buf_addf(ret, ": %s", m->summary);
	}
	words_fini(&w);
}
