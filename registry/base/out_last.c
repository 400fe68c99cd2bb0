/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error of a process that cannot go on: its text is made while all is well, so that a signal
 * handler has nothing to do but to write it and to end. Knows nothing of why.
 */
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/out_private.h"

static struct {
	const struct out *o;
	int exit_status;
	struct {
		char p[512];
		size_t n;
	} text, json;
} last;

void
out_last_prepare(struct out *o, const struct err *e)
{
	cleanup_buf struct buf text = { 0 }, json = { 0 };

	out_render_error(o, e, false, &text);
	out_render_error(o, e, true, &json);
	last.text.n = text.n < sizeof last.text.p ? text.n : sizeof last.text.p;
	last.json.n = json.n < sizeof last.json.p ? json.n : sizeof last.json.p;
	memcpy(last.text.p, text.p, last.text.n);
	memcpy(last.json.p, json.p, last.json.n);
	last.exit_status = err_exit_status(e);
	last.o = o;
}

void
out_last(void)
{
	if (last.o && out_is_json(last.o))
		(void)fs_write_all(last.o->fd_notes, last.json.p, last.json.n);
	else if (last.o)
		(void)fs_write_all(last.o->fd_notes, last.text.p, last.text.n);
	_exit(last.o ? last.exit_status : err_exit_of(ERR_STORE));
}
