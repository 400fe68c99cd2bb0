/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing a folder or file in: walk, stream each file once into a blob, manifest, signed
 * statement, one log entry. Nothing is executed or unpacked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/blob.h"
#include "registry/manifest.h"

/* Walks path into blobs and a finished manifest; durable. What is taken: every regular file,
 * hidden ones too; a .git folder is left out (message() says so); links that stay inside the
 * folder as the files they point to; links that leave it, sockets, FIFOs, devices, names that
 * are not UTF-8, an empty folder and more than MANIFEST_FILES_MAX files are refused (USAGE,
 * with the path and the way out). A file that changes while it is read is refused (CONFLICT).
 * A single file keeps its base name. */
struct import_tree {
	struct manifest manifest;
	struct digest manifest_digest;
	uint64_t new_bytes; /* that were not in the registry before */
};
int import_tree(struct blobs *b, const char *path, const struct progress *p,
                struct import_tree *ret, struct err *e);
/* The same for files that come from elsewhere and are in t already: config and manifest of m, which
 * is sorted here, all durable. name is for messages. EXISTS: a path twice; USAGE: two that differ
 * in case only. */
int import_check_paths(struct manifest *m, const char *name, struct err *e);
int import_files(struct blob_batch *t, struct manifest *m, const char *name, struct digest *ret,
                 struct err *e);
void import_tree_fini(struct import_tree *t);
