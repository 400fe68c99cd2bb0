/* SPDX-License-Identifier: Apache-2.0 */
/* Files in an archive that is pulled, into a batch of blobs: nothing is unpacked to names on a
 * disk. */
#pragma once

#include <stdbool.h>

#include "registry/blob.h"
#include "registry/manifest.h"

struct pull_archive;
struct pull_archive_form {
	bool is_image; /* of an image's layer what lies below /models counts */
	bool is_gzip;
	uint64_t room;                 /* bytes of files that may come */
	const struct digest *unpacked; /* of gzip: what the archive must be; NULL: nobody says */
};
/* The files are added to m. */
struct pull_archive *pull_archive_new(struct blob_batch *t, struct manifest *m,
                                      const struct pull_archive_form *f);
/* USAGE: a link or a device, or a file that the layer above takes away; MALFORMED; EXISTS; TOO_BIG:
 * gzip that becomes too much; NO_SPACE. */
int pull_archive_feed(struct pull_archive *a, const void *p, size_t n, struct err *e);
/* DIGEST: it is another archive than want; MALFORMED: it is another one unpacked. */
int pull_archive_end(struct pull_archive *a, const struct digest *want, struct err *e);
void pull_archive_free(struct pull_archive *a); /* NULL is fine */
