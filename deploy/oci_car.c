/* SPDX-License-Identifier: Apache-2.0 */
/* Layer, config and manifest of a model car. Knows no registry. */
#include "deploy/oci_car.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define BLOCK      512u
#define ROOT       "models"
#define NAME_FIELD 100u
#define PREFIX     155u
#define OCTAL_MOST ((uint64_t)8 << 30) /* sizes below it have eleven octal digits */
#define READ_PIECE ((size_t)256 << 10)

struct entry {
	char *path; /* "models/a/b", folders end in "/" */
	uint64_t size;
	size_t file; /* index; SIZE_MAX: a folder */
};

struct oci_tar {
	const struct source *files;
	VEC(struct entry) entries;
	size_t at;        /* the entry that is read now */
	char head[BLOCK]; /* of that entry, or zeroes behind it */
	size_t head_at, head_n;
	uint64_t left; /* bytes of its file */
	int fd;        /* of its file; -1 */
	struct hasher *hasher;
	unsigned ends; /* of the two blocks of zeroes that end it */
};

/* Each folder once, before what lies in it: files are sorted by path, so one is new when the file
 * before does not lie in it. before NULL: this is the first. */
static void
add_folders(struct oci_tar *t, const char *path, const char *before)
{
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		const size_t n = (size_t)(s - path);
		const struct entry one = { .file = SIZE_MAX };

		if (before && strncmp(before, path, n + 1) == 0)
			continue;
		vec_push(&t->entries, one);
		t->entries.v[t->entries.n - 1].path = xasprintf(ROOT "/%.*s/", (int)n, path);
	}
}

struct oci_tar *
oci_tar_open(const struct source *files)
{
	struct oci_tar *const t = xcalloc(1, sizeof *t);
	const struct entry root = { xstrdup(ROOT "/"), 0, SIZE_MAX };

	t->files = files;
	t->fd = -1;
	t->hasher = hasher_new();
	t->at = SIZE_MAX;
	vec_push(&t->entries, root);
	for (size_t i = 0; i < files->n; i++) {
		const struct entry one = { xasprintf(ROOT "/%s", files->files[i].path),
			                   files->files[i].size, i };
		add_folders(t, files->files[i].path, i > 0 ? files->files[i - 1].path : NULL);
		vec_push(&t->entries, one);
	}
	return t;
}

void
oci_tar_close(struct oci_tar *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->entries.n; i++)
		free(t->entries.v[i].path);
	vec_fini(&t->entries);
	close_quietly(t->fd);
	hasher_free(t->hasher);
	free(t);
}

/* name in 100 bytes, or split at a slash into prefix and name. */
static int
put_name(char head[BLOCK], const char *path, struct err *e)
{
	const size_t n = strlen(path);
	const char *slash;

	if (n <= NAME_FIELD) {
		memcpy(head, path, n);
		return 0;
	}
	for (slash = path + n - 1; slash > path; slash--) {
		const size_t prefix = (size_t)(slash - path);
		if (*slash != '/' || prefix > PREFIX || n - prefix - 1 > NAME_FIELD ||
		    n - prefix - 1 == 0)
			continue;
		memcpy(head + 345, path, prefix);
		memcpy(head, slash + 1, n - prefix - 1);
		return 0;
	}
	return err_set(e, ERR_USAGE, "\"%s\" is too long a name for an image's layer", path);
}

static void
put_octal(char *at, size_t digits, uint64_t v)
{
	for (size_t i = digits; i-- > 0; v >>= 3)
		at[i] = (char)('0' + (v & 7));
}

/* Larger ones in base 256, as GNU tar and star have it and every reader of images knows. */
static void
put_size(char *at, uint64_t v)
{
	if (v < OCTAL_MOST) {
		put_octal(at, 11, v);
		return;
	}
	memset(at, 0, 12);
	at[0] = (char)0x80;
	for (size_t i = 12; i-- > 4; v >>= 8)
		at[i] = (char)(v & 0xff);
}

static int
put_header(struct oci_tar *t, const struct entry *n, struct err *e)
{
	char *const h = t->head;
	const bool is_folder = n->file == SIZE_MAX;
	unsigned sum = 0;
	int rc;

	memset(h, 0, BLOCK);
	rc = put_name(h, n->path, e);
	if (rc < 0)
		return rc;
	put_octal(h + 100, 7, is_folder ? 0755 : 0644);
	put_octal(h + 108, 7, 0);
	put_octal(h + 116, 7, 0);
	put_size(h + 124, n->size);
	put_octal(h + 136, 11, 0); /* no time: the same bytes whenever they are made */
	memset(h + 148, ' ', 8);
	h[156] = is_folder ? '5' : '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	put_octal(h + 148, 6, sum);
	h[154] = '\0';
	t->head_at = 0;
	t->head_n = BLOCK;
	return 0;
}

static int
end_file(struct oci_tar *t, const struct entry *n, struct err *e)
{
	const struct source_file *const f = &t->files->files[n->file];
	struct digest got;

	close_quietly(t->fd);
	t->fd = -1;
	hasher_final(t->hasher, &got);
	if (!digest_eq(&got, &f->digest))
		return err_set(e, ERR_DIGEST, "\"%s\" has other bytes than the version says",
		               f->path);
	memset(t->head, 0, BLOCK);
	t->head_at = 0;
	t->head_n = (size_t)((BLOCK - n->size % BLOCK) % BLOCK);
	return 0;
}

