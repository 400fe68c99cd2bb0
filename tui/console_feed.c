/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of this is in a program that is installed. */
#include "tui/console_feed.h"

#ifdef SLIPWAY_TESTING
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"

#define FEED_MAX ((size_t)1 << 20)

bool
feed_lines(const char *variable, feed_fn *fn, void *arg)
{
	const char *const name = getenv(variable), *const home = getenv("HOME");
	cleanup_free char *path = xasprintf("%s/%s", home ? home : "", name ? name : "");
	cleanup_buf struct buf text = { 0 };
	struct err ignored = { 0 };

	if (!name)
		return false;
	(void)fs_read_at(AT_FDCWD, path, FEED_MAX, &text, &ignored);
	for (struct str rest = buf_str(&text); rest.n > 0;) {
		const char *const lf = memchr(rest.p, '\n', rest.n);
		const size_t n = lf ? (size_t)(lf - rest.p) : rest.n, used = n + (lf != NULL);
		fn(arg, (struct str){ rest.p, n });
		rest = (struct str){ rest.p + used, rest.n - used };
	}
	return true;
}
#endif
