/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy in words: line by line, what changes between two, and what somebody should know about
 * one before it is signed. Pure functions; nothing here decides.
 */
#pragma once

#include "registry/policy.h"

/* "stage", "2 production, protected": what it says of expiry, people, roles, stages, revoked
 * keys and sites, without number, digest and time of issue. title stays valid during the call. */
typedef void policy_line_fn(void *arg, const char *title, const char *text);
void policy_lines(const struct policy *p, policy_line_fn *fn, void *arg);
/* Lines of b that a has not. */
void policy_lines_beyond(const struct policy *a, const struct policy *b, policy_line_fn *fn,
                         void *arg);

enum policy_advice { ADVICE_FACT, ADVICE_WARNING, ADVICE_WRONG };
const char *policy_advice_name(enum policy_advice a); /* "ok", "warning", "wrong" */
typedef void policy_advice_fn(void *arg, enum policy_advice a, const char *about, const char *text);
/* What it allows, what is risky and what cannot work; now_s for expiry. */
void policy_advise(const struct policy *p, int64_t now_s, policy_advice_fn *fn, void *arg);
