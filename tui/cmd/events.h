/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a verb that watches: an object a line, numbered, a heartbeat where nothing is said. */
#pragma once

#include <stdint.h>

#include "registry/base/json.h"
#include "registry/base/out.h"

struct events {
	struct out *out;
	uint64_t seq;     /* of the last one; 0: none yet */
	uint64_t said_ms; /* when, by the monotonic clock */
};
/* The members of every event; j->b is empty. */
void event_begin(struct events *v, const char *kind, struct json_out *j);
void event_end(struct events *v, struct json_out *j);
void event_heartbeat(struct events *v); /* when it is due */
