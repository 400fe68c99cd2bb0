/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this person has verified of a source's bundles on this machine, where there may be no
 * registry ($XDG_STATE_HOME/slipway/bundles/<registry id>.json, 0600): the fingerprint that was
 * given once, and the last counter, so that an older bundle is seen.
 */
#pragma once

#include <stdbool.h>

#include "registry/base/err.h"
#include "registry/bundle_check.h"

struct bundle_pin {
	bool exists;
	struct digest root; /* of the source's first policy */
	struct bundle_seen seen;
};
/* Absent: exists false and 0. MALFORMED names the file. */
int bundle_pin_load(const char *registry_id, struct bundle_pin *ret, struct err *e);
int bundle_pin_save(const char *registry_id, const struct bundle_pin *p, struct err *e);
