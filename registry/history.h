/* SPDX-License-Identifier: Apache-2.0 */
/* A model's story, newest first, by the back pointers of the log's entries. */
#pragma once

#include "registry/base/err.h"
#include "registry/entry.h"
#include "registry/policy.h"
#include "registry/registry.h"

typedef int history_fn(void *arg, const struct entry *n);
/* Walks from the model's newest entry; fn's non-zero result ends the walk and is returned.
 * NOT_FOUND. */
int history_each(struct registry *r, struct txn *t, const char *model, history_fn *fn, void *arg,
                 struct err *e);
/* One entry by its sequence, read from the log and checked. Release with entry_fini. */
int history_entry(struct registry *r, struct txn *t, uint64_t seq, struct entry *ret,
                  struct err *e);
/* The envelope behind an entry, wherever it lies: in it, in a blob, in what a bundle brought.
 * Nothing is verified. MALFORMED: it names none. */
int history_envelope(struct registry *r, const struct entry *n, struct buf *ret, struct err *e);
/* One sentence about an entry for people ("v2 promoted to production, proof object on 1 of 1"),
 * with the reason that was given; who is the person that its statement names, else the uid. Neither
 * is escaped. */
void history_sentence(const struct entry *n, struct buf *ret_what, struct buf *ret_who);
/* A key that is a person's becomes that person's id; anything else stays. */
void history_name(const struct policy *p, struct buf *who);
/* "uid 1000" of an entry that was made on this machine becomes the login name, if there is one. */
void history_login(const struct entry *n, struct buf *who);
