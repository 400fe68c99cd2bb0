/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a filter, taken apart once and held against many rows. */
#include "tui/view/filter.h"

#include <string.h>
#include <strings.h>

#include "registry/base/str.h"

static const struct {
	const char *prefix;
	enum filter_kind kind;
} keys[] = {
	{ "stage:", FILTER_STAGE },
	{ "label:", FILTER_LABEL },
	{ "signer:", FILTER_SIGNER },
	{ "~", FILTER_FUZZY },
};
static const struct {
	const char *word;
	enum filter_kind kind;
} flags[] = {
	{ "signed", FILTER_SIGNED },
	{ "unsigned", FILTER_UNSIGNED },
	{ "stale", FILTER_STALE },
};

static enum filter_kind
kind_of(const char *word, size_t *ret_skip)
{
	*ret_skip = 0;
	for (size_t i = 0; i < COUNT(flags); i++)
		if (streq(word, flags[i].word))
			return flags[i].kind;
	for (size_t i = 0; i < COUNT(keys); i++)
		if (has_prefix(word, keys[i].prefix) && word[strlen(keys[i].prefix)]) {
			*ret_skip = strlen(keys[i].prefix);
			return keys[i].kind;
		}
	return FILTER_WORD;
}

void
filter_compile(struct filter *ret, const char *words)
{
	ret->n = 0;
	while (*words && ret->n < FILTER_TERMS) {
		const size_t n = strcspn(words, " ");
		struct filter_term *t = &ret->terms[ret->n];
		size_t skip;

		*t = (struct filter_term){ .excludes = n > 0 && words[0] == '-' };
		const size_t len = n - t->excludes;
		const size_t kept = len < FILTER_TERM_SIZE ? len : FILTER_TERM_SIZE - 1;
		memcpy(t->whole, words + t->excludes, kept);
		t->kind = kind_of(t->whole, &skip);
		memcpy(t->text, t->whole + skip, kept + 1 - skip);
		ret->n += len > 0;
		words += n + (words[n] == ' ');
	}
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
contains(const char *text, const char *word)
{
	const size_t n = strlen(word);
	const char first = lower(word[0]);

	for (; *text; text++)
		if (lower(*text) == first && strncasecmp(text, word, n) == 0)
			return true;
	return n == 0;
}

static bool
contains_letters(const char *text, const char *letters)
{
	for (; *text && *letters; text++)
		letters += lower(*text) == lower(*letters);
	return !*letters;
}

static bool
any(const char *const *texts, const char *word, bool (*holds)(const char *, const char *))
{
	for (; *texts; texts++)
		if (holds(*texts, word))
			return true;
	return !word[0];
}

static bool
stage_holds(const char *const *stages, const char *name)
{
	if (strcasecmp(name, "none") == 0)
		return !stages[0];
	for (; *stages; stages++)
		if (strncasecmp(*stages, name, strlen(name)) == 0) /* "stage:prod" while typing */
			return true;
	return false;
}

/* "team" or "team=fr": a key, or the beginning of its value. */
static bool
label_holds(const char *labels, const char *wanted)
{
	const size_t n = strlen(wanted);
	const bool has_value = strchr(wanted, '=') != NULL;

	while (*labels) {
		if (strncasecmp(labels, wanted, n) == 0 && (has_value || labels[n] == '='))
			return true;
		labels += strcspn(labels, "\n");
		labels += *labels == '\n';
	}
	return false;
}

static bool
term_holds(const struct filter_term *t, const struct filter_row *r)
{
	if (t->kind == FILTER_FUZZY)
		return any(r->texts, t->text, contains_letters);
	if (t->kind == FILTER_STAGE && r->stages)
		return stage_holds(r->stages, t->text);
	if (t->kind == FILTER_LABEL && r->labels)
		return label_holds(r->labels, t->text);
	if (t->kind == FILTER_SIGNER && r->signer)
		return contains(r->signer, t->text);
	if (t->kind == FILTER_SIGNED && r->is_signed != FACT_NONE)
		return r->is_signed == FACT_YES;
	if (t->kind == FILTER_UNSIGNED && r->is_signed != FACT_NONE)
		return r->is_signed == FACT_NO;
	if (t->kind == FILTER_STALE && r->is_stale != FACT_NONE)
		return r->is_stale == FACT_YES;
	return any(r->texts, t->kind == FILTER_WORD ? t->whole : t->text, contains);
}

bool
filter_row_match(const struct filter *f, const struct filter_row *r)
{
	for (size_t i = 0; i < f->n; i++)
		if (term_holds(&f->terms[i], r) == f->terms[i].excludes)
			return false;
	return true;
}

bool
filter_match_any(const char *filter, const char *const *texts)
{
	const struct filter_row r = { .texts = texts };
	struct filter f;

	filter_compile(&f, filter);
	return filter_row_match(&f, &r);
}

bool
filter_match(const char *filter, const char *text)
{
	const char *const texts[] = { text, NULL };

	return filter_match_any(filter, texts);
}
