/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines out of the pieces of a stream, cut wherever the network cut them. Bounded; half a line at
 * the end of a stream that broke off stays half and is given to nobody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

struct kube_lines {
	struct buf part; /* of the line that has not ended */
	size_t max;      /* bytes of a line */
	bool cuts;       /* longer ones are cut; else they are TOO_BIG */
	bool is_cut;
	int (*fn)(void *arg, struct str line, struct err *e); /* negative ends with its error */
	void *arg;
};
int kube_lines_write(void *lines, const void *bytes, size_t n, struct err *e); /* an http_sink */
void kube_lines_fini(struct kube_lines *l);
