/* SPDX-License-Identifier: Apache-2.0 */
/* The table of stores from which servers read: one file and one line a kind. */
#include "deploy/remote.h"

#include <string.h>

extern const struct remote_driver remote_oci;
extern const struct remote_driver remote_s3;
extern const struct remote_driver remote_volume;

const struct remote_driver *const remote_drivers[] = {
	&remote_oci,
	&remote_s3,
	&remote_volume,
	NULL,
};

const struct remote_driver *
remote_driver_find(const char *address)
{
	for (size_t i = 0; remote_drivers[i]; i++) {
		const size_t n = strlen(remote_drivers[i]->scheme);

		if (strncmp(address, remote_drivers[i]->scheme, n) == 0 &&
		    has_prefix(address + n, "://"))
			return remote_drivers[i];
	}
	return NULL;
}
