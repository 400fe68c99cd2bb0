/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are a kubeconfig. What is read has a server, and no header or address in it can break
 * out of its line; paths in it are only opened where nothing is.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/kubeconfig.h"

static void
one_line(const char *s)
{
	for (; s && *s; s++)
		PROMISE(*s > ' ' && *s <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const contexts[] = { NULL, "c", "prod" };

	for (size_t i = 0; i < COUNT(contexts); i++) {
		struct kubeconfig c = { 0 };
		struct err e = { 0 };
		struct digest ca;
		int rc = kubeconfig_parse(input(p, n), "/nowhere/at/all", contexts[i], &c, &e);

		promise_err(rc, &e);
		if (rc < 0) {
			PROMISE(!c.server && !c.token);
			continue;
		}
		PROMISE(c.server && c.context && c.cluster && c.user && c.ns && c.origin);
		PROMISE(!contexts[i] || strcmp(c.context, contexts[i]) == 0);
		PROMISE(!c.cert_pem == !c.key_pem);
		PROMISE(!c.skip_verify || !c.ca_pem);
		one_line(c.server);
		one_line(c.token);
		one_line(c.server_name);
		kubeconfig_ca(&c, &ca);
		PROMISE(!c.ca_pem == digest_is_zero(&ca));
		kubeconfig_fini(&c);
	}
	return 0;
}
