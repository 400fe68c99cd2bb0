/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The menu of acts and the menu of copying, over any screen. What the cursor was on when it opened
 * is what is acted on, whatever the list does meanwhile. Fields are asked one after the other; then
 * the command line is shown and asked as any other.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/ref.h"
#include "tui/acts.h"
#include "tui/console_private.h"

/* Why this act would be refused now; "" when nothing is known against it. */
static void
why_off(const struct console *c, const struct act *a, char *ret, size_t size)
{
	const struct view_subject *s = &c->acts.subject;
	const char *verb = a->words[0];
	cleanup_txn struct txn *t = NULL;
	struct version_row v;
	struct ref r;
	struct err e = { 0 };

	ret[0] = '\0';
	if (streq(verb, "gc") && !a->reads && !c->acts.gc_seen)
		(void)snprintf(ret, size, "look first: g shows what would go");
	if (a->needs != NEEDS_REF || !c->app->registry || ref_parse(s->ref, &r, &e) < 0 ||
	    r.kind != REF_NUMBER || store_read_begin(c->app->registry->store, &t, &e) < 0 ||
	    version_get(t, s->model, r.number, &v, &e) < 0)
		return;
	if (streq(verb, "retire") && v.state.life != LIFE_LIVE)
		(void)snprintf(ret, size, "it is %s", lifecycle_name(v.state.life));
	else if (streq(verb, "hold") && v.state.is_held)
		(void)snprintf(ret, size, "it is held");
	else if (streq(verb, "release") && !v.state.is_held)
		(void)snprintf(ret, size, "it is not held");
	else if (v.state.life == LIFE_DELETED && !a->reads)
		(void)snprintf(ret, size, "it is deleted");
}

static void
subject_take(struct console *c)
{
	const struct view *v = console_top(c);

	c->acts.subject = (struct view_subject){ 0 };
	if (v->ops->subject)
		v->ops->subject(v, &c->acts.subject);
}

void
acts_menu(struct console *c)
{
	struct view_request r = { 0 };
	const struct view_subject *s = &c->acts.subject;
	char why[100];

	subject_take(c);
	(void)snprintf(r.menu.title, sizeof(r.menu.title), "%.100s",
	               s->ref[0]      ? s->ref
	               : s->model[0]  ? s->model
	               : s->target[0] ? s->target
	                              : "this registry");
	for (const struct act *a = acts; a->key; a++) {
		if (!act_fits(a, s))
			continue;
		why_off(c, a, why, sizeof(why));
		menu_add(&r.menu, a->key, false, why[0] ? "%s (%s)" : "%s", a->text, why);
		r.menu.items.v[r.menu.items.n - 1].is_off = why[0] != '\0';
	}
	menu_open(c, &r);
	c->acts.menu = MENU_ACTS;
	request_fini(&r);
}

static const struct {
	const char *key, *name;
	size_t offset;
} copied[] = {
	{ "n", "name", offsetof(struct view_subject, model) },
	{ "r", "reference", offsetof(struct view_subject, ref) },
	{ "d", "digest", offsetof(struct view_subject, digest) },
	{ "p", "plan", offsetof(struct view_subject, plan) },
	{ "j", "job", offsetof(struct view_subject, job) },
	{ "t", "target", offsetof(struct view_subject, target) },
	{ "l", "line", offsetof(struct view_subject, text) },
};

static const char *
copied_value(const struct console *c, size_t i)
{
	return i < COUNT(copied) ? (const char *)&c->acts.subject + copied[i].offset
	                         : c->acts.command;
}

void
copy_menu(struct console *c)
{
	struct view_request r = { 0 };

	subject_take(c);
	(void)snprintf(r.menu.title, sizeof(r.menu.title),
	               "copy to the clipboard of your terminal");
	for (size_t i = 0; i <= COUNT(copied); i++) {
		const char *value = copied_value(c, i);
		if (value[0])
			menu_add(&r.menu, i < COUNT(copied) ? copied[i].key : "c", false,
			         "%-10s %.150s", i < COUNT(copied) ? copied[i].name : "command",
			         value);
	}
	if (r.menu.items.n == 0)
		(void)snprintf(c->flash, sizeof(c->flash), "nothing on this line can be copied");
	menu_open(c, &r);
	c->acts.menu = MENU_COPY;
	request_fini(&r);
}

static void
copy_pick(struct console *c, size_t item)
{
	struct err e = { 0 };

	for (size_t i = 0; i <= COUNT(copied); i++) {
		const char *value = copied_value(c, i);
		if (!value[0] || item-- > 0)
			continue;
		if (screen_copy(c->screen, str_of(value), &e) < 0)
			notice_err(&c->shared.notices, &e);
		else
			(void)snprintf(c->flash, sizeof(c->flash), "copied: %.140s", value);
		return;
	}
}

