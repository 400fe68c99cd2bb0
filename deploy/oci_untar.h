/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar archive read as it comes: POSIX ustar and pax, and GNU's long names and large numbers. It
 * says what lies where; nothing is ever made on a disk under a name from an archive.
 * Sources: POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"

struct untar_sink {
	/* type as in the archive: '0' a file, '5' a folder, '1' and '2' links. path as it stands
	 * there, not checked. */
	int (*begin)(void *arg, const char *path, char type, uint64_t size, struct err *e);
	int (*data)(void *arg, const void *p, size_t n, struct err *e);
	int (*end)(void *arg, struct err *e); /* of each that began */
	void *arg;
};
struct untar;
struct untar *untar_new(const struct untar_sink *sink);                  /* copied */
int untar_feed(struct untar *u, const void *p, size_t n, struct err *e); /* MALFORMED, TOO_BIG */
int untar_finish(struct untar *u, struct err *e); /* MALFORMED: it ended in the middle */
void untar_free(struct untar *u);
