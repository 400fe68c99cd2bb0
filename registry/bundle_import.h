/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A judged bundle into the registry: its blobs go to incoming/, each hashed, and get their names
 * together once all of them and all documents are right; then one write of the log says that the
 * bundle came and which versions with it. What fails before leaves the registry as it was.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/bundle_check.h"
#include "registry/bundle_source.h"
#include "registry/ledger.h"
#include "registry/registry.h"

struct bundle_arrived {
	bool changed;
	size_t versions_new; /* of the inventory's */
	uint64_t new_bytes;
	uint64_t seq;
};
/* CONFLICT: a model of the same name has another home, or a number has another digest; DIGEST: a
 * blob is damaged or missing; NO_SPACE; POLICY: bytes that were revoked here. */
int bundle_import(struct registry *r, const struct ledger *l, struct bundle_source *s,
                  const struct bundle *b, const struct bundle_judged *j,
                  const struct progress *progress, const char *reason, struct bundle_arrived *ret,
                  struct err *e);
