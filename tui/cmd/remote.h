/* SPDX-License-Identifier: Apache-2.0 */
/* What push and pull ask of the agent alike. */
#pragma once

#include "registry/base/json.h"
#include "tui/cmd/cmd.h"

/* Registry, time limit, --ca-file, --credentials and --plain-http; and that progress is watched. */
int remote_request(struct app *a, const struct args *in, json_t *request, struct err *e);
/* Asks it, and shows how far it is; a store that is not reached has changed nothing. */
int remote_call(struct app *a, const char *verb, const json_t *request, json_t **ret,
                struct err *e);
/* A file or folder, by its whole path: where the agent runs is another folder. */
int remote_add_path(json_t *request, const struct args *in, const char *flag, const char *key,
                    struct err *e);
