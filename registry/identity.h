/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.json: which registry a folder is. An id names one incarnation; a folder that was adopted
 * has several, and the last is what it is now. It is no evidence: the log is, and who has a pin
 * sees another id at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/str.h"

#define REGISTRY_FORMAT   1
#define REGISTRY_ID_SIZE  33 /* 32 hex digits */
#define REGISTRY_JSON     "registry.json"
#define REGISTRY_JSON_MAX 4096
#define INCARNATIONS_MAX  64

struct identity {
	char id[REGISTRY_ID_SIZE]; /* the last of ids */
	int64_t created_s;
	uint64_t log_inode; /* of segment 1, when this folder became that registry */
	char ids[INCARNATIONS_MAX][REGISTRY_ID_SIZE]; /* from the first on */
	size_t ids_n;                                 /* 1 or more */
};

/* Is that its incarnation at place i, from 0? n NULL: no. */
bool identity_has(const struct identity *n, uint64_t i, const char *id);
/* A pure function over its bytes. MALFORMED. */
int identity_parse(struct str text, struct identity *ret, struct err *e);
/* Bounded, no links followed. MALFORMED, TOO_BIG; SYS: it cannot be read. */
int identity_read(int rootfd, struct identity *ret, struct err *e);
/* Durable. The first time EXISTS if there is one, else put in the place of the old one. */
int identity_write(int rootfd, const struct identity *n, bool is_first, struct err *e);
/* A new random id behind the others. TOO_BIG: too many. */
int identity_renew(struct identity *n, int64_t now_s, struct err *e);
