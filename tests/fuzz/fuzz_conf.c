/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a file of settings. */
#include "tests/fuzz/fuzz.h"

#include "registry/base/conf.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf c = { 0 };
	struct err e = { 0 };

	promise_err(conf_parse(&c, input(p, n), "config", &e), &e);
	conf_fini(&c);
	return 0;
}
