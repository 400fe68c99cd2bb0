/* SPDX-License-Identifier: Apache-2.0 */
/* What backup.c and backup_copy.c share; nobody else includes this. */
#pragma once

#include "registry/backup.h"

struct backup_end { /* how far a log is in a backup; kept in its backup.json */
	uint64_t entries;
	struct log_pos end;  /* behind the last line */
	struct log_pos last; /* where that begins */
	uint32_t last_length;
	struct digest leaf; /* of it */
};
struct backup {
	struct registry *r;
	const char *dir;
	int rootfd; /* of the backup */
	struct blobs *blobs;
	struct backup_end had, now;
	const struct progress *progress;
	struct backup_result *ret;
};

/* Every blob of the registry that the backup has not, by size. */
int backup_copy_blobs(struct backup *b, struct err *e);
/* The log's bytes between had and now, durably; what is behind had goes first. */
int backup_copy_log(struct backup *b, struct err *e);
/* The journals of jobs, as far as they can be read: best effort. */
void backup_copy_jobs(struct backup *b);
