/* SPDX-License-Identifier: Apache-2.0 */
/* Blanks are for the eye and the ear: where they stand says nothing. */
#include "tui/cmd/fingerprint.h"

#include <string.h>

#include "registry/base/str.h"

void
fingerprint_text(const struct digest *d, char ret[FINGERPRINT_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	for (size_t i = 0; i < 8; i++) {
		memcpy(ret + i * 9, hex + i * 8, 8);
		ret[i * 9 + 8] = i < 7 ? ' ' : '\0';
	}
}

int
fingerprint_parse(const char *text, struct digest *ret, struct err *e)
{
	const char *at = has_prefix(text, "sha256:") ? text + 7 : text;
	char hex[DIGEST_HEX_SIZE];
	size_t n = 0;

	for (; *at && n < sizeof hex; at++)
		if (*at != ' ')
			hex[n++] = *at;
	if (*at || n != sizeof hex - 1 || digest_parse(ret, hex, n) < 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no fingerprint: 64 hex digits", text);
	return 0;
}
