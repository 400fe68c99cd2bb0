/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB, and its only user: one environment a process, one table of sorted keys. Knows nothing of
 * what the keys mean. LMDB 0.9 detects no corruption: store_guard.h looks at the pages before they
 * are changed, and reading has store_on_damage behind it. No DUPSORT, WRITEMAP, NOSYNC, NOLOCK;
 * NOTLS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "registry/base/err.h"
#include "registry/base/str.h"

#define STORE_KEY_MAX 511

struct store;
struct txn;

/* From now on a fault that a damaged database causes, in whatever way, calls fn, in a signal
 * handler: it tells the user and does not return. Signals that are not the database's go where they
 * went before; a later call comes before handlers that were set meanwhile. */
void store_on_damage(void (*fn)(void));

/* dir holds data.mdb and lock.mdb and exists. create: an absent data.mdb is made (else NOT_FOUND).
 * STORE: damaged or not ours; LOCKED: reader table full, or somebody keeps the folder locked. */
int store_open(const char *dir, bool create, struct store **ret, struct err *e);
void store_close(struct store *s); /* NULL is fine */
/* Is data.mdb still the file that was opened? (rebuild swaps it) */
bool store_is_current(const struct store *s);

const char *store_dir(const struct store *s);
/* What the readers and writers of rows need beside them; store.c only carries it. */
void store_set_context(struct store *s, const void *context);
const void *txn_context(const struct txn *t); /* of its store; NULL: none was set */
/* The database folder `fresh` in the place of dir, with the modes and the group of dir and of its
 * files; unless keeps_rights, with those that the folder above gives. What was in dir is then in
 * fresh, or gone: who has it open keeps both of its files, and sees by store_is_current. */
int store_swap(const char *fresh, const char *dir, bool keeps_rights, struct err *e);

int store_read_begin(struct store *s, struct txn **ret, struct err *e);
/* The one writer lock of the registry. Called by change.c and nobody else (a lint holds it). */
int store_write_begin(struct store *s, struct txn **ret, struct err *e);
int store_commit(struct txn *t, struct err *e); /* frees t in every case */
void store_abort(struct txn *t);                /* NULL is fine */
/* Makes the data file as large as bytes more of changes can need: full disks show here, not in
 * commit. */
int store_reserve(struct txn *t, uint64_t bytes, struct err *e);
/* Until t is used again it keeps no page from being used again, however long that takes; then it
 * reads what is there by then, and a walk goes on behind the key that it had come to. Nothing when
 * t is NULL or writes. */
void store_pause(struct txn *t);
/* A clone without free pages into the folder dir, consistent while others write. */
int store_copy(struct store *s, const char *dir, struct err *e);

/* ret->p NULL: absent (still 0). The bytes stay until the transaction ends or writes: copy out. */
int txn_get(struct txn *t, struct str key, struct str *ret, struct err *e);
int txn_put(struct txn *t, struct str key, struct str value, struct err *e);
int txn_del(struct txn *t, struct str key, struct err *e); /* absent is success */
/* Keys from `from` on (NULL p: the prefix's first), while they start with prefix, in order, or from
 * there backwards. fn's non-zero result ends the walk and is returned. */
enum scan_dir { SCAN_FORWARD, SCAN_BACKWARD };
int txn_scan(struct txn *t, struct str prefix, struct str from, enum scan_dir dir,
             int (*fn)(void *arg, struct str key, struct str value), void *arg, struct err *e);

void txn_cleanup(struct txn **t); /* store_abort */
#define cleanup_txn __attribute__((cleanup(txn_cleanup)))
