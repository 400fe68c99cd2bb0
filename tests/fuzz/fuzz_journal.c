/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are lines of a job's journal, as anybody who can write the folder may leave them. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "registry/journal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str rest = input(p, n);

	while (rest.n > 0) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		const size_t k = lf ? (size_t)(lf - rest.p) : rest.n;
		struct journal_line l;
		struct err e = { 0 };
		int rc = journal_parse((struct str){ rest.p, k }, &l, &e);

		promise_err(rc, &e);
		PROMISE(memchr(l.text, '\0', sizeof l.text) && memchr(l.step, '\0', sizeof l.step));
		PROMISE(l.gates_n <= JOURNAL_READINGS);
		for (size_t i = 0; i < l.gates_n; i++)
			PROMISE(l.gates[i].name[0] &&
			        memchr(l.gates[i].name, '\0', sizeof l.gates[i].name));
		if (rc == 0)
			PROMISE(job_state_name(l.state)[0]);
		rest.p += k + (lf ? 1 : 0);
		rest.n -= k + (lf ? 1 : 0);
	}
	return 0;
}
