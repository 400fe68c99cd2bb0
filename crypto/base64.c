/* SPDX-License-Identifier: Apache-2.0 */
/* Only characters of ASCII reach libsodium, which decodes without a branch on what they are. */
#include "crypto/base64.h"

#include <sodium.h>

int
base64_read(uint8_t *ret, size_t size, size_t *ret_n, const char *text, size_t n,
            const char *ignore, int variant)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\0' || (uint8_t)text[i] > 0x7f)
			return -1;
	}
	if (sodium_base642bin(ret, size, text, n, ignore, ret_n, NULL, variant) != 0)
		return -1;

	return 0;
}
