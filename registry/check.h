/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is everything still what was written? The whole log (lines, tree, chains, policies, statements),
 * where the database stands beside it, and every blob that a live version or a statement needs.
 * Repairs nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/entry.h"
#include "registry/registry.h"

struct check_result {
	bool is_log_whole; /* all its lines are what was written; else nothing behind the log is
	                      looked at, because nobody knows what it needs */
	bool is_log_good;  /* and each entry says what its author may say: only then are root and
	                      unneeded something to go by */
	uint64_t entries;
	struct digest root;           /* of the log's tree over them */
	uint64_t versions, deleted;   /* logged; of these deleted */
	uint64_t statements;          /* signatures that were good */
	uint64_t blobs, blob_bytes;   /* that are needed and there */
	uint64_t unneeded;            /* blobs that nothing needs: what interrupted imports leave */
	uint64_t problems;
};
/* Called once a problem: what it is about ("log", "database", "fraud-ranker@v4", a blob's
 * digest). */
typedef void check_fn(void *arg, const char *what, const struct err *problem);

/* r: opened with REGISTRY_NO_DB. quick: blobs are looked at (there, of the right size), not hashed.
 * 0 also with problems: they are counted. Negative: the check itself could not go on. */
int check_registry(struct registry *r, bool quick, const struct progress *p, check_fn *fn,
                   void *arg, struct check_result *ret, struct err *e);
/* The log alone, read whole; the blobs' figures of ret stay 0. counted (may be NULL) gets each
 * entry that counts. */
typedef void check_entry_fn(void *arg, const struct entry *n);
int check_log(struct registry *r, check_fn *fn, check_entry_fn *counted, void *arg,
              struct check_result *ret, struct err *e);
