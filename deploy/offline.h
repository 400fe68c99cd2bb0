/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may a site without a connection fetch? Pure functions over what its policy says and what a
 * target's objects name; nobody is asked. What is not understood is not allowed.
 */
#pragma once

#include <stdbool.h>

#include "registry/base/json.h"

#define OFFLINE_WHY_SIZE 128

/* offline: of a policy (struct policy). Each answers false with the reason in a few words, in which
 * what was asked about does not occur.
 *
 * A storage URI, as KServe has them; endpoint: where an s3:// leads, NULL: nobody said. */
bool offline_may_fetch(const json_t *offline, const char *uri, const char *endpoint,
                       char why[OFFLINE_WHY_SIZE]);
/* An image as a pod names it: is its registry one of the site's? */
bool offline_may_pull(const json_t *offline, const char *image, char why[OFFLINE_WHY_SIZE]);
/* Is it named so that it cannot be another one tomorrow? */
bool offline_is_by_digest(const char *image);
