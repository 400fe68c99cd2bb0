/* SPDX-License-Identifier: Apache-2.0 */
/* Words that several screens use for the same thing. */
#pragma once

#include <stdbool.h>

#include "registry/policy.h"
#include "registry/records.h"
#include "tui/view.h"

#define SHOW_DIGEST_SIZE 32
/* "sha256:7c1e2a90b3..a90f"; shown with both ends. */
void show_digest(char ret[SHOW_DIGEST_SIZE], const struct digest *d);
const char *show_proof(unsigned proofs); /* the highest layer that passed; "no proof" */
/* "v2", "v1 > v2" while it moves, "-" when it holds nothing. NULL is fine. */
void show_stage(char ret[48], const struct stage_mark *m);
enum ink show_stage_ink(const char *stage);
void show_size(char ret[16], uint64_t bytes);
void show_age(char ret[16], int64_t then_s);
/* Over a list that was asked for: how many, when, and why there are none; "" none. */
void show_asked(const struct area *a, bool is_asking, size_t n, const char *what, int64_t asked_s,
                const char *why);
/* The message of the error that a child ended with, in what it wrote as JSON; what it noted before
 * says the same. */
void show_answer_why(struct str err_text, char *ret, size_t size);
void show_ago(char ret[24], int64_t then_s); /* "3m ago", "just now" */
/* "staging, production": the stages that hold version number of this model. */
bool show_holds_any(const struct model_row *m); /* some stage holds a version */
/* The screen that compares this version with what a stage holds, which it asks for where several
 * hold another; NOT_HANDLED: none does. */
enum handled show_diff_with_stage(const struct model_row *m, uint64_t number,
                                  struct view_request *ret);
bool show_differs(const struct model_row *m, uint64_t number); /* some stage holds another */
/* Why an act on this version does nothing now; n NULL: no version is chosen. Nothing where the act
 * is not about versions. */
void show_why_not(const struct model_row *m, const struct version_row *n, enum action act,
                  struct buf *ret);
/* Version number of it (0: none) as what the cursor is on. */
void show_subject(const char *model, uint64_t number, const struct digest *d,
                  struct view_subject *ret);
/* A job as what the cursor is on. */
void show_job_subject(const struct job_row *j, struct view_subject *ret);
void show_stages_of(const struct model_row *m, uint64_t number, struct buf *ret);

/* One short read transaction on the registry of the view. NOT_FOUND: there is none, the text says
 * why. */
int view_read(const struct view *v, struct txn **ret, struct err *e);
/* A row with what went wrong; the next step below it. */
size_t show_error(const struct area *a, size_t row, const struct err *e);
/* "title   value" */
size_t show_field(const struct area *a, size_t row, const char *title, enum ink ink,
                  const char *value);
