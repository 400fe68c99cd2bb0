/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a folder whole into a list of names, sizes and digests; opens its files when a driver
 * asks. */
#include "tests/deploy/version.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define FILES_MAX 16
#define BYTES_MAX (64u << 20)

static int
on_open(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct version_dir *v = arg;
	cleanup_free char *path = xasprintf("%s/%s", v->dir, v->source.files[i].path);

	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "cannot open \"%s\"", path) : 0;
}

static int
add(struct version_dir *v, struct source_file *files, const char *name, struct buf *list,
    struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	cleanup_free char *path = xasprintf("%s/%s", v->dir, name);
	struct source_file *f = &files[v->source.n];
	char hex[DIGEST_HEX_SIZE];
	int rc;

	rc = fs_read_at(AT_FDCWD, path, BYTES_MAX, &bytes, e);
	if (rc < 0)
		return rc;
	f->path = xstrdup(name);
	f->size = bytes.n;
	digest_small(bytes.p, bytes.n, &f->digest);
	digest_hex(&f->digest, hex);
	buf_addf(list, "%s %s\n", hex, name);
	v->source.n++;
	return 0;
}

int
version_dir_open(const char *dir, struct version_dir **ret, struct err *e)
{
	struct version_dir *v = xcalloc(1, sizeof(*v));
	struct source_file *files = xcalloc(FILES_MAX, sizeof(*files));
	cleanup_buf struct buf list = { 0 };
	struct dirent **names = NULL;
	const int n = scandir(dir, &names, NULL, alphasort);
	int rc = n < 0 ? err_sys(e, "cannot list \"%s\"", dir) : 0;

	v->dir = xstrdup(dir);
	v->source = (struct source){ .files = files, .open = on_open, .arg = v };
	for (int i = 0; i < n; i++) {
		if (rc == 0 && names[i]->d_type == DT_REG && v->source.n < FILES_MAX)
			rc = add(v, files, names[i]->d_name, &list, e);
		free(names[i]);
	}
	free(names);
	if (rc < 0) {
		version_dir_free(v);
		return rc;
	}
	digest_small(list.p, list.n, &v->version);
	*ret = v;
	return 0;
}

void
version_dir_free(struct version_dir *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->source.n; i++)
		free((char *)(uintptr_t)v->source.files[i].path);
	free((struct source_file *)(uintptr_t)v->source.files);
	free(v->dir);
	free(v);
}
