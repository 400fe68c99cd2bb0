/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 into growing bytes, by the one reader that crypto has. */
#include "registry/base/base64.h"

#include <sodium.h>
#include <string.h>

#include "crypto/base64.h"

void
base64_add(struct buf *ret, const void *p, size_t n)
{
	const size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);

	sodium_bin2base64(buf_reserve(ret, size), size, p, n, sodium_base64_VARIANT_ORIGINAL);
	ret->n += size - 1;
}

int
base64_decode(const char *text, struct buf *ret)
{
	static const int variants[] = { sodium_base64_VARIANT_ORIGINAL,
		                        sodium_base64_VARIANT_URLSAFE };
	const size_t n = strlen(text);
	unsigned char *const at = (unsigned char *)buf_reserve(ret, n + 1);

	for (size_t i = 0; i < COUNT(variants); i++) {
		size_t got;

		if (base64_read(at, n, &got, text, n, NULL, variants[i]) == 0) {
			ret->n += got;
			return 0;
		}
	}
	return -1;
}
