/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are the images of a plan's targets in their registries? Each is asked for once, however many
 * targets want it, and all side by side.
 */
#pragma once

#include "deploy/driver.h"
#include "deploy/oci_look.h"
#include "registry/base/json.h"

struct image_looks {
	struct image_names names;
	struct oci_look *v; /* of each of names */
};
/* Of n lists of names. offline: of the policy, else NULL: then no registry is asked that is none of
 * the site's. t: whose check ends it; NULL without names. */
void image_looks(const struct image_names *its, size_t n, const json_t *offline,
                 const struct target *t, struct image_looks *ret);
const struct oci_look *image_look(const struct image_looks *l, const char *name); /* never NULL */
void image_looks_fini(struct image_looks *l);
