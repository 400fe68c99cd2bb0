/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that numbers events and says when nothing was said for long. */
#include "tui/cmd/events.h"

#include "registry/base/clock.h"

#define HEARTBEAT_MS 30000

void
event_begin(struct events *v, const char *kind, struct json_out *j)
{
	jo_begin(j, NULL, '{');
	jo_string(j, "apiVersion", "slipway/v1");
	jo_string(j, "kind", kind);
	jo_u64(j, "seq", ++v->seq);
	jo_time(j, "time", clock_now_s());
	v->said_ms = clock_mono_ms();
}

void
event_end(struct events *v, struct json_out *j)
{
	jo_end(j, '}');
	buf_addc(j->b, '\n');
	out_raw(v->out, j->b->p, j->b->n);
}

void
event_heartbeat(struct events *v)
{
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };

	if (clock_mono_ms() - v->said_ms < HEARTBEAT_MS)
		return;
	event_begin(v, "Heartbeat", &j);
	event_end(v, &j);
}
