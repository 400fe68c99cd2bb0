/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and policy: whom this registry trusts with what, and what each stage wants. Shown as the
 * database has it; what counts is decided by the commands, from signed entries. Changes are new
 * signed policies: key and policy commands.
 */
#include <stdio.h>
#include <string.h>

#include "registry/history.h"
#include "tui/view/policy_page.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define CHAIN_MAX 64 /* policies that are looked back through */

enum { ITEM_REVOKE, ITEM_TRUST, ITEM_ROTATE };

struct since { /* of each key, by the oldest of an unbroken row of policies that have it */
	VEC(struct page_key) keys;
	uint64_t of_seq; /* read when that policy was in force, plus one */
};
struct keys {
	struct sheet sheet;
	struct policy_page page;
	struct since since;
	struct page_key acted_on;
	struct err failed;
};

static int
own_keep(void *arg, const struct keyring_item *k)
{
	struct policy_page *page = arg;

	if (!k->is_agent && !k->is_log)
		vec_push(&page->own, *k);
	return 0;
}

/* --- since when --- */

static struct page_key *
since_find(struct since *s, const char *id)
{
	vec_foreach(k, &s->keys)
		if (streq(k->id, id))
			return k;
	return NULL;
}

/* p is older than all seen before: keys that the one behind it had too are that old. */
static void
since_keep(struct since *s, const struct policy *p, uint64_t newer)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++) {
			struct page_key *had = since_find(s, p->people[i].keys[k].id);
			struct page_key new = { 0 };
			if (had && had->since_version != newer)
				continue; /* it was away in between */
			if (!had && newer > 0)
				continue; /* no longer trusted */
			(void)str_copy(new.id, sizeof(new.id), p->people[i].keys[k].id);
			new.since_version = p->version;
			new.since_s = p->issued_s;
			if (had)
				*had = new;
			else
				vec_push(&s->keys, new);
		}
}

/* The one before it, by the link of its entry. */
static int
policy_before(struct view *v, struct txn *t, struct policy *p, struct err *e)
{
	struct policy before = { 0 };
	struct entry now, then;
	int rc = history_entry(v->app->registry, t, p->seq, &now, e);

	if (rc < 0)
		return rc;
	const bool is_first = !now.has_policy;
	const uint64_t seq = now.policy;
	entry_fini(&now);
	rc = is_first || seq >= p->seq ? -ERR_NOT_FOUND
	                               : history_entry(v->app->registry, t, seq, &then, e);
	if (rc < 0)
		return rc;
	rc = policy_of_entry(&then, &before, e);
	before.seq = seq;
	entry_fini(&then);
	policy_fini(p);
	*p = before;
	return rc;
}

static void
since_read(struct view *v, struct txn *t, uint64_t seq)
{
	struct keys *s = v->state;
	struct policy p = { 0 };
	struct err ignored = { 0 };
	uint64_t newer = 0;

	if (s->since.of_seq == seq + 1)
		return;
	s->since.of_seq = seq + 1;
	s->since.keys.n = 0;
	if (policy_current(v->app->registry, t, &p, &ignored) < 0)
		return;
	for (int i = 0; i < CHAIN_MAX; i++) {
		since_keep(&s->since, &p, newer);
		newer = p.version;
		if (policy_before(v, t, &p, &ignored) < 0)
			break;
	}
	policy_fini(&p);
}

static void
since_of(void *arg, struct page_key *k)
{
	const struct page_key *had = since_find(arg, k->id);

	if (!had)
		return;
	k->since_version = had->since_version;
	k->since_s = had->since_s;
}

/* --- the page --- */

static int
keys_read(struct view *v, struct policy *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc = view_read(v, &t, e);

	if (rc == 0)
		rc = policy_current(v->app->registry, t, ret, e);
	if (rc == 0)
		since_read(v, t, ret->seq);
	return rc;
}

static int
keys_reload(struct view *v, struct err *e)
{
	struct keys *s = v->state;
	struct policy p = { 0 };
	struct err unread = { 0 };

	(void)e;
	err_clear(&s->failed);
	sheet_clear(&s->sheet);
	s->page.own.n = 0;
	(void)keyring_each(own_keep, &s->page, &unread);
	const bool has_policy = keys_read(v, &p, &s->failed) == 0;
	policy_page(&s->sheet, &s->page, has_policy ? &p : NULL, since_of, &s->since);
	if (unread.code != ERR_OK)
		sheet_add(&s->sheet, INK_BAD, 0, "your keys cannot all be read: %s", unread.msg);
	if (!has_policy)
		sheet_add(&s->sheet, INK_TEXT, 0, "%s%s%s", s->failed.msg,
		          s->failed.hint[0] ? ": " : "", s->failed.hint);
	policy_fini(&p);
	sheet_settle(&s->sheet, v->filter);
	return 0;
}

