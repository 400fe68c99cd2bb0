/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign manifest read with care. Knows no network and no registry. */
#include "deploy/oci_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "registry/base/json.h"
#include "registry/manifest.h"

#define SIZE_MOST ((uint64_t)INT64_MAX)

static bool
is_gzip(const char *type)
{
	return has_suffix(type, "+gzip") || has_suffix(type, ".gzip");
}

static bool
is_packed(const char *type)
{
	return is_gzip(type) || has_suffix(type, "+zstd") || has_suffix(type, "+bzip2") ||
	       has_suffix(type, "+encrypted");
}

/* "application/vnd.cncf.model.weight.v1.tar", "application/vnd.kitops.modelkit.model.v1.tar". */
static bool
is_model_type(const char *type)
{
	return has_prefix(type, "application/vnd.cncf.model.") ||
	       has_prefix(type, "application/vnd.cnai.model.") ||
	       has_prefix(type, "application/vnd.kitops.modelkit.");
}

static bool
is_image_config(const char *type)
{
	return type && (streq(type, "application/vnd.oci.image.config.v1+json") ||
	                streq(type, "application/vnd.docker.container.image.v1+json"));
}

static const char *
path_of(const json_t *layer)
{
	static const char *const keys[] = {
		"org.cncf.model.filepath",
		"org.cnai.model.filepath",
		"org.opencontainers.image.title",
	};
	const json_t *const notes = json_object_get(layer, "annotations");

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *const s = json_opt_string(notes, keys[i]);
		if (s)
			return s;
	}
	return NULL;
}

/* Types that only make sense to their makers, in this order: an image's layers are archives, those
 * of a model artifact as their type ends; oras gives any file the type of an image's layer. */
static bool
is_archive(const struct oci_manifest *m, const json_t *layer, const char *type)
{
	const char *const unpack = json_opt_string(json_object_get(layer, "annotations"),
	                                           "io.deis.oras.content.unpack");

	if (m->is_image || (unpack && streq(unpack, "true")))
		return true;
	return is_model_type(type) && !has_suffix(type, ".raw") &&
	       (has_suffix(type, ".tar") || is_packed(type));
}

static int
add_file(struct oci_layer *l, const json_t *layer, size_t i, struct err *e)
{
	const char *const path = path_of(layer);
	int rc;

	if (!path) {
		err_set(e, ERR_USAGE, "layer %zu has no name", i + 1);
		return err_hint(e, "an artifact's layers are files when each has the annotation "
		                   "org.cncf.model.filepath or org.opencontainers.image.title");
	}
	rc = manifest_path_check(path, e);
	if (rc < 0)
		return err_prefix(e, "layer %zu", i + 1);
	l->path = xstrdup(path);
	return 0;
}

static int
add_layer(struct oci_manifest *m, const json_t *layer, size_t i, struct err *e)
{
	struct oci_layer *const l = &m->layers[i];
	const char *type;
	int rc = json_get_string(layer, "mediaType", "layer", &type, e);

	if (rc == 0)
		rc = json_get_digest(layer, "digest", "layer", &l->digest, e);
	if (rc == 0)
		rc = json_get_u64(layer, "size", "layer", &l->size, e);
	if (rc < 0)
		return err_prefix(e, "layer %zu", i + 1);
	if (l->size > SIZE_MOST || __builtin_add_overflow(m->bytes, l->size, &m->bytes) ||
	    m->bytes > SIZE_MOST)
		return err_set(e, ERR_MALFORMED, "layer %zu: such sizes do not exist", i + 1);
	m->n = i + 1;
	l->kind = is_archive(m, layer, type) ? OCI_TAR : OCI_FILE;
	if (l->kind == OCI_FILE)
		return add_file(l, layer, i, e);
	if (is_gzip(type)) {
		l->kind = OCI_TAR_GZIP;
		m->has_packed = true;
	}
	if (l->kind == OCI_TAR_GZIP || !is_packed(type))
		return 0;
	err_set(e, ERR_USAGE,
	        "layer %zu is a compressed archive (\"%.80s\"); only gzip is read here", i + 1,
	        type);
	return err_hint(e, "unpack it with the tool that packed it, and import the folder");
}

static int
read_layers(struct oci_manifest *m, const json_t *j, struct err *e)
{
	json_t *layers;
	int rc = json_get_array(j, "layers", "manifest", &layers, e);

	if (rc < 0)
		return rc;
	if (json_array_size(layers) == 0)
		return err_set(e, ERR_USAGE, "it has no layers, so no files");
	if (json_array_size(layers) > MANIFEST_FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "it has %zu layers, more than %d",
		               json_array_size(layers), MANIFEST_FILES_MAX);
	m->layers = xcalloc(json_array_size(layers), sizeof *m->layers);
	for (size_t i = 0; rc == 0 && i < json_array_size(layers); i++)
		rc = add_layer(m, json_array_get(layers, i), i, e);
	return rc;
}

