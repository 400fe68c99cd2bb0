/* SPDX-License-Identifier: Apache-2.0 */
/* What oms_tree.c, which knows where files are, and oms_check.c, which hashes them, share. */
#pragma once

#include "registry/oms_tree.h"

struct oms_file {
	char *path;
	uint64_t size;
	const struct digest *digest; /* of a stored version, what its manifest says; else NULL */
};
/* The files of a model that are to be compared with the list. */
struct oms_model {
	const struct oms *list;
	VEC(struct oms_file) files; /* sorted by path once compared */
	bool is_one_file;           /* "." in the list means it */
	unsigned allow;
	const struct progress *progress;
	struct oms_report *report;
	/* A new descriptor of f at its start. NOT_FOUND and DIGEST are findings, others errors. */
	int (*open)(const struct oms_model *m, const struct oms_file *f, int *ret, struct err *e);
	int root;            /* for open: the folder */
	struct blobs *blobs; /* for open: of a stored version */
};
void oms_model_fini(struct oms_model *m);
void oms_find(struct oms_model *m, enum oms_finding_kind kind, const char *path, bool is_refused);
/* Files and list side by side; every listed file is hashed. */
int oms_compare(struct oms_model *m, struct err *e);