static void
keys_draw(struct view *v, const struct area *a)
{
	struct keys *s = v->state;
	const size_t top = filter_draw(v, a, sheet_hits(&s->sheet), false, "lines");
	const struct area page = area_rows(a, top, a->rows);

	v->page = page.rows;
	if (s->sheet.shown.n == 0)
		paint_prose(&page, 1, 1, INK_TEXT,
		            "nothing matches these words; / then Esc clears them");
	sheet_draw(&s->sheet, &page);
}

static const struct page_key *
chosen(const struct keys *s)
{
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	return r && r->tag > 0 && r->tag <= s->page.keys.n ? &s->page.keys.v[r->tag - 1] : NULL;
}

static enum handled
key_menu(struct keys *s, const struct page_key *k, struct view_request *ret)
{
	struct menu *const m = &ret->menu;

	s->acted_on = *k;
	(void)snprintf(m->title, sizeof(m->title), "%s%s%.60s", k->person, k->person[0] ? ": " : "",
	               k->id);
	menu_add(m, "r", false,
	         k->is_revoked  ? "revoke: it is revoked already"
	         : k->person[0] ? "revoke it, for good, from now on"
	                        : "revoke: the policy does not know it");
	m->items.v[ITEM_REVOKE].is_off = k->is_revoked || !k->person[0];
	menu_add(m, "", false, "trust another key: type :key trust FILE --person NAME");
	m->items.v[ITEM_TRUST].is_off = true;
	menu_add(m, "", false, "a new key of yours in its place: slipway key rotate, in a shell");
	m->items.v[ITEM_ROTATE].is_off = true;
	return OPEN_MENU;
}

static enum handled
keys_picked(struct view *v, size_t item, struct view_request *ret)
{
	const struct keys *s = v->state;

	if (item != ITEM_REVOKE)
		return HANDLED;
	words_of(&ret->argv, "key", "revoke", s->acted_on.id, "--yes", "-o", "json");
	(void)str_copy(ret->protected_name, sizeof(ret->protected_name), s->acted_on.person);
	ret->protected_what = "person";
	return RUN_ARGV;
}

static enum handled
keys_action(struct view *v, enum action act, struct view_request *ret)
{
	struct keys *s = v->state;
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	if (act == ACT_OPEN && chosen(s))
		return key_menu(s, chosen(s), ret);
	if (act == ACT_OPEN && r && r->is_head)
		act = ACT_FOLD;
	if (act == ACT_OPEN && r)
		return HANDLED;
	if (act == ACT_VERIFY && v->app->registry) {
		words_of(&ret->argv, "policy", "check");
		ret->reads = true;
		return RUN_ARGV;
	}
	return sheet_act(&s->sheet, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
keys_why_not(const struct view *v, enum action act, struct buf *ret)
{
	if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		buf_adds(ret, v->filter[0] ? "nothing matches these words" : "no warning here");
	else if (act == ACT_VERIFY)
		buf_adds(ret, "no registry is open");
}

static void
keys_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "keys and policy");
}

static void
keys_subject(const struct view *v, struct view_subject *ret)
{
	const struct keys *s = v->state;
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	if (chosen(s))
		(void)str_copy(ret->text, sizeof(ret->text), chosen(s)->id);
	else if (r)
		(void)snprintf(ret->text, sizeof(ret->text), "%.399s", r->text);
}

static bool
keys_can(const struct view *v, enum action act)
{
	const struct keys *s = v->state;

	if (act == ACT_OPEN)
		return chosen(s) != NULL;
	if (act == ACT_VERIFY)
		return v->app->registry != NULL;
	return sheet_can(&s->sheet, act);
}

static void
keys_close(struct view *v)
{
	struct keys *s = v->state;

	sheet_fini(&s->sheet);
	policy_page_fini(&s->page);
	vec_fini(&s->since.keys);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "acts of the key" },
	{ ACT_VERIFY, "check the policy" },
	{ ACT_NEXT_HIT, "next warning" },
	{ ACT_FOLD, "fold" },
	{ ACT_COPY, "copy" },
	{ 0, NULL },
};

const struct view_ops view_keys = {
	.name = "keys",
	.state_size = sizeof(struct keys),
	.reload = keys_reload,
	.title = keys_title,
	.draw = keys_draw,
	.action = keys_action,
	.picked = keys_picked,
	.subject = keys_subject,
	.close = keys_close,
	.can = keys_can,
	.why_not = keys_why_not,
	.has_filter = true,
	.hints = hints,
};
