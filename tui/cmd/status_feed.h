/* SPDX-License-Identifier: Apache-2.0 */
/* status --watch: what the targets serve, as an agent that watches them tells it. */
#pragma once

#include "registry/base/json.h"
#include "registry/registry.h"

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
