/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --log-file: what went to stderr as notes, warnings and errors, one line each with
 * time and process, also when it was not shown. A line leaves in one write behind what is there, so
 * that many programs may share the file. Prompts, progress and data never come here.
 */
#include "registry/base/out.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/out_private.h"
#include "registry/base/text.h"

#define LINE_MAX_BYTES ((size_t)4096) /* with the line feed */

int
out_log_open(struct out *o, const char *path, struct err *e)
{
	/* without O_NONBLOCK a FIFO that somebody left there would hold us for ever */
	cleanup_close int fd =
	        open(path,
	             O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	             0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot open \"%s\" to write the log", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DENIED, "\"%s\" is not a regular file: no log is kept there",
		               path);
	close_quietly(o->fd_log);
	o->fd_log = steal_fd(&fd);
	return 0;
}

/* Safe text ends in a whole character and a whole escape, as text_fit cuts it. */
static void
add_cut(struct buf *line, struct str safe)
{
	cleanup_buf struct buf cut = { 0 };
	const size_t room = LINE_MAX_BYTES - line->n - 1;

	if (safe.n <= room) {
		buf_add(line, safe.p, safe.n);
		return;
	}
	/* a cell has four bytes at most */
	text_fit(&cut, safe, room / 4, TEXT_CUT_END, 0, 1);
	buf_add(line, cut.p, cut.n < room ? cut.n : room);
}

void
out_log_line(struct out *o, const char *level, struct str text)
{
	cleanup_buf struct buf line = { 0 }, safe = { 0 };
	char now[CLOCK_TEXT_SIZE];

	if (o->fd_log < 0)
		return;
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	clock_text(now, clock_now_s());
	buf_addf(&line, "%s %d %s: ", now, (int)getpid(), level);
	for (size_t i = 0; i < text.n; i++) /* already safe: only our own line feeds are left */
		buf_addc(&safe, text.p[i] == '\n' ? ' ' : text.p[i]);
	add_cut(&line, buf_str(&safe));
	buf_addc(&line, '\n');
	(void)fs_write_all(o->fd_log, line.p, line.n); /* nowhere to say that it is full */
}
