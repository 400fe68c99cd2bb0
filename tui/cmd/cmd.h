/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripted face. One row a verb in cmd_table.c, one file a verb; main() runs it, the console
 * shows its argv and spawns it. Options and positional arguments are declared, parsed in one place,
 * and printed by --help from the same rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "tui/app.h"

struct opt {
	const char *name;  /* "--label" */
	char letter;       /* 'n' for -n; 0 none */
	const char *arg;   /* "K=V"; NULL: a flag */
	const char *text;  /* one line for --help */
	bool many;         /* may be repeated */
};
struct args {
	const char *const *pos;
	size_t pos_n;
	/* Option values in the order given; a flag's value is "". */
	struct { const struct opt *opt; const char *value; } *opts;
	size_t opts_n;
	const struct cmd *cmd;
};
const char *arg_value(const struct args *a, const char *name); /* the last one; NULL: not given */
bool arg_flag(const struct args *a, const char *name);
/* args_foreach(v, in, "--label"): v is each value */
const char *arg_next(const struct args *a, const char *name, size_t *i);
#define args_foreach(v, a, name) \
	for (size_t v##_i = 0, v##_1 = 1; v##_1; v##_1 = 0) \
		for (const char *v; (v = arg_next(a, name, &v##_i)) != NULL;)

enum cmd_flags {
	/* wants the registry open: for reading, or with CMD_CHANGES for writing */
	CMD_READS = 1u << 0,
	CMD_CHANGES = 1u << 1,  /* may write */
	CMD_CONFIRMS = 1u << 2, /* asks first */
	CMD_AGENT = 1u << 3,    /* starts the agent */
	CMD_DRY_RUN = 1u << 4,  /* knows --dry-run; other rows that write refuse it */
	CMD_WRITES_FILES = 1u << 5, /* writes outside the registry */
	/* what --help lists of the flags of every command */
	CMD_SIGNS = 1u << 6,     /* with the person's key: --passphrase-fd */
	CMD_REASON = 1u << 7,    /* keeps --reason */
	CMD_WAITS = 1u << 8,     /* for a job: --timeout, --detach */
	CMD_PROTECTED = 1u << 9, /* a name may have to be confirmed: --confirm */
	CMD_ANY_SETTINGS = 1u << 10, /* works with a settings file that has mistakes */
};
struct cmd {
	/* "list"; for groups "key list" is a row of its own: "key", sub "list" */
	const char *name;
	const char *sub;      /* NULL */
	const char *args;     /* "[NAME]" */
	const char *summary;  /* one line */
	const char *group;    /* heading in help: "start", "look", "bring in", ... */
	const struct opt *opts; /* ends with name NULL; may be NULL */
	size_t min_pos, max_pos;
	/* CMD_READS: the registry is open when run is called, for writing with CMD_CHANGES but in a
	 * dry run */
	unsigned flags;
	int (*run)(struct app *a, const struct args *in, struct err *e);
	const char *examples; /* for --help; may be NULL */
};
extern const struct cmd *const cmds[]; /* NULL-terminated, one line a verb */
/* Finds the row, parses, opens what its flags ask for, runs. Returns the exit status; errors are
 * shown. */
int cmd_main(int argc, char **argv);
