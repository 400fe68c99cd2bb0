/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an image in its registry, as far as can be told from here? One HEAD of its manifest, with what
 * this person has. Whether nodes get it is another question: they may have a mirror or a credential
 * of their own, so every answer is only that.
 */
#pragma once

#include <stdbool.h>

#include "crypto/digest.h"
#include "deploy/remote.h"

enum oci_seen { OCI_THERE, OCI_ABSENT, OCI_NOT_ASKED };
struct oci_look {
	enum oci_seen seen;
	bool has_digest; /* of what is there; a registry may not say */
	struct digest digest;
	char why[256]; /* OCI_NOT_ASKED, and ABSENT that is more than that; else "" */
};
#define OCI_LOOK_MS 4000 /* all of it: name, credential, token, answer */

/* image: as a pod names it. o: credentials, ca_file, allow_plain, check; its progress is not
 * called. */
void oci_look(const char *image, const struct remote_options *o, struct oci_look *ret);
