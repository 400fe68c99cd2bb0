/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a console can cost: curses, a full list of short lines, one key. */
#include <curses.h>
#include <locale.h>

int
main(void)
{
	int row = 0, key;

	setlocale(LC_ALL, "");
	if (!newterm(NULL, stdout, stdin))
		return 1;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	for (int y = 0; y < LINES; y++)
		mvprintw(y, 0, "model-%06d  v12   staging  production  signed  1.2G", y);
	do {
		mvchgat(row, 0, -1, A_NORMAL, 0, NULL);
		row = (row + 1) % LINES;
		mvchgat(row, 0, -1, A_REVERSE, 0, NULL);
		move(row, 0);
		key = getch();
	} while (key != 'q' && key != ERR);
	endwin();
	return 0;
}
