/* SPDX-License-Identifier: Apache-2.0 */
/* What all screen tests share: the registries, the environment of the console, keys by name, TAP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/screen/terminal.h"

#define ENV_MAX 32

/* One for the program: who is tested and with what. */
struct house {
	const char *slipway, *setup;
	char root[256]; /* the registries are below */
	int tests, failed;
};
extern struct house house;
/* Makes the registries; false: what failed was said. */
bool house_open(const char *slipway, const char *setup);
int house_close(void); /* the plan; the exit status */
void tap(bool ok, const char *name, const char *why);

/* One console on its terminal. */
struct drive {
	struct terminal *t;
	char env[ENV_MAX][512];
	int env_n;
	char why[512]; /* the first thing that was wrong */
};
__attribute__((format(printf, 2, 3))) bool wrong(struct drive *d, const char *fmt, ...); /* false */
__attribute__((format(printf, 2, 3))) void env_add(struct drive *d, const char *fmt, ...);
void env_start(struct drive *d); /* fixed clock, idle mark, xterm-256color, UTF-8 */
/* The console in this environment, until its first screen is there. */
bool drive_start(struct drive *d, int rows, int cols);
bool drive_spawn(struct drive *d, const char *const *argv, int rows,
                 int cols); /* waits for nothing */
bool send_key(struct drive *d, const char *name, size_t n, bool waits);
bool send_keys(struct drive *d, const char *names); /* parted by blanks, each waited for */
/* slipway with these words beside the console, by a shell; must exit 0. */
bool run_beside(struct drive *d, const char *args);
