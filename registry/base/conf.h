/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: lines "key = value", "#" starts a comment. /etc/slipway/config first, then the person's
 * ($SLIPWAY_CONFIG, else the config folder); the later wins. A key that is not known here is kept
 * aside for a warning: a newer program may know it. A value that is not allowed is an error that
 * names file and line.
 */
#pragma once

#include <stdbool.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"
#include "registry/base/vec.h"

#define CONF_MAX  ((size_t)64 * 1024)
#define CONF_SITE "/etc/slipway/config"

enum conf_hook {
	CONF_HOOK_PLAN_WAITING,
	CONF_HOOK_JOB_FAILED,
	CONF_HOOK_JOB_DONE,
	CONF_HOOK_STAGE_MOVED,
	CONF_HOOKS
};
struct conf_odd {          /* a line whose key nobody knows */
	char *key, *where; /* "FILE:LINE" */
};
#define CONF_BIND "key."
struct conf_bind { /* "key.ACTION = KEYS", for the console, which says what is wrong with it */
	char *action, *keys, *where;
};
struct conf {
	char *registry;       /* NULL: not set */
	char *color, *output; /* defaults of the flags, NULL when not set */
	char *editor, *pager;
	char *background, *sync, *console; /* of the console */
	char *key;               /* the one that signs */
	char *confirm_window;
	int confirm_window_s; /* reserved for the console; 0 */
	/* Absolute paths of programs; only of a file that nobody else could have written. */
	char *hooks[CONF_HOOKS];
	VEC(struct conf_odd) odd;
	VEC(struct conf_bind) binds; /* in the order of the files: the later wins */
};

/* One row a key, in the order of the manual. */
struct conf_key {
	const char *name, *text;
	size_t offset;                       /* of its char * in struct conf */
	bool (*is_valid)(const char *value); /* NULL: any */
	const char *expected;                /* what a valid value is */
};
extern const struct conf_key conf_keys[];                               /* ends with name NULL */
const struct conf_key *conf_key(const char *name);                      /* NULL: unknown */
const char *conf_value(const struct conf *c, const struct conf_key *k); /* NULL: not set */
/* May this stand behind "key ="? USAGE. An unknown key may have any value that a line can hold. */
int conf_check(const char *key, const char *value, struct err *e);

int conf_load(struct conf *ret, struct err *e);
/* One file alone; NOT_FOUND when it is not there. */
int conf_load_file(const char *path, struct conf *ret, struct err *e);
/* The person's file, whether it is there or not. USAGE without a home. */
int conf_personal_path(char **ret, struct err *e);
int conf_parse(struct conf *c, struct str text, const char *name, struct err *e);
void conf_fini(struct conf *c);

/* Appends text with the last line of key changed to value, or a new line at its end; value NULL:
 * without the lines of key. All other lines and the comment behind the value stay as they are.
 * False: text was so already. */
bool conf_edit(struct str text, const char *key, const char *value, struct buf *ret);
