/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that differ in case only are one file on a server whose file system does not tell them
 * apart, and which of the two is served there nobody has signed. Looks at names; knows nothing of
 * the files, nor of characters that are composed in two ways.
 */
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "registry/import_walk.h"

struct name {
	char *folded, *path;
};
struct names {
	VEC(struct name) all;
};

/* In the letters of the locale in use; a byte that is no character there stays what it is. */
static char *
fold(const char *path)
{
	cleanup_buf struct buf folded = { 0 };
	char bytes[MB_LEN_MAX];
	const char *p = path, *const end = path + strlen(path);

	while (p < end) {
		mbstate_t in = { 0 }, out = { 0 };
		wchar_t c;
		const size_t n = mbrtowc(&c, p, (size_t)(end - p), &in);
		const bool is_char = n > 0 && n <= (size_t)(end - p);
		const size_t m =
		        is_char ? wcrtomb(bytes, (wchar_t)towlower(towupper((wint_t)c)), &out) : 0;

		if (m > 0 && m <= sizeof bytes)
			buf_add(&folded, bytes, m);
		else
			buf_addc(&folded, *p);
		p += is_char ? n : 1;
	}
	return xstrdup(buf_cstr(&folded));
}

static void
add(struct names *n, const char *path, size_t length)
{
	char *const own = xstrndup(path, length);

	vec_push(&n->all, ((struct name){ fold(own), own }));
}

/* The file, and the folders above it that the one before it has not. */
static void
add_file(struct names *n, const char *path, const char *before)
{
	add(n, path, strlen(path));
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		const size_t length = (size_t)(s - path);

		if (!before || strncmp(path, before, length + 1) != 0)
			add(n, path, length);
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct name *const x = a, *const y = b;
	const int order = strcmp(x->folded, y->folded);

	return order ? order : strcmp(x->path, y->path);
}

static int
find_pair(const struct walk *w, const struct names *n, struct err *e)
{
	for (size_t i = 1; i < n->all.n; i++) {
		const struct name *const a = &n->all.v[i - 1], *const b = &n->all.v[i];

		if (!streq(a->folded, b->folded) || streq(a->path, b->path))
			continue;
		(void)err_set(e, ERR_USAGE, "\"%s\" and \"%s\" in \"%s\" differ in case only",
		              a->path, b->path, w->name);
		return err_hint(e, "rename one of them: some file systems hold one of the two");
	}
	return 0;
}

int
walk_check_case(const struct walk *w, struct err *e)
{
	const locale_t letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	const locale_t before = letters ? uselocale(letters) : (locale_t)0;
	struct names n = { 0 };
	int rc;

	for (size_t i = 0; i < w->files.n; i++)
		add_file(&n, w->files.v[i].path, i ? w->files.v[i - 1].path : NULL);
	if (letters) {
		(void)uselocale(before);
		freelocale(letters);
	}
	if (n.all.n > 1)
		qsort(n.all.v, n.all.n, sizeof *n.all.v, by_name);
	rc = find_pair(w, &n, e);
	vec_foreach(name, &n.all) {
		free(name->folded);
		free(name->path);
	}
	vec_fini(&n.all);
	return rc;
}
