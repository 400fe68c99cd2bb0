/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model compared with the list that an OMS bundle signs: every listed file hashed, and what is
 * missing, different or there without being listed named one by one. Of a folder no symbolic link
 * is followed and no file outside read; of a stored version the manifest is the list of files.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/base/vec.h"
#include "registry/blob.h"
#include "registry/manifest.h"
#include "registry/oms.h"

enum oms_finding_kind {
	OMS_MISSING,   /* listed and not there */
	OMS_DIFFERENT, /* other bytes than those that were signed */
	OMS_EXTRA,     /* there and not listed */
	OMS_LINK,      /* a symbolic link; what it leads to was not looked at */
	OMS_SPECIAL,   /* a device, FIFO or socket, or a name that no list can hold */
	OMS_IGNORED,   /* there, and the signer chose to leave it out */
	OMS_UNCOVERED, /* there, and no list of this kind covers it: the defaults, empty files */
	OMS_FINDING_COUNT
};
struct oms_finding {
	enum oms_finding_kind kind;
	char *path;
	bool is_refused;
};
enum oms_allow {
	OMS_ALLOW_EXTRA = 1u << 0,   /* of a folder only */
	OMS_ALLOW_IGNORED = 1u << 1, /* what the signer chose to leave out */
};
struct oms_report {
	VEC(struct oms_finding) findings; /* sorted by path */
	uint64_t refused;                 /* of them */
	uint64_t files, bytes;            /* that were hashed and are as they were signed */
};

/* path: a folder, or the one file of a model. bundle: the path of the bundle, which is left out
 * where it lies in the folder; may be NULL. 0 only when nothing is refused; else DIGEST names the
 * first, and *ret has all. NOT_FOUND, SYS, TOO_BIG, CANCELLED: it was not looked at to the end.
 * oms_report_fini in any case. */
int oms_check_path(const struct oms *o, const char *path, const char *bundle, unsigned allow,
                   const struct progress *p, struct oms_report *ret, struct err *e);
int oms_check_version(const struct oms *o, struct blobs *b, const struct manifest *m,
                      unsigned allow, const struct progress *p, struct oms_report *ret,
                      struct err *e);
void oms_report_fini(struct oms_report *r);
const char *oms_finding_name(enum oms_finding_kind k); /* "missing", "not covered", ... */
