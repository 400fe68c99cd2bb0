/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from an OCI registry: a manifest, checked by its digest, and the bytes of its blobs as
 * they come. A connection that is lost is taken up where it was; a blob that lies elsewhere is read
 * there, without our credential.
 */
#pragma once

#include "deploy/oci_reference.h"
#include "deploy/remote_oci.h"
#include "registry/base/buf.h"

/* A list in which one manifest is for use leads to that one. NOT_FOUND, DENIED, UNREACHABLE,
 * DIGEST, TOO_BIG, MALFORMED; AMBIGUOUS: a list of several. */
int oci_get_manifest(struct oci *s, const struct oci_reference *r, struct buf *ret,
                     struct digest *ret_digest, struct err *e);

struct oci_blob {
	const char *name; /* for messages */
	struct digest digest;
	uint64_t size;
	uint64_t from; /* bytes that whoever takes has already */
	/* negative ends it with its error */
	int (*take)(void *arg, const void *p, size_t n, struct err *e);
	void *arg;
};
/* 0: take had as many bytes as size says, but for the first from; whether they have the digest is
 * for whoever took them. DIGEST: another number of bytes. */
int oci_get_blob(struct oci *s, const struct oci_blob *b, struct err *e);
