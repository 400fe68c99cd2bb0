/* SPDX-License-Identifier: Apache-2.0 */
/* The table of acts, and their words. Runs nothing. */
#include "tui/acts.h"

#include <string.h>

#include "registry/ref.h"

/* clang-format off */
const struct act acts[] = {
	{ .key = "t", .text = "retire it: no new promotion", .needs = NEEDS_REF,
	  .words = { "retire", "{ref}", "--yes", "--reason", "{1}" },
	  .fields = { { .ask = "reason (may be empty)", .is_optional = true } } },
	{ .key = "h", .text = "hold its bytes, whatever gc says", .needs = NEEDS_REF,
	  .words = { "hold", "{ref}", "--reason", "{1}" },
	  .fields = { { .ask = "why? whoever meets it later is told" } } },
	{ .key = "e", .text = "release it from being held", .needs = NEEDS_REF,
	  .words = { "release", "{ref}", "--reason", "{1}" },
	  .fields = { { .ask = "why? whoever meets it later is told" } } },
	{ .key = "l", .text = "label the version", .needs = NEEDS_REF,
	  .words = { "label", "{ref}", "{1..}" },
	  .fields = { { .ask = "labels, K=V or K- to take one off" } } },
	{ .key = "m", .text = "label the model: owner, contact, description", .needs = NEEDS_MODEL,
	  .words = { "label", "{model}", "{1..}" },
	  .fields = { { .ask = "labels, K=V or K- to take one off" } } },
	{ .key = "n", .text = "write a note", .needs = NEEDS_REF,
	  .words = { "note", "{ref}", "{1}" },
	  .fields = { { .ask = "text of the note" } } },
	{ .key = "a", .text = "let an alias mean it", .needs = NEEDS_REF,
	  .words = { "alias", "{ref}", "{1}" },
	  .fields = { { .ask = "alias" } } },
	{ .key = "s", .text = "sign it", .needs = NEEDS_REF,
	  .words = { "sign", "{ref}" } },
	{ .key = "v", .text = "verify signatures and bytes", .needs = NEEDS_REF,
	  .words = { "verify", "{ref}", "-o", "json" }, .reads = true },
	{ .key = "x", .text = "export it to a folder", .needs = NEEDS_REF,
	  .words = { "export", "{ref}", "{1}" },
	  .fields = { { .ask = "folder to write to", .is_path = true } } },
	{ .key = "K", .text = "revoke it: it must not serve any more", .needs = NEEDS_REF,
	  .words = { "revoke", "{ref}", "--yes", "--reason", "{1}" },
	  .fields = { { .ask = "reason" } },
	  .wants_name = true },
	{ .key = "D", .text = "delete it: its bytes go with the next gc", .needs = NEEDS_REF,
	  .words = { "delete", "{ref}", "--yes", "--reason", "{1}" },
	  .fields = { { .ask = "reason (may be empty)", .is_optional = true } },
	  .wants_name = true },
	{ .key = "c", .text = "discard the plan", .needs = NEEDS_PLAN,
	  .words = { "plan", "discard", "{plan}", "--yes" } },
	{ .key = "T", .text = "ask the target", .needs = NEEDS_TARGET,
	  .words = { "target", "test", "{target}" }, .reads = true },
	{ .key = "i", .text = "import a file or a folder", .needs = NEEDS_NOTHING,
	  .words = { "import", "{1}", "--as", "{2}" },
	  .fields = { { .ask = "file or folder", .is_path = true }, { .ask = "as which model" } } },
	{ .key = "k", .text = "check the registry", .needs = NEEDS_NOTHING,
	  .words = { "check" }, .reads = true },
	{ .key = "d", .text = "doctor: this machine and this registry", .needs = NEEDS_NOTHING,
	  .words = { "doctor" }, .reads = true },
	{ .key = "g", .text = "gc, dry run: what would go", .needs = NEEDS_NOTHING,
	  .words = { "gc", "--dry-run" }, .reads = true },
	{ .key = "G", .text = "gc: remove what nothing names", .needs = NEEDS_NOTHING,
	  .words = { "gc", "--yes" } },
	{ .key = NULL },
};
/* clang-format on */

static const char *
place_of(const char *word, const struct view_subject *s)
{
	if (streq(word, "{ref}"))
		return s->ref;
	if (streq(word, "{model}"))
		return s->model;
	if (streq(word, "{plan}"))
		return s->plan;
	return streq(word, "{target}") ? s->target : word;
}

bool
act_fits(const struct act *a, const struct view_subject *s)
{
	switch (a->needs) {
	case NEEDS_NOTHING:
		return true;
	case NEEDS_MODEL:
		return s->model[0] != '\0';
	case NEEDS_REF:
		return s->ref[0] != '\0';
	case NEEDS_PLAN:
		return s->plan[0] != '\0';
	case NEEDS_TARGET:
		return s->target[0] != '\0';
	}
	return false;
}

/* The model of the first version that is named; a word behind a flag may be its value. */
static void
model_find(const struct words *w, bool also_behind_flags, char *ret, size_t size)
{
	struct err ignored = { 0 };
	struct ref ref;

	for (size_t i = 1; i < w->n && !ret[0]; i++)
		if (w->v[i][0] != '-' && (also_behind_flags || w->v[i - 1][0] != '-') &&
		    ref_parse(w->v[i], &ref, &ignored) == 0 && ref.kind != REF_MODEL)
			(void)str_copy(ret, size, ref.model);
}

void
act_protect(struct view_request *r)
{
	const struct act *a = acts;

	while (a->key && !(a->wants_name && r->argv.n > 0 && streq(a->words[0], r->argv.v[0])))
		a++;
	if (!a->key)
		return;
	model_find(&r->argv, false, r->protected_name, sizeof(r->protected_name));
	model_find(&r->argv, true, r->protected_name, sizeof(r->protected_name));
}

int
act_words(const struct act *a, const struct view_subject *s,
          const char *const fields[static ACT_FIELDS], struct words *ret, struct err *e)
{
	for (size_t i = 0; i < ACT_WORDS && a->words[i]; i++) {
		const char *w = a->words[i];
		const bool is_field = w[0] == '{' && w[1] >= '1' && w[1] <= '9';
		const char *typed = is_field ? fields[w[1] - '1'] : NULL;
		const char *next = i + 1 < ACT_WORDS ? a->words[i + 1] : NULL;
		/* a flag whose value was left empty goes with it */
		if (has_prefix(w, "--") && next && next[0] == '{' && next[1] >= '1' &&
		    next[1] <= '9' && !fields[next[1] - '1'][0]) {
			i++;
			continue;
		}
		if (is_field && strchr(w, '.')) {
			const int rc = words_parse(ret, typed, e);
			if (rc < 0)
				return rc;
		} else {
			if (is_field && typed[0] == '-' &&
			    !(i > 0 && has_prefix(a->words[i - 1], "--")))
				return err_set(e, ERR_USAGE, "\"%.60s\" begins as a flag does",
				               typed);
			words_add(ret, is_field ? typed : place_of(w, s));
		}
	}
	return 0;
}
