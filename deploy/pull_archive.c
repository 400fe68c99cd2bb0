/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the entries of an archive to blobs: which of them are files of the model, under which paths.
 * Knows neither where the archive comes from nor how a tar looks.
 */
#include "deploy/pull_archive.h"

#include <stdlib.h>
#include <string.h>

#include "deploy/gunzip.h"
#include "deploy/oci_untar.h"

#define ROOT "models/" /* where KServe looks for the files of an image */

struct pull_archive {
	struct blob_batch *batch;
	struct manifest *files;
	struct pull_archive_form form;
	struct hasher *hasher, *inner; /* over the archive as it comes, and unpacked */
	struct gunzip *gunzip;         /* NULL: it comes unpacked */
	struct untar *untar;
	struct blob_arrival *arrival; /* of the file that goes by; NULL: it does not count */
	char *path;
	uint64_t size, taken; /* of this file, of all */
};

/* What an image's layer takes away of those below it, OCI image specification, "Whiteouts". */
static bool
is_whiteout(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return has_prefix(slash ? slash + 1 : path, ".wh.");
}

/* The path in the model, or NULL: it lies elsewhere, or is the folder itself. */
static const char *
place(const struct pull_archive *a, const char *path)
{
	while (has_prefix(path, "./"))
		path += 2;
	if (a->form.is_image && path[0] == '/')
		path++;
	if (!a->form.is_image)
		return path;
	if (is_whiteout(path) && (has_prefix(path, ROOT) || !strchr(path, '/')))
		return path;
	return has_prefix(path, ROOT) && path[strlen(ROOT)] ? path + strlen(ROOT) : NULL;
}

/* An entry that is no file but would be where files are. */
static int
refuse(const char *path, struct err *e)
{
	err_set(e, ERR_USAGE, "\"%s\" in an archive is neither a file nor a folder", path);
	return err_hint(
	        e, "links and devices are not taken: unpack it elsewhere and import the folder");
}

static int
begin(void *arg, const char *path, char type, uint64_t size, struct err *e)
{
	struct pull_archive *const a = arg;
	const char *const at = place(a, path);
	int rc;

	if (a->form.is_image && type != '5' && (streq(path, "models") || streq(path, "./models")))
		return refuse(path, e);
	if (!at || type == '5')
		return 0;
	if (a->form.is_image && is_whiteout(at))
		return err_set(e, ERR_USAGE,
		               "a layer takes \"%s\" away, which is not followed here", path);
	if (type != '0')
		return refuse(path, e);
	rc = manifest_path_check(at, e);
	if (rc < 0)
		return rc;
	if (a->files->n == MANIFEST_FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "it has more than %d files", MANIFEST_FILES_MAX);
	if (size > a->form.room - a->taken)
		return err_set(e, ERR_NO_SPACE, "the registry has no room for \"%s\" of an archive",
		               path);
	a->taken += size;
	a->path = xstrdup(at);
	a->size = size;
	return blob_arrival_new(a->batch, &(struct blob_coming){ a->path, size, NULL }, &a->arrival,
	                        e);
}

static int
data(void *arg, const void *p, size_t n, struct err *e)
{
	const struct pull_archive *const a = arg;

	return a->arrival ? blob_arrival_write(a->arrival, p, n, e) : 0;
}

static int
end(void *arg, struct err *e)
{
	struct pull_archive *const a = arg;
	struct digest d;
	int rc;

	if (!a->arrival)
		return 0;
	rc = blob_arrival_end(a->arrival, NULL, &d, e);
	blob_arrival_free(a->arrival);
	a->arrival = NULL;
	if (rc == 0)
		manifest_add(a->files, a->path, a->size, &d);
	free(a->path);
	a->path = NULL;
	return rc;
}

static int
take_unpacked(void *arg, const void *p, size_t n, struct err *e)
{
	const struct pull_archive *const a = arg;

	hasher_update(a->inner, p, n);
	return untar_feed(a->untar, p, n, e);
}

struct pull_archive *
pull_archive_new(struct blob_batch *t, struct manifest *m, const struct pull_archive_form *f)
{
	struct pull_archive *const a = xcalloc(1, sizeof *a);
	const struct untar_sink sink = { begin, data, end, a };

	a->batch = t;
	a->files = m;
	a->form = *f;
	a->hasher = hasher_new();
	a->inner = hasher_new();
	if (f->is_gzip)
		a->gunzip = gunzip_new(take_unpacked, a);
	a->untar = untar_new(&sink);
	return a;
}

int
pull_archive_feed(struct pull_archive *a, const void *p, size_t n, struct err *e)
{
	hasher_update(a->hasher, p, n);
	return a->gunzip ? gunzip_feed(a->gunzip, p, n, e) : untar_feed(a->untar, p, n, e);
}

static int
end_unpacked(struct pull_archive *a, struct err *e)
{
	struct digest got;
	int rc = gunzip_finish(a->gunzip, e);

	if (rc < 0)
		return rc;
	hasher_final(a->inner, &got);
	return !a->form.unpacked || digest_eq(&got, a->form.unpacked)
	               ? 0
	               : err_set(e, ERR_MALFORMED, "unpacked it is not what its config says");
}

int
pull_archive_end(struct pull_archive *a, const struct digest *want, struct err *e)
{
	struct digest got;

	hasher_final(a->hasher, &got);
	if (!digest_eq(&got, want))
		return err_set(e, ERR_DIGEST, "the archive has another digest");
	if (a->gunzip && end_unpacked(a, e) < 0)
		return -(int)e->code;
	return untar_finish(a->untar, e);
}

void
pull_archive_free(struct pull_archive *a)
{
	if (!a)
		return;
	blob_arrival_free(a->arrival);
	untar_free(a->untar);
	gunzip_free(a->gunzip);
	hasher_free(a->hasher);
	hasher_free(a->inner);
	free(a->path);
	free(a);
}