static int
next_entry(struct oci_tar *t, bool *ret_has, struct err *e)
{
	const struct entry *n;
	int rc;

	t->at++; /* from SIZE_MAX to 0 at the beginning */
	*ret_has = t->at < t->entries.n;
	if (!*ret_has) {
		memset(t->head, 0, BLOCK);
		t->head_at = 0;
		t->head_n = t->ends++ < 2 ? BLOCK : 0;
		*ret_has = t->head_n > 0;
		return 0;
	}
	n = &t->entries.v[t->at];
	rc = put_header(t, n, e);
	if (rc < 0 || n->file == SIZE_MAX)
		return rc;
	t->left = n->size;
	hasher_reset(t->hasher);
	return t->files->open(t->files->arg, n->file, &t->fd, e);
}

static int
read_file(struct oci_tar *t, char *p, size_t n, size_t *ret_n, struct err *e)
{
	const struct entry *const at = &t->entries.v[t->at];
	ssize_t got;

	if (n > t->left)
		n = (size_t)t->left;
	do
		got = read(t->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(e, "cannot read \"%s\"", at->path);
	if (got == 0)
		return err_set(e, ERR_DIGEST, "\"%s\" is shorter than the version says", at->path);
	hasher_update(t->hasher, p, (size_t)got);
	t->left -= (uint64_t)got;
	*ret_n = (size_t)got;
	return t->left == 0 ? end_file(t, at, e) : 0;
}

int
oci_tar_read(struct oci_tar *t, void *p, size_t n, size_t *ret_n, struct err *e)
{
	bool has = true;
	int rc = t->files->check ? t->files->check(t->files->arg, e) : 0;

	*ret_n = 0;
	while (rc == 0 && has) {
		if (t->head_at < t->head_n) {
			const size_t left = t->head_n - t->head_at;
			*ret_n = n < left ? n : left;
			memcpy(p, t->head + t->head_at, *ret_n);
			t->head_at += *ret_n;
			return 0;
		}
		if (t->fd >= 0 && t->left > 0)
			return read_file(t, p, n, ret_n, e);
		if (t->fd >= 0) /* a file without bytes */
			rc = end_file(t, &t->entries.v[t->at], e);
		else
			rc = next_entry(t, &has, e);
	}
	return rc;
}

/* --- the image --- */

static int
hash_layer(struct oci_car *c, struct err *e)
{
	struct oci_tar *const t = oci_tar_open(c->files);
	struct hasher *const h = hasher_new();
	cleanup_free char *piece = xcalloc(1, READ_PIECE);
	size_t n = 1;
	int rc = 0;

	while (rc == 0 && n > 0) {
		rc = oci_tar_read(t, piece, READ_PIECE, &n, e);
		hasher_update(h, piece, rc == 0 ? n : 0);
		c->size += rc == 0 ? n : 0;
	}
	hasher_final(h, &c->layer);
	hasher_free(h);
	oci_tar_close(t);
	return rc;
}

static json_t *
descriptor(const char *type, const struct digest *d, uint64_t size)
{
	json_t *const o = json_object();

	json_object_set_new(o, "mediaType", json_string(type));
	json_object_set_new(o, "digest", json_from_digest(d));
	json_object_set_new(o, "size", json_integer((json_int_t)size));
	return o;
}

static void
make_config(struct oci_car *c)
{
	cleanup_json json_t *o = json_object();
	json_t *const root = json_object(), *const layers = json_array();

	json_object_set_new(o, "architecture", json_string("amd64"));
	json_object_set_new(o, "os", json_string("linux"));
	json_object_set_new(o, "config", json_object());
	json_object_set_new(o, "rootfs", root);
	json_object_set_new(root, "type", json_string("layers"));
	json_object_set_new(root, "diff_ids", layers);
	json_array_append_new(layers, json_from_digest(&c->layer));
	json_canonical(o, &c->config);
	digest_small(c->config.p, c->config.n, &c->config_digest);
}

static void
make_manifest(struct oci_car *c, const char *model, uint64_t number, const struct digest *version)
{
	cleanup_json json_t *o = json_object();
	cleanup_free char *name = xasprintf("v%" PRIu64, number);
	json_t *const layers = json_array(), *const notes = json_object();

	json_object_set_new(o, "schemaVersion", json_integer(2));
	json_object_set_new(o, "mediaType", json_string(OCI_MANIFEST_TYPE));
	json_object_set_new(o, "config",
	                    descriptor(OCI_CONFIG_TYPE, &c->config_digest, c->config.n));
	json_object_set_new(o, "layers", layers);
	json_array_append_new(layers, descriptor(OCI_LAYER_TYPE, &c->layer, c->size));
	json_object_set_new(o, "annotations", notes);
	json_object_set_new(notes, "org.opencontainers.image.title", json_string(model));
	json_object_set_new(notes, "org.opencontainers.image.version", json_string(name));
	json_object_set_new(notes, "dev.slipway.version", json_from_digest(version));
	json_canonical(o, &c->manifest);
	digest_small(c->manifest.p, c->manifest.n, &c->digest);
}

int
oci_car_make(const struct source *files, const char *model, uint64_t number,
             const struct digest *version, struct oci_car *ret, struct err *e)
{
	int rc;

	*ret = (struct oci_car){ .files = files };
	rc = hash_layer(ret, e);
	if (rc < 0)
		return rc;
	make_config(ret);
	make_manifest(ret, model, number, version);
	return 0;
}

void
oci_car_fini(struct oci_car *c)
{
	buf_fini(&c->config);
	buf_fini(&c->manifest);
}
