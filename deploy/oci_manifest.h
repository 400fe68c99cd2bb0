/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests that others made, as a list of files and archives: ModelPack and its ancestor,
 * ModelKit, artifacts of oras, images that hold /models. Pure; says what a layer is, reads none.
 * Sources: OCI image specification 1.1; CNCF model-spec 0.0.7; oras "annotations".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

enum oci_layer_kind {
	OCI_FILE, /* the layer's bytes are the file's */
	OCI_TAR,  /* files in a tar archive */
	OCI_TAR_GZIP,
};
struct oci_layer {
	enum oci_layer_kind kind;
	struct digest digest;
	uint64_t size;
	char *path; /* of a file, checked; NULL for an archive */
};
struct oci_manifest {
	bool is_image;         /* archives are a root folder: what counts lies below /models */
	struct digest version; /* that a model car of ours says it holds; zero: none */
	struct oci_layer *layers;
	size_t n;
	uint64_t bytes; /* of the layers */
	/* where a layer is packed: the document that says what it is unpacked */
	bool has_packed;
	struct digest config;
	uint64_t config_size; /* OCI_CONFIG_MAX at most */
};
#define OCI_CONFIG_MAX ((uint64_t)4 << 20)

/* Of an image manifest. MALFORMED: no manifest, or what it says does not fit together; USAGE: one
 * whose content is not read here, with the reason. */
int oci_manifest_parse(struct str text, struct oci_manifest *ret, struct err *e);
void oci_manifest_fini(struct oci_manifest *m);
/* The digest of each layer unpacked, to be freed; NULL: an artifact that does not say. MALFORMED:
 * an image must, for each. */
int oci_config_diffs(struct str config, const struct oci_manifest *m, struct digest **ret,
                     struct err *e);

/* Is it a list of manifests? Then 1 and the only one that is for use (attestations are not);
 * AMBIGUOUS names those that there are. 0: it is no list. MALFORMED: it is not JSON. */
int oci_index_pick(struct str text, struct digest *ret, struct err *e);
