/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where notes from library code go: one sink of the process, set once by its main(). Knows neither
 * terminals nor languages; without a sink a note is dropped.
 */
#include "registry/base/message.h"

#include <stdarg.h>

#include "registry/base/buf.h"

static message_fn *sink;
static void *sink_arg;

void
message_sink(message_fn *fn, void *arg)
{
	sink = fn;
	sink_arg = arg;
}

void
message(enum message_level level, const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	if (!sink)
		return;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	sink(sink_arg, level, buf_cstr(&text));
}
