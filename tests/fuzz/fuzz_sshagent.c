/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are an answer of ssh-agent, from its type on. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/sshagent.h"

static void
check_keys(const uint8_t *p, size_t n)
{
	struct sshagent_key *keys = NULL;
	size_t keys_n = 99;
	const int rc = sshagent_parse_keys(p, n, &keys, &keys_n);

	PROMISE(rc == SSHAGENT_OK || rc == SSHAGENT_REFUSED || rc == SSHAGENT_MALFORMED);
	PROMISE(rc == SSHAGENT_OK || (!keys && keys_n == 99));
	if (rc < 0)
		return;
	PROMISE((keys != NULL) == (keys_n > 0));
	for (size_t i = 0; i < keys_n; i++) {
		uint8_t wire[KEY_WIRE_MAX];
		size_t wire_n;

		PROMISE(memchr(keys[i].comment, 0, sizeof keys[i].comment));
		key_wire(&keys[i].key, wire, &wire_n);
		PROMISE(memmem(p, n, wire, wire_n) != NULL);
	}
	free(keys);
}

static void
check_signature(const uint8_t *p, size_t n)
{
	uint8_t *sig = NULL;
	size_t sig_n = 0;
	const int rc = sshagent_parse_signature(p, n, &sig, &sig_n);

	PROMISE(rc == SSHAGENT_OK || rc == SSHAGENT_REFUSED || rc == SSHAGENT_MALFORMED);
	PROMISE((rc == SSHAGENT_OK) == (sig != NULL));
	if (rc == SSHAGENT_OK)
		PROMISE(sig_n == n - 5 && memcmp(sig, p + 5, sig_n) == 0);
	free(sig);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	check_keys(p, n);
	check_signature(p, n);
	return 0;
}
