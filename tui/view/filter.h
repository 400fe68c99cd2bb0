/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind "/": all terms must hold, "-" in front of one turns it round, case of ASCII
 * letters is ignored.
 *     word        stands in any of the row's texts      ~wrd    its letters do, in this order
 *     stage:X     the stage X holds it (none: no stage) label:K label:K=V   signer:NAME
 *     signed unsigned stale                             where a row can be so; else a word
 * Pure; a row with a million others costs some hundred nanoseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FILTER_TERMS     12u
#define FILTER_TERM_SIZE 64u

enum filter_kind {
	FILTER_WORD,
	FILTER_FUZZY,
	FILTER_STAGE,
	FILTER_LABEL,
	FILTER_SIGNER,
	FILTER_SIGNED,
	FILTER_UNSIGNED,
	FILTER_STALE,
};
struct filter_term {
	enum filter_kind kind;
	bool excludes;
	char text[FILTER_TERM_SIZE]; /* behind "key:"; of a word the whole */
	char whole[FILTER_TERM_SIZE];
};
struct filter {
	struct filter_term terms[FILTER_TERMS]; /* more are ignored */
	size_t n;
};
enum filter_fact { FACT_NONE, FACT_NO, FACT_YES }; /* NONE: the row has no such thing */
struct filter_row {
	const char *const *texts; /* NULL-terminated */
	const char *const
	        *stages;    /* those that hold it, NULL-terminated; NULL: rows have no stages */
	const char *labels; /* "k=v" lines; NULL: rows have no labels */
	const char *signer; /* NULL: rows have none */
	enum filter_fact is_signed, is_stale;
};
void filter_compile(struct filter *ret, const char *words);
bool filter_row_match(const struct filter *f, const struct filter_row *r);

/* Words over plain texts. */
bool filter_match(const char *filter, const char *text);
bool filter_match_any(const char *filter, const char *const *texts); /* NULL ends them */
