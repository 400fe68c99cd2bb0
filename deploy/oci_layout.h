/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI image layout in a folder, as a source of manifests and blobs beside registries: what
 * another tool unpacked, also the one inside a Zarf package (images/) or of a Hauler store. Foreign
 * files: no link is followed, nothing is opened but index and blobs. Source: OCI image
 * specification 1.1, "Image Layout".
 */
#pragma once

#include "deploy/oci_pull.h"

#define OCI_LAYOUT_PREFIX "layout:"

struct oci_layout {
	int dir;
	char *path, *name; /* name: of an entry of the index, or a digest; "" */
};
/* "layout:DIR[@NAME]", DIR absolute. NOT_FOUND: no layout is there; USAGE. */
int oci_layout_open(const char *address, struct oci_layout *ret, struct err *e);
/* The manifest that the name means, or the only one. NOT_FOUND and AMBIGUOUS tell the names that
 * there are; DIGEST: the folder has other bytes. */
int oci_layout_manifest(const struct oci_layout *l, struct buf *ret, struct digest *ret_digest,
                        struct err *e);
int oci_layout_blob(const struct oci_layout *l, const struct oci_blob *b, struct err *e);
void oci_layout_close(struct oci_layout *l);
