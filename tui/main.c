/* SPDX-License-Identifier: Apache-2.0 */
/* The program is its table of verbs; without words it is the console, which is a verb too. */
#include "tui/cmd/cmd.h"

int
main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