/* --- fields --- */

static void
field_next(struct console *c)
{
	const struct act *a = c->acts.act;
	const char *fields[ACT_FIELDS] = { c->acts.fields[0], c->acts.fields[1] };
	struct view_request r = { .reads = a->reads };
	struct err e = { 0 };

	if (c->acts.at < ACT_FIELDS && a->fields[c->acts.at].ask) {
		prompt_open(c, PROMPT_FIELD);
		return;
	}
	if (act_words(a, &c->acts.subject, fields, &r.argv, &e) < 0) {
		if (c->acts.at == 0)
			notice_err(&c->shared.notices, &e);
		else /* asked once more, with what was typed */
			c->acts.at--;
		(void)snprintf(c->acts.wrong, sizeof(c->acts.wrong), "%.199s", e.msg);
		c->prompt.wrong = c->acts.wrong;
	} else {
		act_protect(&r);
		c->acts.gc_seen |= streq(a->words[0], "gc");
		prompt_close(c);
		prompt_run(c, &r);
	}
	request_fini(&r);
}

void
acts_pick(struct console *c, size_t item)
{
	if (c->acts.menu == MENU_COPY) {
		copy_pick(c, item);
		return;
	}
	for (const struct act *a = acts; a->key; a++) {
		if (!act_fits(a, &c->acts.subject) || item-- > 0)
			continue;
		c->acts.act = a;
		c->acts.at = 0;
		memset(c->acts.fields, 0, sizeof(c->acts.fields));
		field_next(c);
		return;
	}
}

/* "~/models" is what a shell would make of it: no shell sees these words. */
static void
field_home(struct prompt *p)
{
	const char *home = getenv("HOME");
	cleanup_free char *whole = NULL;

	if (!home || !has_prefix(p->line.text, "~/"))
		return;
	whole = xasprintf("%s%s", home, p->line.text + 1);
	if (strlen(whole) < LINE_SIZE)
		line_set(&p->line, whole);
}

void
field_take(struct console *c)
{
	struct prompt *p = &c->prompt;
	const struct act_field *f = &c->acts.act->fields[c->acts.at];

	if (!p->line.text[0] && !f->is_optional) {
		p->wrong = "nothing was typed";
		return;
	}
	if (f->is_path)
		field_home(p);
	(void)str_copy(c->acts.fields[c->acts.at++], LINE_SIZE, p->line.text);
	field_next(c);
}

const char *
field_ask(const struct console *c)
{
	return c->acts.act->fields[c->acts.at].ask;
}

bool
field_is_path(const struct console *c)
{
	return c->acts.act->fields[c->acts.at].is_path;
}

/* --- names of files --- */

struct path_look {
	const char *name; /* what they begin with */
	size_t name_n, found;
	char common[256];
	bool is_dir; /* the only one is a folder */
};

static void
path_take(struct path_look *k, const char *dir, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	size_t i = 0;

	if (strncmp(name, k->name, k->name_n) != 0 || streq(name, ".") || streq(name, "..") ||
	    (name[0] == '.' && k->name[0] != '.'))
		return;
	k->is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	if (k->found++ == 0) {
		(void)snprintf(k->common, sizeof(k->common), "%.255s", name);
		return;
	}
	while (k->common[i] && k->common[i] == name[i])
		i++;
	k->common[i] = '\0';
}

/* "~/models/fa": the folder is read, what all that fit begin with is added. */
void
field_complete(struct console *c)
{
	struct line *l = &c->prompt.line;

	if (!field_is_path(c) || l->at != l->n)
		return;
	field_home(&c->prompt);
	const char *slash = strrchr(l->text, '/');
	cleanup_free char *dir =
	        slash ? xstrndup(l->text, (size_t)(slash - l->text) + 1) : xstrdup(".");
	struct path_look k = { .name = slash ? slash + 1 : l->text };
	const struct dirent *one;

	k.name_n = strlen(k.name);
	DIR *d = opendir(dir);
	while (d && (one = readdir(d)))
		path_take(&k, dir, one->d_name);
	if (d)
		(void)closedir(d);
	c->prompt.wrong = k.found == 0 ? "no such name there" : NULL;
	if (k.found == 0)
		return;
	for (const char *p = k.common + k.name_n; *p; p++) {
		const struct key key = { .code = K_CHAR, .text = { *p } };
		(void)line_key(l, &key);
	}
	if (k.found == 1 && k.is_dir) {
		const struct key key = { .code = K_CHAR, .text = { '/' } };
		(void)line_key(l, &key);
	}
}
