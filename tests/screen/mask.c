/* SPDX-License-Identifier: Apache-2.0 */
/* What differs by run or machine is taken out of a picture before it is compared. */
#include "tests/screen/mask.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
mask_login(const char *text)
{
	static const char shown[] = "uid *";
	const size_t width = sizeof(shown) - 1;
	const struct passwd *user = getpwuid(getuid());
	const char *name = user && user->pw_name[0] ? user->pw_name : shown;
	const size_t n = strlen(name);
	char *ret = calloc(strlen(text) + 1, sizeof(shown) + 1), *to = ret;

	for (const char *at = text; ret && *at;) {
		if (strncmp(at, name, n) != 0 || at == text || at[-1] != ' ' ||
		    (at[n] && !strchr(" \n", at[n]))) {
			*to++ = *at++;
			continue;
		}
		memcpy(to, shown, width);
		to += width;
		at += n;
		for (size_t i = n; i < width && at[0] == ' ' && at[1] == ' '; i++)
			at++;
		for (size_t i = width; i < n && *at == ' '; i++)
			*to++ = ' ';
	}
	return ret;
}

void
mask_ids(char *text, bool whole)
{
	static const char hex[] = "0123456789abcdef";

	for (const char *start = text; *text;) {
		const size_t n = strspn(text, hex);
		if (n == 16 || (whole && n >= 10 && (text == start || text[-1] != ':')))
			memset(text, '*', n);
		text += n > 0 ? n : 1;
	}
}

void
mask_trim(char *text)
{
	char *out = text;

	for (const char *c = text; *c; c++) {
		if (*c == '\n')
			while (out > text && out[-1] == ' ')
				out--;
		*out++ = *c;
	}
	*out = '\0';
}
