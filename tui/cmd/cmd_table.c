/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, one line each, in the order of the help; the rows stand in the files of the verbs. */
#include "tui/cmd/cmd.h"

#define VERBS(X) \
	X(init) \
	X(help) \
	X(version) \
	X(list) \
	X(show) \
	X(files) \
	X(history) \
	X(status) \
	X(import) \
	X(label) \
	X(export) \
	X(verify) \
	X(key_list) \
	X(key_show) \
	X(policy_show) \
	X(delete) \
	X(check) \
	X(rebuild)

#define X(name) extern const struct cmd cmd_##name;
VERBS(X)
#undef X

const struct cmd *const cmds[] = {
#define X(name) &cmd_##name,
	VERBS(X)
#undef X
	NULL,
};
