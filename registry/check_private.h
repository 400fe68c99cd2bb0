/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of check share: the log part finds what there should be, the blob part looks at
 * it. */
#pragma once

#include "crypto/merkle.h"
#include "registry/base/vec.h"
#include "registry/change_scratch.h"
#include "registry/check.h"
#include "registry/records.h"

/* bytes of a blob of which no manifest tells the size: manifests, statements, plans; far more than
 * each may have */
#define CHECK_UNSIZED_MAX ((uint64_t)64 << 20)

struct check_version {
	char *model;
	uint64_t number, files, bytes;
	struct digest digest;
	bool is_deleted;
	bool has_fileset;
	struct digest fileset, smoke; /* of the statement; smoke zero: none */
};
struct check_blob {
	struct digest digest;
	uint64_t size;
	bool has_size;
};
struct check {
	struct registry *r;
	const struct progress *progress;
	bool quick, log_only;
	check_fn *fn;
	check_entry_fn *counted; /* NULL */
	void *arg;
	struct check_result *ret;
	struct merkle_edge edge;
	struct log_pos end; /* behind the last good line */
	struct scratch *scratch; /* what the log makes */
	bool has_lost_policy;    /* one did not count, at this sequence */
	uint64_t lost_policy;
	VEC(struct check_version) versions;
	json_t *places;               /* "model number" -> index into versions */
	VEC(struct check_blob) blobs; /* needed; sorted and unique once all are gathered */
	size_t gathered;              /* versions whose files are among them */
	uint64_t unreadable;          /* manifests of live ones that cannot be read */
	bool machine_failed;          /* one of them because this machine failed */
};

void check_problem(struct check *c, const char *what, const struct err *problem);
void check_need_blob(struct check *c, const struct digest *d, bool has_size, uint64_t size);

/* The log from where it was read to its end, and the blobs that it needs. */
int check_gather(struct check *c, struct err *e);
bool check_is_needed(const struct check *c, const struct digest *d);
/* Has it more bytes than the blob of this name can have? */
bool check_is_longer(const struct check *c, const struct digest *d, uint64_t size);
void check_fini(struct check *c);
/* check_files.c: the blobs that were gathered */
int check_files(struct check *c, struct err *e);

/* check_entry.c; errors are this machine's, problems are said */
int check_entry(struct check *c, const struct log_line *line, struct err *e);
void check_entry_fini(struct check *c);
