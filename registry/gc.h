/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing what nothing needs: blobs that no version but deleted ones, no plan, no target and no
 * statement names, once they are older than a grace (an import's blobs are there before its entry),
 * and what dead processes left in incoming/. Roots come from the log, never from the database.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/registry.h"

struct gc_options {
	uint64_t grace_s;
	bool dry_run;
};
struct gc_result {
	uint64_t removed, removed_bytes; /* in a dry run: that would be */
	uint64_t young, young_bytes;     /* not needed, and within the grace */
	uint64_t needed, needed_bytes;   /* blobs that are there and needed */
	uint64_t abandoned_bytes;        /* of incoming/ */
};
enum gc_what { GC_REMOVED, GC_YOUNG };
typedef void gc_fn(void *arg, enum gc_what what, const struct digest *d, uint64_t size);

/* r: opened for writing (not in a dry run), with its database. DIGEST, MALFORMED: the log or a
 * manifest cannot be read, so that nobody knows what is needed: nothing is removed. */
int gc_run(struct registry *r, const struct gc_options *o, gc_fn *fn, void *arg,
           struct gc_result *ret, struct err *e);
