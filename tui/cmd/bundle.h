/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of bundle's verbs share. */
#pragma once

#include "registry/bundle.h"
#include "registry/bundle_entry.h"
#include "tui/cmd/cmd.h"

/* Members about a bundle, in an object that is open for JSON. */
void bundle_json(struct json_out *j, const struct bundle *b);
/* "bundle 3: 2 versions, 12 files, 4.0G" */
void bundle_line(const struct bundle *b, struct buf *ret);
/* The same for a person who looks at one: lines with titles. */
void bundle_fields(struct out *o, const struct bundle *b, const char *signer);
