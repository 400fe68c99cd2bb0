/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to the instances of a model at a target lately, as `logs --events` told it when it
 * was asked; newest first. */
#pragma once

#include "registry/base/vec.h"
#include "tui/view/list.h"

struct happened {
	char object[128], reason[64];
	char *text;     /* owned */
	int64_t time_s; /* 0: nobody knows */
	uint64_t count;
	bool is_warning;
};
struct target_events {
	VEC(struct happened) rows;
	struct list list;
	char of[NAME_SIZE]; /* the model that was asked about; "" nothing */
	char why[300];      /* why there are none */
	bool is_asking;
	int64_t asked_s;
};
enum handled target_events_ask(struct target_events *s, const char *model, const char *stage,
                               const char *target, struct view_request *ret); /* ASK_ARGV */
/* false: it answers another question. */
bool target_events_take(struct target_events *s, const struct answer *a);
size_t target_events_draw(struct target_events *s, const struct area *a); /* rows of the list */
void target_events_fini(struct target_events *s);
