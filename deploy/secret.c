/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets as texts. A buffer that grew has left copies behind: read into one of the right size. */
#include "deploy/secret.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"

#define SECRET_MAX ((size_t)64 << 10)

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

/* What stands between the blanks of the text. */
static struct str
trimmed(const struct buf *text)
{
	size_t from = 0, n = text->n;

	while (n > from && strchr(" \t\r\n", text->p[n - 1]))
		n--;
	while (from < n && strchr(" \t\r\n", text->p[from]))
		from++;
	return (struct str){ text->p + from, n - from };
}

/* A token with a line feed inside would be two headers. */
int
secret_read_token(const char *path, char **ret, struct err *e)
{
	struct buf text = { 0 };
	int rc = fs_read_at(AT_FDCWD, path, SECRET_MAX, &text, e);
	const struct str token = trimmed(&text);

	if (rc == 0 && token.n == 0)
		rc = err_set(e, ERR_MALFORMED, "the token file \"%s\" is empty", path);
	if (rc == 0 && !secret_is_token(token))
		rc = err_set(e, ERR_MALFORMED, "\"%s\" holds no token", path);
	if (rc == 0)
		*ret = xstrndup(token.p, token.n);
	secret_wipe_buf(&text);
	return rc;
}

/* A password may have blanks at its ends: only the line's end is none of it. */
int
secret_read_login(const char *path, char **ret, struct err *e)
{
	struct buf text = { 0 };
	char *line = NULL, *colon = NULL;
	int rc = fs_read_at(AT_FDCWD, path, SECRET_MAX, &text, e);

	if (rc == 0) {
		line = xstrndup(text.p, text.n);
		line[strcspn(line, "\r\n")] = '\0';
		colon = strchr(line, ':');
		if (!colon || colon == line || trimmed(&text).n > strlen(line) ||
		    memchr(text.p, '\0', text.n))
			rc = err_set(e, ERR_MALFORMED, "\"%s\" holds no line USER:PASSWORD", path);
	}
	if (rc == 0) {
		*colon = '\0';
		*ret = secret_basic(line, colon + 1);
		*colon = ':';
	}
	secret_wipe(&line);
	secret_wipe_buf(&text);
	return rc;
}
