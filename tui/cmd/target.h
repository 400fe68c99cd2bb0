/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs about targets share. */
#pragma once

#include "registry/reach.h"
#include "registry/records.h"
#include "tui/cmd/cmd.h"

/* NOT_FOUND has a hint. */
int target_find(struct app *a, const char *name, struct target_row *ret, struct err *e);
/* The agent looks: body and reach of a target that is about to be added, or NULL. */
int target_ask(struct app *a, const char *name, json_t *body, const struct reach *reach,
               json_t **ret, struct err *e);
/* Where --kubeconfig and --context lead, bound to that address; ret_ns is the context's namespace,
 * malloc'ed. DENIED: a program wants to run and there is no --allow-exec; a server that is not
 * checked. */
int target_reach(struct app *a, const struct args *in, struct reach *ret, char **ret_ns,
                 struct err *e);
