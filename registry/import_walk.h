/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a folder that is to be imported, looked at and not yet read. */
#pragma once

#include <sys/stat.h>

#include "registry/base/err.h"
#include "registry/base/vec.h"
#include "registry/blob.h"

struct walk_file {
	char *path; /* relative to the folder */
	struct stat st;
};
struct walk {
	int root; /* borrowed */
	const char *name; /* of the folder, for messages; borrowed */
	const struct blobs *blobs; /* of the registry that it must not hold; borrowed */
	VEC(struct walk_file) files; /* sorted by path */
};

/* USAGE with the path for what import.h refuses; walk_fini in any case. */
int walk_folder(struct walk *w, int root, const char *name, struct err *e);
/* USAGE: two names differ in case only. */
int walk_check_case(const struct walk *w, struct err *e);
int walk_refuse_registry(const char *path, struct err *e);
int walk_open(const struct walk *w, const struct walk_file *f, int *ret_fd, struct err *e);
void walk_fini(struct walk *w);
