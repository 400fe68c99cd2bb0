/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets as texts. A buffer that grew has left copies behind: read into one of the right size. */
#include "deploy/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void
secret_wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void
secret_wipe_buf(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}

bool
secret_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] > '~')
			return false;
	}
	return s.n > 0;
}

char *
secret_basic(const char *user, const char *password)
{
	static const char scheme[] = "Basic ";
	char *both = xasprintf("%s:%s", user, password ? password : "");
	const size_t n = strlen(both);
	const size_t size = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *const ret = xcalloc(1, sizeof scheme - 1 + size);

	memcpy(ret, scheme, sizeof scheme - 1);
	(void)sodium_bin2base64(ret + sizeof scheme - 1, size, (const unsigned char *)both, n,
	                        sodium_base64_VARIANT_ORIGINAL);
	secret_wipe(&both);
	return ret;
}
