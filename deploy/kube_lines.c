/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of the pieces of a stream. Knows nothing of what stands in them. */
#include "deploy/kube_lines.h"

#include <string.h>

static int
add_piece(struct kube_lines *l, const char *p, size_t n, struct err *e)
{
	const size_t room = l->max - l->part.n;

	if (n > room && !l->cuts)
		return err_set(e, ERR_TOO_BIG, "the cluster sends a line of more than %zu bytes",
		               l->max);
	if (!l->is_cut)
		buf_add(&l->part, p, n < room ? n : room);
	l->is_cut = l->is_cut || n > room;
	return 0;
}

int
kube_lines_write(void *lines, const void *bytes, size_t n, struct err *e)
{
	struct kube_lines *const l = lines;
	const char *p = bytes;

	while (n > 0) {
		const char *const end = memchr(p, '\n', n);
		const size_t len = end ? (size_t)(end - p) : n;
		int rc = add_piece(l, p, len, e);

		if (rc < 0)
			return rc;
		if (end) {
			rc = l->fn(l->arg, buf_str(&l->part), e);
			buf_clear(&l->part);
			l->is_cut = false;
		}
		if (rc < 0)
			return rc;
		p += len + (end != NULL);
		n -= len + (end != NULL);
	}
	return 0;
}

void
kube_lines_fini(struct kube_lines *l)
{
	buf_fini(&l->part);
}
