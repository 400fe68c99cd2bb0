/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ModelPack manifest of a native version (OCI image manifest, CNCF model-spec 0.0.7): one raw
 * layer a file, in bytewise order of the paths, with the annotation org.cncf.model.filepath
 * alone; no time, owner or name, so that equal paths and bytes give an equal digest. Kinds are
 * the frozen table "kinds v1", by the last part of the path only, case as written; the first that
 * matches in the order weight.config, doc, code, dataset, else weight ("README.json" and
 * "tokenizer.py" are weight.config).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

#define MANIFEST_MAX       (4u << 20) /* bytes; what registries must take */
#define MANIFEST_FILES_MAX 16384

struct manifest_file {
	/* relative, "/" between parts, UTF-8, no ".", "..", empty part or leading "/" */
	char *path;
	uint64_t size;
	struct digest digest;
	/* "weight", "weight.config", "doc", "code", "dataset"; of a foreign manifest "other" */
	const char *kind;
};
struct manifest {
	struct manifest_file *files; /* sorted by path, bytewise, no two equal */
	size_t n, cap;
	uint64_t bytes;
	struct digest config;
};

const char *manifest_kind(const char *path); /* kinds v1 */
int manifest_path_check(const char *path, struct err *e); /* MALFORMED */
void manifest_add(struct manifest *m, const char *path, uint64_t size, const struct digest *d);
/* Sorts; EXISTS when two paths are equal or one is a folder of the other. */
int manifest_sort(struct manifest *m, struct err *e);
void manifest_fini(struct manifest *m);

/* The config blob's bytes, then the manifest's (which names the config's digest and size).
 * TOO_BIG. */
int manifest_write_config(const struct manifest *m, struct buf *ret, struct err *e);
int manifest_write(const struct manifest *m, const struct digest *config, uint64_t config_size,
                   struct buf *ret, struct err *e);
/* Strict reader of native manifests: exactly the bytes that manifest_write makes of these
 * files, and the config digest and size that follow from them. MALFORMED, TOO_BIG. */
int manifest_parse(struct str text, struct manifest *ret, struct err *e);

/* SHA-256 over, for each file in order: path, NUL, size as decimal, NUL, 64 hex digits, LF. */
void manifest_fileset_digest(const struct manifest *m, struct digest *ret);
/* Is path one of the top-level .git .gitattributes .github .gitignore, or below one? */
bool manifest_oms_ignores(const char *path);
/* OpenSSF Model Signing v1.0 root: SHA-256 over the raw digests in order, without these. */
void manifest_oms_root(const struct manifest *m, struct digest *ret);
