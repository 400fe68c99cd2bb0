/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the "modelrepo" driver share; nobody else includes this. */
#pragma once

#include "deploy/driver.h"
#include "deploy/folder.h"
#include "deploy/http.h"
#include "deploy/modelrepo_api.h"

struct modelrepo {
	const struct target *t;
	struct http *http;
	char *url; /* without slashes at its end */
	struct modelrepo_api api;
	/* The load that was answered with success by this process: of which number, and when
	 * (clock_mono_ms()). 0: none. */
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

/* modelrepo_preflight.c */
int modelrepo_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e);

/* modelrepo_switch.c */
int modelrepo_apply(void *st, const struct rollout *q, struct str rendered,
                    const struct precondition *p, struct err *e);
int modelrepo_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e);
int modelrepo_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                          const struct precondition *p, struct err *e);
