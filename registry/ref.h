/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References: NAME@v41, NAME@staging, NAME@latest, NAME@sha256:9f2c... (12 or more digits),
 * NAME:v41, models:/NAME/3, models:/NAME@staging. Names are OCI repository names.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/records.h"

enum ref_kind { REF_MODEL, REF_NUMBER, REF_LATEST, REF_WORD, REF_DIGEST };
struct ref {
	enum ref_kind kind; /* REF_MODEL: a bare NAME */
	char model[NAME_SIZE];
	uint64_t number;
	char word[WORD_SIZE]; /* stage or alias */
	char hex[65];
	size_t hex_n;
};
int ref_parse(const char *s, struct ref *ret, struct err *e); /* USAGE */
int ref_check_model(const char *name, struct err *e);         /* USAGE with the rule */
/* stage, target, ...: [a-z0-9][a-z0-9._-]{0,127} */
int ref_check_word(const char *what, const char *word, struct err *e);
/* A word that is no number of a version and not "latest"; that it is no stage is the policy's to
 * say. USAGE. */
int ref_check_alias(const char *alias, struct err *e);
/* The version that r names; a bare NAME is its latest live version. NOT_FOUND with near names as
 * hint, AMBIGUOUS with the candidates, NOT_FOUND for a stage that holds nothing. */
int ref_resolve(struct txn *t, const struct ref *r, struct version_row *ret, struct err *e);
/* parse and resolve */
int ref_find(struct txn *t, const char *s, struct version_row *ret, struct err *e);
/* The model of that name. USAGE: no name; NOT_FOUND with near names as hint. */
int ref_model(struct txn *t, const char *name, struct model_row *ret, struct err *e);
