/* SPDX-License-Identifier: Apache-2.0 */
/* By the type of the entry and the members of its body; a claim of the entry, followed to a screen
 * that looks it up again. */
#include "tui/view/about.h"

#include <stdio.h>
#include <string.h>

static void
about(struct about *ret, const char *view, const char *what, const char *arg)
{
	(void)str_copy(ret->view, sizeof(ret->view), view);
	(void)snprintf(ret->arg, sizeof(ret->arg), "%s", arg);
	(void)snprintf(ret->text, sizeof(ret->text), "%s %.270s", what, arg);
}

static bool
about_word(const struct entry *n, const char *member, const char *view, const char *what,
           struct about *ret)
{
	const char *word = json_opt_string(n->body, member);

	if (!word || !word[0])
		return false;
	if (has_prefix(word, "sha256:"))
		word += strlen("sha256:");
	about(ret, view, what, word);
	return true;
}

void
about_entry(const struct entry *n, struct about *ret)
{
	const uint64_t number = json_opt_u64(n->body, "number");
	char ref[NAME_SIZE + 24];

	*ret = (struct about){ 0 };
	if (streq(n->type, "plan") && about_word(n, "id", "plan", "plan", ret))
		return;
	if ((streq(n->type, "authorisation") || streq(n->type, "approval") ||
	     streq(n->type, "discard")) &&
	    about_word(n, "plan", "plan", "plan", ret))
		return;
	if (streq(n->type, "job") && about_word(n, "id", "job", "job", ret))
		return;
	if (streq(n->type, "promotion") && about_word(n, "job", "job", "job", ret))
		return;
	if (streq(n->type, "target") && about_word(n, "name", "target", "target", ret))
		return;
	if (streq(n->type, "policy")) {
		about(ret, "keys", "the", "keys and policy");
	} else if (n->model && number > 0) {
		(void)snprintf(ref, sizeof(ref), "%s@v%llu", n->model, (unsigned long long)number);
		about(ret, "version", "version", ref);
	} else if (n->model) {
		about(ret, "model", "model", n->model);
	}
}
