/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An opened registry: owner, identity and the pinned line are checked (O(1)) before the database is
 * opened; a database that is behind the log is replayed. Reading verbs use LMDB through records.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/blob.h"
#include "registry/identity.h"
#include "registry/log.h"
#include "registry/pin.h"
#include "registry/store.h"

enum registry_flags {
	REGISTRY_READ = 0,
	REGISTRY_WRITE = 1u << 0, /* refuses what may not be written, at once and with the reason */
	REGISTRY_NO_DB = 1u << 1, /* rebuild and check: the database is not opened */
	REGISTRY_TRUST_OWNER = 1u << 2, /* this person trusts the folder's owner from now on */
	REGISTRY_COPY = 1u << 3,    /* a copied folder may be written: for who settles what it is */
	REGISTRY_ANY_PIN = 1u << 4, /* the pin is loaded, and not held against the log: the same */
};

/* What puts ask beside the rows (store_set_context). */
struct row_context {
	const struct identity *identity;
	struct blobs *blobs; /* proofs that bundles brought */
};

struct registry {
	char *dir; /* absolute */
	int rootfd, usersfd;
	struct identity identity;
	struct row_context context; /* of this registry */
	char id[REGISTRY_ID_SIZE]; /* of this incarnation, as in identity */
	int64_t created_s;
	bool is_copy;       /* not the folder that registry.json names */
	bool is_db_foreign; /* db/ was not made by who may be trusted with it: never opened */
	bool is_private;    /* database replayed into the person's cache: nothing can be written */
	char why_not_writable[256]; /* "" */
	struct store *store;        /* NULL with REGISTRY_NO_DB */
	struct log *log;
	struct blobs *blobs;
	/* check: rows that are read instead of the store's, in a transaction of its own; else NULL
	 */
	struct txn *rows;
	struct pin pin; /* this person's; pin.exists false without one */
};

/* dir NULL: $SLIPWAY_REGISTRY, else the data folder. NOT_FOUND says `slipway init`. DENIED:
 * another's folder; UNTRUSTED: a copied folder opened for writing; DIGEST: shorter than the pin or
 * different there. */
int registry_open(const char *dir, unsigned flags, struct registry **ret, struct err *e);
/* The room that is kept for a full disk. Given up: how many bytes that was. Made: only where a
 * registry of this file system has one, and there is twice as much room. */
uint64_t registry_ballast_drop(struct registry *r);
bool registry_ballast_make(struct registry *r);
uint64_t registry_room(const struct registry *r); /* free bytes of its file system */
void registry_close(struct registry *r); /* NULL is fine */
/* Which folder that means; absolute. DENIED: a symbolic link. */
int registry_dir(const char *dir, char **ret, struct err *e);
/* Opened with REGISTRY_NO_DB, or its database was made anew: open it, replayed to the log's end,
 * whatever incarnation the log ends with. */
int registry_open_db(struct registry *r, struct err *e);
/* A private database of another log than the one that is there now is removed. */
int registry_drop_private(struct registry *r, struct err *e);
#define cleanup_registry __attribute__((cleanup(registry_close_p)))
void registry_close_p(struct registry **r);

/* A new empty registry in dir (made, or empty): folders, layout, log with its first entry,
 * database. EXISTS: there is one already. registry_make.c */
int registry_create(const char *dir, char ret_id[REGISTRY_ID_SIZE], struct err *e);
