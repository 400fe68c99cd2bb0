/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a promotion would have to carry into a site without a connection, as the policy says that it
 * is one: what each target would fetch, judged by deploy/offline.h and by what the site's own
 * registries have. The same for a plan, which is shown, and for the job, which is refused.
 */
#pragma once

#include "deploy/image_looks.h"
#include "deploy/wave.h"

/* All that v would fetch, after its preflight. */
int offline_fetches(const struct wave_target *v, struct fetches *ret, struct err *e);
/* Findings "offline" of one target: a block for each thing that would leave the site, or that its
 * registry does not have; warnings where p is no promotion. */
void offline_judge(const json_t *offline, const struct plan *p, const struct fetches *f,
                   const struct image_looks *looks, struct findings *ret);
/* What is missing, for the next bundle: adds {"image", "reason"}, each image once. offline NULL:
 * what is in no registry. */
void offline_carry(const json_t *offline, const struct image_names *its,
                   const struct image_looks *looks, json_t *ret);
/* All targets of a job, after their preflight. POLICY: the first of what must not be fetched. */
int offline_check(struct wave *w, struct err *e);
