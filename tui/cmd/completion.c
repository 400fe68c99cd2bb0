/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of verbs and flags as one function of a shell, in two dialects: a question as
 * "KIND:VERB:MORE", the answer a line. The first rule that fits counts, so what belongs to one verb
 * comes before what belongs to all. Knows nothing of how a shell completes.
 */
#include "tui/cmd/completion.h"

#include <string.h>

#include "registry/base/str.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/help.h"
#include "tui/cmd/parse.h"

static const char driver_bash[] = {
#include "tui/driver.bash.inc"
};
static const char driver_zsh[] = {
#include "tui/driver.zsh.inc"
};
static const char driver_fish[] = {
#include "tui/driver.fish.inc"
};
static const char words_sh[] = {
#include "tui/words.sh.inc"
};

/* --- classes of words --- */

/* "auto, always or never" as "auto always never": the text of a flag that takes one of these. */
static bool
is_choice(const char *text, struct buf *ret)
{
	size_t n = 0;

	while (*text) {
		const size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
		if (word == 0)
			return false;
		buf_adds(ret, n++ > 0 ? " " : "");
		buf_add(ret, text, word);
		text += word;
		if (has_prefix(text, ", "))
			text += strlen(", ");
		else if (has_prefix(text, " or "))
			text += strlen(" or ");
		else if (*text)
			return false;
	}
	return n > 1;
}

/* What a placeholder of help stands for. */
static const char *
class_of(const char *verb, const char *word, size_t n)
{
	static const struct {
		const char *verb; /* NULL: of any */
		const char *word, *class;
	} classes[] = {
		{ "target", "NAME", "target" },
		{ "key", "NAME", "key" },
		{ "policy", "NAME", "any" }, /* a person or a site, and mostly a new one */
		{ NULL, "REF", "ref" },
		{ NULL, "NAME", "model" },
		{ NULL, "MODEL", "model" },
		{ NULL, "STAGE", "stage" },
		{ NULL, "S", "stage" },
		{ NULL, "PLAN", "plan" },
		{ NULL, "JOB", "job" },
		{ NULL, "DIR", "dir" },
		{ NULL, "PATH", "file" },
		{ NULL, "FILE", "file" },
		{ NULL, "F", "file" },
		{ NULL, "COMMAND", "verb" },
		{ NULL, "SHELL", "of bash zsh fish" },
		{ NULL, "KIND", "schema" },
		{ "config", "KEY", "setting" },
	};

	for (size_t i = 0; i < COUNT(classes); i++)
		if (strlen(classes[i].word) == n && strncmp(classes[i].word, word, n) == 0 &&
		    (!classes[i].verb || streq(classes[i].verb, verb)))
			return classes[i].class;
	return "any";
}

/* --- rules --- */

struct script {
	struct buf *b;
	bool is_fish;
};

/* A verb of two words has a blank, which only the one dialect takes as it is. */
static void
add_pattern(struct script *s, const char *kind, const char *verb, const char *more)
{
	buf_addf(s->b, s->is_fish ? "'%s:" : "%s:", kind);
	for (const char *p = verb; *p; p++) {
		if (*p == ' ' && !s->is_fish)
			buf_addc(s->b, '\\');
		buf_addc(s->b, *p);
	}
	buf_addf(s->b, s->is_fish ? ":%s'" : ":%s", more);
}

static void
begin_answer(struct script *s)
{
	buf_adds(s->b, s->is_fish ? "\n\t\t\techo '" : ") echo '");
}

static void
end_answer(struct script *s)
{
	buf_adds(s->b, s->is_fish ? "'\n" : "' ;;\n");
}

static void
rule(struct script *s, const char *kind, const char *verb, const char *more, const char *answer)
{
	buf_adds(s->b, s->is_fish ? "\t\tcase " : "\t");
	add_pattern(s, kind, verb, more);
	begin_answer(s);
	buf_adds(s->b, answer);
	end_answer(s);
}

static bool
is_first_of_name(const struct cmd *const *c)
{
	for (const struct cmd *const *before = cmds; before < c; before++)
		if (streq((*before)->name, (*c)->name))
			return false;
	return true;
}

