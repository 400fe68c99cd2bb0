/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files as a version: what a rollout needs of it, without a registry. */
#pragma once

#include "deploy/driver.h"

struct version_dir {
	struct source source;
	struct digest version; /* over names and digests: stands for the manifest's */
	char *dir;
};

/* The regular files of dir, not of folders in it. */
int version_dir_open(const char *dir, struct version_dir **ret, struct err *e);
void version_dir_free(struct version_dir *v); /* NULL is fine */
