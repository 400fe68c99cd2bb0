/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to a model's folder as a driver makes them: compared with what the plan saw, then stamp,
 * publish, withdraw, each step repeatable. For every driver whose versions lie in such a folder.
 */
#pragma once

#include "deploy/folder.h"

int folder_is_held(struct folder *f, uint64_t number, bool *ret, struct err *e);

/* CONFLICT when the stamp is another registry's. */
int folder_registry_check(const struct folder_stamp *s, const struct rollout *q, struct err *e);
/* Did this very plan leave the stamp? */
bool folder_is_resume(const struct folder_stamp *s, const struct rollout *q,
                      const struct precondition *p);
/* Is the stamp as p says, or this plan's own? CONFLICT names both states. */
int folder_compare(const struct folder_stamp *s, const struct rollout *q,
                   const struct precondition *p, struct err *e);
/* CONFLICT when a numeric entry is there that neither the stamp nor this plan's cut short run
 * explains. */
int folder_foreign_check(struct folder *f, const struct folder_stamp *s, const struct rollout *q,
                         const struct precondition *p, struct err *e);

/* What should be there at the end; the numbers in others are ours and go. */
struct folder_want {
	const struct rollout *q;
	bool empty;
	uint64_t number;
	struct digest version;
	const char *plan_id;
	const struct source *files; /* NULL: its bytes are not at hand */
	uint64_t others[3];
	bool stamp_last; /* the plan's id stays until the old state is back */
};
/* The one way in which anything changes. NOT_FOUND: never staged; DIGEST, DENIED as folder.h says.
 */
int folder_switch(struct folder *f, const struct folder_want *w, struct err *e);
/* Unlinks what is held and neither q's nor the way back. */
int folder_release(struct folder *f, const struct rollout *q, const struct snapshot *s,
                   struct err *e);