static void
rules_verbs(struct script *s)
{
	cleanup_buf struct buf names = { 0 };
	char full[64];

	for (const struct cmd *const *c = cmds; *c; c++) {
		if (is_first_of_name(c))
			buf_addf(&names, "%s%s", names.n > 0 ? " " : "", (*c)->name);
		if (!(*c)->sub)
			continue;
		cmd_full_name(*c, full, sizeof full);
		rule(s, "is_sub", full, "", "yes");
	}
	rule(s, "verbs", "", "", buf_cstr(&names));
	for (const struct cmd *const *c = cmds; *c; c++) {
		cleanup_buf struct buf subs = { 0 };
		for (const struct cmd *const *of = cmds; is_first_of_name(c) && *of; of++)
			if (streq((*of)->name, (*c)->name) && (*of)->sub)
				buf_addf(&subs, "%s%s", subs.n > 0 ? " " : "", (*of)->sub);
		if (subs.n > 0)
			rule(s, "subs", (*c)->name, "", buf_cstr(&subs));
	}
}

static void
rule_value(struct script *s, const char *verb, const struct opt *o, const char *group)
{
	cleanup_buf struct buf choice = { 0 };
	const char letter[] = { '-', o->letter, '\0' };
	const char *answer;

	if (!o->arg)
		return;
	buf_adds(&choice, "of ");
	answer = is_choice(o->text, &choice) ? buf_cstr(&choice)
	                                     : class_of(group, o->arg, strlen(o->arg));
	rule(s, "value", verb, o->name, answer);
	if (o->letter)
		rule(s, "value", verb, letter, answer);
}

static void
rules_flags(struct script *s)
{
	cleanup_buf struct buf all = { 0 };
	char full[64];

	for (const struct cmd *const *c = cmds; *c; c++) {
		cleanup_buf struct buf names = { 0 };
		cmd_full_name(*c, full, sizeof full);
		for (const struct opt *o = (*c)->opts; o && o->name; o++) {
			buf_addf(&names, "%s ", o->name);
			rule_value(s, full, o, (*c)->name);
		}
		for (const struct opt *o = global_opts; o->name; o++)
			if (help_has(*c, o))
				buf_addf(&names, "%s ", o->name);
		if (names.n > 0)
			names.n--;
		rule(s, "flags", full, "", buf_cstr(&names));
	}
	for (const struct opt *o = global_opts; o->name; o++) {
		buf_addf(&all, "%s%s", all.n > 0 ? " " : "", o->name);
		rule_value(s, "*", o, "");
	}
	rule(s, "flags", "*", "", buf_cstr(&all));
}

/* Words stand before the first flag or alternative of what help shows: "REF --to STAGE". */
static void
rules_words(struct script *s, const struct cmd *c)
{
	const char *p = c->args ? c->args : "";
	char full[64], at[2] = "0";

	cmd_full_name(c, full, sizeof full);
	for (p += strspn(p, "["); *p >= 'A' && *p <= 'Z' && at[0] <= '9'; at[0]++) {
		const size_t n = strcspn(p, " ].=");
		const bool is_many = has_prefix(p + n, "..");
		rule(s, "word", full, is_many ? "*" : at, class_of(c->name, p, n));
		if (is_many)
			return;
		p += n + strcspn(p + n, " ");
		p += strspn(p, " [");
	}
	rule(s, "word", full, "*", "none");
}

static void
data_function(struct script *s)
{
	if (s->is_fish)
		buf_adds(s->b, "function __slipway_data\n"
		               "\tswitch \"$argv[1]:$argv[2]:$argv[3]\"\n");
	else
		buf_adds(s->b, "_slipway_data() {\n\tcase \"$1:$2:$3\" in\n");
	rules_verbs(s);
	rules_flags(s);
	for (const struct cmd *const *c = cmds; *c; c++)
		rules_words(s, *c);
	rule(s, "word", "*", "*", "none");
	buf_adds(s->b, s->is_fish ? "\tend\nend\n" : "\tesac\n}\n");
}

int
completion_script(const char *shell, struct buf *ret)
{
	struct script s = { .b = ret, .is_fish = streq(shell, "fish") };

	if (streq(shell, "zsh"))
		buf_adds(ret, "#compdef slipway\n"); /* must be the first line */
	else if (!streq(shell, "bash") && !s.is_fish)
		return -1;
	buf_addf(ret,
	         "# %s completion for slipway " SLIPWAY_VERSION ", made by `slipway completion "
	         "%s`\n",
	         shell, shell);
	data_function(&s);
	if (s.is_fish) {
		buf_add(ret, driver_fish, sizeof driver_fish - 1);
		return 0;
	}
	buf_add(ret, words_sh, sizeof words_sh - 1);
	if (streq(shell, "zsh"))
		buf_add(ret, driver_zsh, sizeof driver_zsh - 1);
	else
		buf_add(ret, driver_bash, sizeof driver_bash - 1);
	return 0;
}
