/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the "modelrepo" driver share; nobody else includes this. */
#pragma once

#include "deploy/driver.h"
#include "deploy/folder.h"
#include "deploy/http.h"
#include "deploy/modelrepo_api.h"

#define MODELREPO_SERVERS 64

struct modelrepo {
	const struct target *t;
	struct http *http;
	/* the servers that read the folder; the first is the target's url */
	struct modelrepo_api servers[MODELREPO_SERVERS];
	size_t n;
	enum modelrepo_dialect dialect;
	const char *implementation, *model_file; /* of MLServer; model_file NULL: the folder */
	/* The loads that all servers answered with success, by this process: of which number, and
	 * when (clock_mono_ms()). 0: none. */
	uint64_t loaded_number, loaded_ms;
};

/* entry gets the model's name at the target even when the folder is not there. */
int modelrepo_folder(const struct modelrepo *m, const struct rollout *q, bool create,
                     char entry[256],
                     struct folder **ret, struct err *e);
/* CONFLICT: rendered is not what q renders to, so nobody planned it. */
int modelrepo_is_planned(const struct modelrepo *m, const struct rollout *q, struct str rendered,
                         struct err *e);
/* Until the rollout's deadline, at least a second; most when it has none. */
uint64_t modelrepo_left_ms(const struct rollout *q, uint64_t most_ms);

/* Names the server in e when there are several; returns its negative code. */
int modelrepo_blame(const struct modelrepo *m, size_t i, struct err *e);

/* modelrepo_look.c */
int modelrepo_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e);

/* modelrepo_settings.c: what MLServer reads. Nothing in the dialect of Triton. */
json_t *modelrepo_settings_json(const struct modelrepo *m, const char *entry, uint64_t number);
/* The file as it is to be for that number; 0: it goes. */
int modelrepo_settings_write(const struct modelrepo *m, struct folder *f, const char *entry,
                             uint64_t number, struct err *e);
/* Is it as we write it for that number? */
int modelrepo_settings_are(const struct modelrepo *m, struct folder *f, const char *entry,
                           uint64_t number, bool *ret, struct err *e);
/* Files of the version and of others that would tell the server something else; f may be NULL. */
int modelrepo_settings_check(const struct modelrepo *m, struct folder *f,
                             const struct folder_stamp *stamp, const struct rollout *q,
                             struct findings *ret, struct err *e);

/* modelrepo_preflight.c */
int modelrepo_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e);

/* modelrepo_switch.c */
int modelrepo_apply(void *st, const struct rollout *q, struct str rendered,
                    const struct precondition *p, struct err *e);
int modelrepo_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e);
int modelrepo_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                          const struct precondition *p, struct err *e);
