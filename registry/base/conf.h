/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: lines "key = value", "#" starts a comment. /etc/slipway/config first, then the person's
 * ($SLIPWAY_CONFIG, else the config folder); the later wins. Unknown keys are an error that names
 * file and line.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/str.h"

struct conf {
	char *registry;        /* NULL: not set */
	char *color, *output;  /* defaults of the flags, NULL when not set */
	char *editor, *pager;
	int confirm_window_s;  /* reserved for the console; 0 */
};

int conf_load(struct conf *ret, struct err *e);
int conf_parse(struct conf *c, struct str text, const char *name, struct err *e);
void conf_fini(struct conf *c);
