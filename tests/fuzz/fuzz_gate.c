/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are the rule of a gate, as a policy has it. */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "registry/gate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_free char *text = xstrndup((const char *)p, n);
	struct gate g;
	struct err e = { 0 };
	const int rc = gate_parse(text, &g, &e);

	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	PROMISE(streq(g.text, text));
	/* nothing that is no number passes */
	if (g.kind == GATE_METRIC || g.kind == GATE_METRIC_HELD) {
		PROMISE(!gate_metric_passes(&g, (double)NAN, 0));
		PROMISE(g.kind == GATE_METRIC || !gate_metric_passes(&g, 0, (double)NAN));
	}
	if (g.kind == GATE_LICENCE)
		PROMISE(!gate_licence_in(&g, "") && !gate_licence_in(&g, ","));
	return 0;
}
