/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of the program carries: global flags, output, the opened registry. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/conf.h"
#include "registry/base/err.h"
#include "registry/base/out.h"
#include "registry/registry.h"

struct app {
	struct out *out;
	struct conf conf;
	/* global flags, the same everywhere */
	const char *registry_dir; /* -R; NULL */
	bool yes, no_input, dry_run, detach, no_passphrase, trust_owner;
	const char *confirm; /* --confirm NAME */
	const char *reason;
	const char *key; /* --key; NULL */
	uint64_t timeout_ms;       /* --timeout; 0: the verb's default */
	int passphrase_fd;         /* -1 */
	struct registry *registry; /* after app_open */
};
/* Opens the registry once; flags as registry_open. */
int app_open(struct app *a, unsigned flags, struct err *e);
/* A transaction for rows that are printed while they are read: it is paused whenever output is
 * written, so that no pager keeps the database's pages. End with app_read_end. */
int app_read_begin(struct app *a, struct txn **ret, struct err *e);
void app_read_end(struct app *a, struct txn *t); /* NULL is fine */
/* May prompts be shown? stdin and stderr are terminals and not --no-input. */
bool app_is_interactive(const struct app *a);
/* The one way a confirming verb asks: what is said first; protected: the name must be typed or
 * --confirm must name it. USAGE with the exact line to use where nobody can be asked; DENIED: the
 * person said no. */
int app_confirm(struct app *a, const char *what, const char *protected_name,
                const char *line_to_use, struct err *e);