static int
read_config(struct oci_manifest *m, const json_t *j, struct err *e)
{
	const json_t *const config = json_object_get(j, "config");
	int rc;

	if (!m->has_packed)
		return 0;
	rc = json_get_digest(config, "digest", "config", &m->config, e);
	if (rc == 0)
		rc = json_get_u64(config, "size", "config", &m->config_size, e);
	if (rc == 0 && m->config_size > OCI_CONFIG_MAX)
		return err_set(e, ERR_TOO_BIG, "its config is larger than %d MiB",
		               (int)(OCI_CONFIG_MAX >> 20));
	return rc;
}

static int
read_manifest(const json_t *j, struct oci_manifest *m, struct err *e)
{
	const json_t *const version =
	        json_object_get(json_object_get(j, "annotations"), "dev.slipway.version");
	int rc;

	if (!json_is_object(j) || json_integer_value(json_object_get(j, "schemaVersion")) != 2)
		return err_set(e, ERR_MALFORMED, "it is no manifest of version 2");
	m->is_image = is_image_config(json_opt_string(json_object_get(j, "config"), "mediaType"));
	if (version && json_get_digest(json_object_get(j, "annotations"), "dev.slipway.version",
	                               "manifest", &m->version, e) < 0)
		return -(int)e->code;
	rc = read_layers(m, j, e);
	return rc < 0 ? rc : read_config(m, j, e);
}

int
oci_manifest_parse(struct str text, struct oci_manifest *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	struct oci_manifest m = { 0 };
	int rc = json_parse(text, "manifest", &j, e);

	if (rc == 0)
		rc = read_manifest(j, &m, e);
	if (rc < 0) {
		oci_manifest_fini(&m);
		return rc;
	}
	*ret = m;
	return 0;
}

/* An image's config, or that of ModelPack. */
static const json_t *
diffs_of(const json_t *config)
{
	const json_t *const model = json_object_get(config, "modelfs");
	const json_t *const list = json_object_get(json_object_get(config, "rootfs"), "diff_ids");

	return list ? list : json_object_get(model, "diffIds");
}

int
oci_config_diffs(struct str config, const struct oci_manifest *m, struct digest **ret,
                 struct err *e)
{
	cleanup_json json_t *j = NULL;
	cleanup_free struct digest *d = xcalloc(m->n + 1, sizeof *d);
	const json_t *list;
	int rc = json_parse(config, "config", &j, e);

	if (rc < 0)
		return rc;
	list = diffs_of(j);
	*ret = NULL;
	if (!list && !m->is_image)
		return 0;
	if (json_array_size(list) != m->n)
		return err_set(e, ERR_MALFORMED,
		               "its config does not say what each layer is unpacked");
	for (size_t i = 0; i < m->n; i++) {
		const char *const s = json_string_value(json_array_get(list, i));

		if (!s || !has_prefix(s, "sha256:") ||
		    digest_parse(&d[i], s + strlen("sha256:"), strlen(s) - strlen("sha256:")) < 0)
			return err_set(e, ERR_MALFORMED,
			               "its config has no digest of layer %zu unpacked", i + 1);
	}
	*ret = steal(&d);
	return 0;
}

void
oci_manifest_fini(struct oci_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->layers[i].path);
	free(m->layers);
	*m = (struct oci_manifest){ 0 };
}

/* An attestation that builders put beside an image: its platform is unknown/unknown. */
static bool
is_for_use(const json_t *entry)
{
	const char *const os = json_opt_string(json_object_get(entry, "platform"), "os");

	return !os || !streq(os, "unknown");
}

int
oci_index_pick(struct str text, struct digest *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	cleanup_buf struct buf names = { 0 };
	const json_t *list;
	size_t n = 0;
	int rc = json_parse(text, "manifest", &j, e);

	if (rc < 0)
		return rc;
	list = json_object_get(j, "manifests");
	if (!json_is_array(list))
		return 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *const entry = json_array_get(list, i);
		char hex[DIGEST_HEX_SIZE];

		if (!is_for_use(entry))
			continue;
		rc = json_get_digest(entry, "digest", "manifest list", ret, e);
		if (rc < 0)
			return rc;
		digest_hex(ret, hex);
		if (n++ < 2)
			buf_addf(&names, "%ssha256:%s", n > 1 ? ", " : "", hex);
	}
	if (n == 1)
		return 1;
	if (n == 0)
		return err_set(e, ERR_USAGE, "it is a list without a manifest");
	err_set(e, ERR_AMBIGUOUS, "it is a list of %zu manifests", n);
	return err_hint(e, "name one by its digest: %s%s", buf_cstr(&names), n > 2 ? ", .." : "");
}
