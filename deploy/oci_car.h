/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model car: an image whose one layer holds the files of a version below /models, byte for byte
 * the same wherever it is made. The layer is never stored: it is made while it is read.
 * Sources: OCI image specification 1.1; POSIX ustar interchange format.
 */
#pragma once

#include "deploy/driver.h"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"

struct oci_car {
	const struct source *files;
	uint64_t size;       /* of the layer */
	struct digest layer; /* uncompressed: digest and diff_id are one */
	struct buf config, manifest;
	struct digest config_digest, digest; /* of manifest */
};
/* Reads all bytes once, hashing. USAGE: a name that ustar cannot hold; DIGEST: other bytes than the
 * version's. version stands in the manifest's annotations. */
int oci_car_make(const struct source *files, const char *model, uint64_t number,
                 const struct digest *version, struct oci_car *ret, struct err *e);
void oci_car_fini(struct oci_car *c);

/* The layer as a stream. */
struct oci_tar;
struct oci_tar *oci_tar_open(const struct source *files);
/* Up to n bytes to p; 0: end. */
int oci_tar_read(struct oci_tar *t, void *p, size_t n, size_t *ret_n, struct err *e);
void oci_tar_close(struct oci_tar *t);
