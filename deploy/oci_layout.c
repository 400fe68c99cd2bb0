/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of an index by name, and blobs by digest. Whether blobs have their digest is asked by
 * whoever takes them; a manifest is hashed here.
 */
#include "deploy/oci_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/oci_manifest.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/manifest.h"

#define INDEX_MAX ((size_t)4 << 20)
#define PIECE     ((size_t)1 << 20)
#define NAMES_MAX 8
#define REF_NAME  "org.opencontainers.image.ref.name"

/* --- the folder --- */

static bool
has_file(int dir, const char *name)
{
	const int fd = fs_open_file_beneath(dir, name);

	close_quietly(fd);
	return fd >= 0;
}

/* Zarf keeps its layout one folder down. */
static int
find_layout(struct oci_layout *l, struct err *e)
{
	int inner = -1;

	if (has_file(l->dir, "oci-layout") && has_file(l->dir, "index.json"))
		return 0;
	if (has_file(l->dir, "zarf.yaml") &&
	    fs_open_dir_beneath(l->dir, "images", &inner, &(struct err){ 0 }) == 0) {
		close_quietly(l->dir);
		l->dir = inner;
		if (has_file(l->dir, "index.json"))
			return 0;
	}
	(void)err_set(e, ERR_NOT_FOUND, "\"%s\" is no OCI image layout", l->path);
	return err_hint(e, "it has the files oci-layout and index.json; a package is unpacked "
	                   "first: tar --zstd -xf FILE -C DIR");
}

int
oci_layout_open(const char *address, struct oci_layout *ret, struct err *e)
{
	const char *const dir = address + strlen(OCI_LAYOUT_PREFIX);
	const char *const at = strrchr(dir, '@');
	int rc;

	*ret = (struct oci_layout){ .dir = -1 };
	ret->path = at ? xstrndup(dir, (size_t)(at - dir)) : xstrdup(dir);
	ret->name = xstrdup(at ? at + 1 : "");
	if (ret->path[0] != '/')
		rc = err_set(e, ERR_USAGE, "\"%s\" is no absolute path", ret->path);
	else
		rc = fs_open_dir(AT_FDCWD, ret->path, &ret->dir, e);
	if (rc == 0)
		rc = find_layout(ret, e);
	if (rc < 0)
		oci_layout_close(ret);
	return rc;
}

void
oci_layout_close(struct oci_layout *l)
{
	close_quietly(l->dir);
	free(l->path);
	free(l->name);
	*l = (struct oci_layout){ .dir = -1 };
}

static int
read_file(const struct oci_layout *l, const char *name, size_t max, struct buf *ret, struct err *e)
{
	cleanup_close int fd = fs_open_file_beneath(l->dir, name);

	if (fd < 0)
		return err_sys(e, "open \"%s/%s\"", l->path, name);
	return fs_read_fd(fd, name, max, ret, e);
}

static char *
blob_name(const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	return xasprintf("blobs/sha256/%s", hex);
}

/* --- the index --- */

static const char *
name_of(const json_t *entry)
{
	return json_text(json_object_get(entry, "annotations"), REF_NAME);
}

/* By its whole name, by its digest; without a name all of them are meant, but what a bundle of ours
 * has beside its versions. */
static bool
is_meant(const struct oci_layout *l, const json_t *entry)
{
	if (l->name[0] == '\0')
		return !streq(json_opt_string(entry, "artifactType"),
		              "application/vnd.slipway.bundle.v1+json");
	return streq(l->name, name_of(entry)) || streq(l->name, json_opt_string(entry, "digest"));
}

static int
choose(const struct oci_layout *l, const json_t *list, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf names = { 0 };
	const json_t *entry;
	size_t i, n = 0, told = 0;
	int rc;

	json_array_foreach(list, i, entry)
	{
		if (told < NAMES_MAX && *name_of(entry))
			buf_addf(&names, "%s%s", told++ > 0 ? ", " : "", name_of(entry));
		if (!is_meant(l, entry))
			continue;
		rc = json_get_digest(entry, "digest", "index.json", ret, e);
		if (rc < 0)
			return rc;
		n++;
	}
	if (n == 1)
		return 0;
	if (n == 0)
		(void)err_set(e, ERR_NOT_FOUND, "\"%s\" has no \"%s\"", l->path, l->name);
	else
		(void)err_set(e, ERR_AMBIGUOUS, "\"%s\" has %zu manifests", l->path, n);
	return err_hint(e, "layout:DIR@NAME or @sha256:..; it has %.180s",
	                names.n > 0 ? buf_cstr(&names) : "no names");
}

static int
read_manifest(const struct oci_layout *l, const struct digest *d, struct buf *ret, struct err *e)
{
	cleanup_free char *name = blob_name(d);
	struct digest is;
	int rc;

	buf_clear(ret);
	rc = read_file(l, name, MANIFEST_MAX, ret, e);
	if (rc < 0)
		return rc;
	digest_small(ret->p ? ret->p : "", ret->n, &is);
	if (digest_eq(&is, d))
		return 0;
	return err_set(e, ERR_DIGEST, "\"%s/%s\" has other bytes than its name says", l->path,
	               name);
}

int
oci_layout_manifest(const struct oci_layout *l, struct buf *ret, struct digest *ret_digest,
                    struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *index = NULL;
	json_t *list;
	int rc = read_file(l, "index.json", INDEX_MAX, &text, e);

	if (rc == 0)
		rc = json_parse(buf_str(&text), "index.json", &index, e);
	if (rc == 0)
		rc = json_get_array(index, "manifests", "index.json", &list, e);
	if (rc == 0)
		rc = choose(l, list, ret_digest, e);
	if (rc == 0)
		rc = read_manifest(l, ret_digest, ret, e);
	if (rc == 0)
		rc = oci_index_pick(buf_str(ret), ret_digest, e);
	return rc == 1 ? read_manifest(l, ret_digest, ret, e) : rc;
}

/* --- blobs --- */

static int
pass(int fd, const struct oci_blob *b, const char *path, struct err *e)
{
	cleanup_free uint8_t *piece = xmalloc(PIECE);
	uint64_t at = b->from;
	int rc = 0;

	while (rc == 0 && at < b->size) {
		const size_t n = b->size - at < PIECE ? (size_t)(b->size - at) : PIECE;

		if (fs_pread_all(fd, piece, n, (off_t)at) < 0)
			return errno == 0 ? err_set(e, ERR_DIGEST, "\"%s\" is cut off", path)
			                  : err_sys(e, "read \"%s\"", path);
		rc = b->take(b->arg, piece, n, e);
		at += n;
	}
	return rc;
}

int
oci_layout_blob(const struct oci_layout *l, const struct oci_blob *b, struct err *e)
{
	cleanup_free char *name = blob_name(&b->digest);
	cleanup_close int fd = fs_open_file_beneath(l->dir, name);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open \"%s/%s\", which is %s", l->path, name, b->name);
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != b->size)
		return err_set(e, ERR_DIGEST,
		               "\"%s/%s\" (%s) has another size than the manifest names", l->path,
		               name, b->name);
	return pass(fd, b, name, e);
}
