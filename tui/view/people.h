/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy wants of people before a stage, in words; for showing, it decides nothing. */
#pragma once

#include "registry/policy.h"

/* "1 approval by another than ana, within 72 h: ben may"; false: nobody else is needed, and the
 * text says so. who: the id of the person who would authorise; "" nobody. */
bool people_wanted(const struct policy *p, const struct policy_stage *g, const char *who,
                   struct buf *ret);
