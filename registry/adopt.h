/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copied folder becomes a registry of its own: a new id behind the others in registry.json, and
 * an entry that names what it was copied from. Its history is kept and has no authority.
 */
#pragma once

#include "crypto/digest.h"
#include "registry/registry.h"

struct adopt_state {
	bool is_at_home;      /* no copy, and what was begun is finished: nothing to adopt */
	uint64_t size;        /* entries */
	struct digest root;   /* of them */
	uint64_t incarnation; /* of those that registry.json names, the last that the log has */
};
/* Reads the whole log. r: opened with WRITE | NO_DB | COPY | ANY_PIN. */
int adopt_look(struct registry *r, struct adopt_state *ret, struct err *e);
/* The id that it will have, for keys that name it. */
int adopt_new_id(const struct registry *r, const struct adopt_state *s, struct identity *ret,
                 struct err *e);
/* The database anew, registry.json, the entry; then r is open and has no policy. Fails whole.
 * LOCKED: somebody else adopts it. */
int adopt_commit(struct registry *r, const struct adopt_state *s, const struct identity *fresh,
                 const char *reason, struct err *e);
