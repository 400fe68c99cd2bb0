/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model repository folder, written below as hostile ground: every step by openat2 with
 * RESOLVE_BENEATH and NO_SYMLINKS, O_EXCL, copied through the descriptor that is hashed, read back
 * and hashed, synced.
 * Layout, for a model's folder M below the target's path:
 *   M/<number>/...           a published version; servers take the highest number
 *   M/slipway-v<number>/...  the same bytes held back (the way back), never numeric
 *   M/slipway-incoming/...   being copied
 *   M/model-settings.json    which version a server of the dialect "mlserver" takes
 *   M/.slipway.json          our stamp: registry, version, number, plan (canonical JSON, by rename)
 * The number is the switch. Nothing here knows of HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deploy/driver.h"

struct folder; /* the opened model's folder */

/* Opens path and its entry for model (made when create). NOT_FOUND: path, or the model's folder and
 * !create. DENIED: a link or a special file in the way. */
int folder_open(const char *path, const char *entry, bool create, struct folder **ret,
                struct err *e);
void folder_close(struct folder *f); /* NULL is fine */
/* Maps a model's registry name to one path segment, "/" becomes "__". USAGE: object names another,
 * or the name itself has "__" (two models would meet). */
int folder_entry_name(const struct target *t, const char *model, char ret[256], struct err *e);

struct folder_stamp {
	bool exists;
	char registry_id[65], plan_id[DIGEST_HEX_SIZE];
	uint64_t number;         /* published; 0: unpublished by us */
	struct digest version;
};
int folder_stamp_read(struct folder *f, struct folder_stamp *ret, struct err *e); /* MALFORMED */
int folder_stamp_write(struct folder *f, const struct folder_stamp *s, struct err *e);

struct folder_look {
	uint64_t highest;        /* what a server would take; 0 none */
	uint64_t numeric_n;      /* how many numeric entries */
	uint64_t foreign;        /* the highest numeric entry that is not the stamp's; 0 none */
	bool has_config;         /* config.pbtxt */
};
int folder_look(struct folder *f, const struct folder_stamp *s, struct folder_look *ret,
                struct err *e);

/* All files of s under the held name of number, complete and verified by reading back; already so
 * is success after the check, wrong bytes are replaced. NO_SPACE, DIGEST, DENIED, LOCKED. */
int folder_hold(struct folder *f, uint64_t number, const struct source *s, struct err *e);
/* The switch is publish, then withdraw of our other numbers: one effective rename each way.
 * The number appears (highest or not yet); there already is success and left alone. Returns only
 * after a server that lists the folder has had time to see it. NOT_FOUND: no copy is held. */
int folder_publish(struct folder *f, uint64_t number, struct err *e);
/* Repair: the held copy takes the place of a damaged published one in one exchange. */
int folder_replace(struct folder *f, uint64_t number, struct err *e);
/* numeric -> held; absent is success */
int folder_withdraw(struct folder *f, uint64_t number, struct err *e);
/* Published bytes hashed again. NOT_FOUND: the number is not there; DIGEST; DENIED. */
int folder_verify(struct folder *f, uint64_t number, const struct source *s, struct err *e);
int folder_drop_held(struct folder *f, uint64_t number, struct err *e); /* unlink the held copy */
/* Held numbers, ascending; ret is free()d by the caller. */
int folder_held(struct folder *f, uint64_t **ret, size_t *ret_n, struct err *e);
/* M/config.pbtxt, at most 256 KiB; NOT_FOUND. */
int folder_config(struct folder *f, struct buf *ret, struct err *e);
/* M/model-settings.json, which tells MLServer which version to take; NULL: it goes. */
#define FOLDER_SETTINGS     "model-settings.json"
#define FOLDER_SETTINGS_MAX (64u << 10)
int folder_settings(struct folder *f, struct buf *ret, bool *ret_exists, struct err *e);
int folder_settings_write(struct folder *f, const struct buf *text, struct err *e);
