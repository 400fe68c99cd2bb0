/* SPDX-License-Identifier: Apache-2.0 */
/* status --watch: what the targets serve, as an agent that watches them tells it. */
#pragma once

#include "tui/app.h"

#include "registry/base/json.h"
#include "registry/registry.h"

/* What a target serves now, against the records. */
enum live {
	LIVE_AS_RECORDED,
	LIVE_SETTLING,    /* it serves what is recorded, by as many pods as are ready */
	LIVE_UNKNOWN,     /* nobody looked, or could */
	LIVE_PROGRESSING, /* not as recorded yet, or not any more: pods that are not ready */
	LIVE_DRIFT,
};
enum live live_of(const json_t *serving); /* of one target, as the agent says it */

/* What the agent's "status" and "watch" are asked with; name NULL: all models. */
int status_request(struct app *a, const char *name, json_t **ret, struct err *e);
/* status --targets: until a signal, --timeout, or nobody reads any more. */
int status_targets(struct app *a, const char *name, struct err *e);

struct status_feed;
/* request as for the agent's "status". Both are borrowed. */
int status_feed_open(struct registry *r, const json_t *request, struct status_feed **ret,
                     struct err *e);
void status_feed_close(struct status_feed *f); /* NULL is fine */
/* 1: something was told, 0: nothing within that time. An agent that ends is started anew; so is one
 * that does not know what the registry says by now. Negative: the agent's error. */
int status_feed_wait(struct status_feed *f, int ms, struct err *e);
/* As the agent's "status" answers; a target that was not looked at yet has no "serving". */
const json_t *status_feed_live(const struct status_feed *f);
bool status_feed_is_whole(const struct status_feed *f); /* every target was looked at */
uint64_t status_feed_began_ms(const struct status_feed *f);
/* fn hears each line of the agent once it was taken. NULL: nobody. */
typedef void status_told_fn(void *arg, const json_t *line);
void status_feed_tell(struct status_feed *f, status_told_fn *fn, void *arg);
