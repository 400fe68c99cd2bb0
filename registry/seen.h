/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far this person's console had read a registry's log when it was last there, kept outside the
 * registry by its id ($XDG_STATE_HOME/slipway/console). For telling what went on meanwhile only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct seen {
	uint64_t entries; /* of the log */
	int64_t time_s;
};
bool seen_look(const char *registry_id, struct seen *ret);     /* false: it never was there */
void seen_save(const char *registry_id, const struct seen *s); /* best effort */
