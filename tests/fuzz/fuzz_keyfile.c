/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a key file, read without a passphrase: no cost that the file names is paid. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/keyfile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct secret_key *k = NULL;
	struct public_key pub;
	int is_encrypted = 0;
	const int seen = keyfile_public((const char *)p, n, &pub, &is_encrypted);
	const int rc = keyfile_read((const char *)p, n, NULL, &k);

	PROMISE((rc == KEYFILE_OK) == (k != NULL));
	if (rc == KEYFILE_OK)
		PROMISE(seen == 0 && !is_encrypted && memcmp(&pub, &k->pub, sizeof pub) == 0);
	if (rc == KEYFILE_LOCKED)
		PROMISE(seen == 0 && is_encrypted);
	key_free(k);
	return 0;
}
