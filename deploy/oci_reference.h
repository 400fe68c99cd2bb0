/* SPDX-License-Identifier: Apache-2.0 */
/* Names of things in an OCI registry, as people write them. Pure. */
#pragma once

#include <stdbool.h>

#include "crypto/digest.h"
#include "registry/base/err.h"

/* Components of the specification's <name>: no upper case, no empty part, no tag. */
bool oci_is_repository(const char *s);

struct oci_reference {
	char *host, *repo; /* HOST[:PORT] */
	char tag[129];     /* "": none was named */
	bool has_digest;   /* then the tag says nothing */
	struct digest digest;
};
/* oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]. USAGE; *ret is to be freed only after success.
 */
int oci_reference_parse(const char *text, struct oci_reference *ret, struct err *e);
/* As pods name images: without a host it is on Docker Hub. Codes as above. */
int oci_image_parse(const char *text, struct oci_reference *ret, struct err *e);
void oci_reference_fini(struct oci_reference *r);
