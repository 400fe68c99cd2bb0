/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this person's own `verify` and `audit verify` found last, and when: so that a screen can say
 * "ok 2h ago" or "not checked" without looking into bytes. Kept outside the registry
 * ($XDG_STATE_HOME/slipway/checked), a small file a version and one for the log. For showing only:
 * nothing that decides may read it, bytes may have changed since.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"

struct checked {
	int64_t time_s; /* 0: not checked */
	bool is_good;
	uint64_t size;   /* of the log: entries; of a version: bytes */
	uint64_t policy; /* of a version: entry of the policy in force then */
	char why[200];   /* when it was not good: what was found first */
};
/* Under what name it is kept. */
void checked_name(const char *model, const struct digest *version, struct digest *ret);
/* What model has of these bytes: another model's statement about them is another thing. Both NULL:
 * the log. False: this person never checked it, or what is kept cannot be read. */
bool checked_look(const char *registry_id, const char *model, const struct digest *version,
                  struct checked *ret);
/* why NULL or its code OK: it was good. Now is when. Best effort: who cannot keep it has checked
 * all the same. */
void checked_save(const char *registry_id, const char *model, const struct digest *version,
                  uint64_t size, uint64_t policy, const struct err *why);
