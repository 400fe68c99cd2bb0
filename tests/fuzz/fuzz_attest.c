/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte is a type of evidence, the rest a file that somebody attests. */
#include "tests/fuzz/fuzz.h"

#include "registry/attest.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_json json_t *content = NULL, *again = NULL;
	cleanup_buf struct buf text = { 0 }, second = { 0 };
	enum evidence_type type;
	struct err e = { 0 };
	int rc;

	if (n == 0)
		return 0;
	type = (enum evidence_type)(p[0] % EVIDENCE_TYPES);
	rc = attest_read(type, input(p + 1, n - 1), &content, &e);
	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	json_canonical(content, &text);
	PROMISE(text.n <= ATTEST_CONTENT_MAX);
	if (type == EVIDENCE_METRICS) {
		const struct evidence v = { .content = content };
		const char *name;
		json_t *value;
		double is;

		json_object_foreach(content, name, value)
		        PROMISE(json_is_string(value) && evidence_metric(&v, name, &is));
		return 0;
	}
	/* what was read is itself a file with just this content */
	PROMISE(attest_read(type, buf_str(&text), &again, &e) == 0);
	json_canonical(again, &second);
	PROMISE(str_eq(buf_str(&text), buf_str(&second)));
	return 0;
}
