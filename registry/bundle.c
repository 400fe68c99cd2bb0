/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of a bundle: index and manifest as they follow from envelope, inventory, list and
 * proof, and where everything lies. The same function serves who writes and who reads. Knows no
 * file.
 */
#include "registry/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/bundle_tar.h"
#include "registry/proof.h"
#include "registry/statement.h"

/* OCI image-spec 1.1: image-layout, image-index, manifest ("guidelines for artifact usage"). */
#define LAYOUT         "{\"imageLayoutVersion\":\"1.0.0\"}\n"
#define TYPE_INDEX     "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST  "application/vnd.oci.image.manifest.v1+json"
#define TYPE_EMPTY     "application/vnd.oci.empty.v1+json"
#define TYPE_MODEL     "application/vnd.cncf.model.manifest.v1+json"
#define TYPE_BUNDLE    "application/vnd.slipway.bundle.v1+json"
#define TYPE_ENVELOPE  "application/vnd.dsse.envelope.v1+json"
#define TYPE_INVENTORY "application/vnd.slipway.bundle-inventory.v1+json"
#define TYPE_LIST      "application/vnd.slipway.bundle-list.v1"
#define TYPE_PROOF     "application/vnd.slipway.bundle-proof.v1+json"
#define REF_NAME       "org.opencontainers.image.ref.name"
#define OWN_NAME       "slipway-bundle"

uint64_t
bundle_front_max(enum bundle_front i)
{
	switch (i) {
	case FRONT_LAYOUT:
	case FRONT_EMPTY:
		return 64;
	case FRONT_INDEX:
		return BUNDLE_INDEX_MAX;
	case FRONT_MANIFEST:
		return 4096;
	case FRONT_ENVELOPE:
		return STATEMENT_INLINE_MAX;
	case FRONT_INVENTORY:
		return BUNDLE_INVENTORY_MAX;
	case FRONT_LIST:
		return BUNDLE_LIST_MAX;
	case FRONT_PROOF:
		return PROOF_MAX;
	case FRONT_COUNT:
		break;
	}
	return 0;
}

static void
settle(struct bundle_doc *d)
{
	digest_small(d->text.p ? d->text.p : "", d->text.n, &d->digest);
	tar_blob_name(&d->digest, d->name);
}

static void
descriptor(struct json_out *j, const char *type, const struct digest *d, uint64_t size)
{
	jo_string(j, "mediaType", type);
	jo_digest(j, "digest", d);
	jo_u64(j, "size", size);
}

static void
layer(struct json_out *j, const char *type, const struct bundle_doc *d)
{
	jo_begin(j, NULL, '{');
	descriptor(j, type, &d->digest, d->text.n);
	jo_end(j, '}');
}

static void
make_manifest(struct bundle *b)
{
	struct bundle_doc *const d = &b->front[FRONT_MANIFEST];
	struct json_out j = { .b = &d->text };

	buf_clear(&d->text);
	jo_begin(&j, NULL, '{');
	jo_u64(&j, "schemaVersion", 2);
	jo_string(&j, "mediaType", TYPE_MANIFEST);
	jo_string(&j, "artifactType", TYPE_BUNDLE);
	jo_begin(&j, "config", '{');
	descriptor(&j, TYPE_EMPTY, &b->front[FRONT_EMPTY].digest, b->front[FRONT_EMPTY].text.n);
	jo_end(&j, '}');
	jo_begin(&j, "layers", '[');
	layer(&j, TYPE_ENVELOPE, &b->front[FRONT_ENVELOPE]);
	layer(&j, TYPE_INVENTORY, &b->front[FRONT_INVENTORY]);
	layer(&j, TYPE_LIST, &b->front[FRONT_LIST]);
	layer(&j, TYPE_PROOF, &b->front[FRONT_PROOF]);
	jo_end(&j, ']');
	jo_end(&j, '}');
	settle(d);
}

static void
named(struct json_out *j, const char *name)
{
	jo_begin(j, "annotations", '{');
	jo_string(j, REF_NAME, name);
	jo_end(j, '}');
}

/* A name that other tools take for a tag: "a/b" v3 is a-b-v3. Two models that are written alike
 * have the digest's first digits behind it. */
static void
version_name(const struct bundle_inventory *v, size_t i, struct buf *ret)
{
	const struct bundle_version *const x = &v->versions[i];
	char hex[DIGEST_HEX_SIZE];

	buf_adds(ret, x->model);
	for (size_t k = 0; k < ret->n; k++)
		if (ret->p[k] == '/')
			ret->p[k] = '-';
	if (ret->n > 80 || strchr(x->model, '/')) {
		digest_hex(&x->digest, hex);
		if (ret->n > 80)
			ret->n = 80;
		buf_addf(ret, "-%.12s", hex);
	}
	buf_addf(ret, "-v%" PRIu64, x->number);
}

static void
make_index(struct bundle *b)
{
	struct bundle_doc *const d = &b->front[FRONT_INDEX];
	const struct bundle_doc *const m = &b->front[FRONT_MANIFEST];
	struct json_out j = { .b = &d->text };

	buf_clear(&d->text);
	jo_begin(&j, NULL, '{');
	jo_u64(&j, "schemaVersion", 2);
	jo_string(&j, "mediaType", TYPE_INDEX);
	jo_begin(&j, "manifests", '[');
	jo_begin(&j, NULL, '{');
	descriptor(&j, TYPE_MANIFEST, &m->digest, m->text.n);
	jo_string(&j, "artifactType", TYPE_BUNDLE);
	named(&j, OWN_NAME);
	jo_end(&j, '}');
	for (size_t i = 0; i < b->inventory.versions_n; i++) {
		const struct bundle_version *const v = &b->inventory.versions[i];
		cleanup_buf struct buf name = { 0 };

		version_name(&b->inventory, i, &name);
		jo_begin(&j, NULL, '{');
		descriptor(&j, TYPE_MANIFEST, &v->digest, v->manifest_size);
		jo_string(&j, "artifactType", TYPE_MODEL);
		named(&j, buf_cstr(&name));
		jo_end(&j, '}');
	}
	jo_end(&j, ']');
	jo_end(&j, '}');
	(void)snprintf(d->name, sizeof d->name, "index.json");
}

static void
make_constants(struct bundle *b)
{
	struct bundle_doc *const layout = &b->front[FRONT_LAYOUT];
	struct bundle_doc *const empty = &b->front[FRONT_EMPTY];

	buf_clear(&layout->text);
	buf_adds(&layout->text, LAYOUT);
	(void)snprintf(layout->name, sizeof layout->name, "oci-layout");
	buf_clear(&empty->text);
	buf_adds(&empty->text, "{}");
	settle(empty);
}

static int
other(struct err *e, const char *what)
{
	return err_set(e, ERR_DIGEST, "bundle: its inventory names another %s", what);
}

/* The inventory is what was signed: all else must be what it says. */
static int
compare(const struct bundle *b, struct err *e)
{
	const struct bundle_inventory *const v = &b->inventory;
	uint64_t bytes = 0;

	if (!digest_eq(&v->list, &b->front[FRONT_LIST].digest) ||
	    v->list_size != b->front[FRONT_LIST].text.n || v->blobs_n != b->list.n)
		return other(e, "list of blobs");
	if (!digest_eq(&v->proof, &b->front[FRONT_PROOF].digest) ||
	    v->proof_size != b->front[FRONT_PROOF].text.n)
		return other(e, "proof");
	for (size_t i = 0; i < b->list.n; i++) {
		bytes += b->list.v[i].size; /* both below 2^61 */
		if (bytes > BUNDLE_BYTES_MAX)
			return err_set(e, ERR_TOO_BIG, "bundle: files of more than 1 EiB");
		/* what is not there yet has the digest of an empty file */
		for (size_t k = 0; k < FRONT_COUNT; k++)
			if (b->front[k].text.n > 0 &&
			    digest_eq(&b->list.v[i].digest, &b->front[k].digest))
				return err_set(e, ERR_MALFORMED,
				               "bundle: a blob stands in it twice");
	}
	return bytes == v->bytes ? 0 : other(e, "number of bytes");
}

static void
place(struct bundle *b)
{
	uint64_t at = 0;

	for (size_t i = 0; i < FRONT_COUNT; i++)
		at += tar_room(b->front[i].text.n);
	b->begin = at;
	for (size_t i = 0; i < b->list.n; i++)
		at += tar_room(b->list.v[i].size);
	b->size = at + TAR_END;
}

int
bundle_complete(struct bundle *b, struct err *e)
{
	int rc;

	settle(&b->front[FRONT_ENVELOPE]);
	settle(&b->front[FRONT_INVENTORY]);
	settle(&b->front[FRONT_LIST]);
	settle(&b->front[FRONT_PROOF]);
	rc = bundle_inventory_parse(buf_str(&b->front[FRONT_INVENTORY].text), &b->inventory, e);
	if (rc == 0)
		rc = bundle_list_parse(buf_str(&b->front[FRONT_LIST].text), &b->list, e);
	if (rc < 0)
		return rc;
	make_constants(b);
	rc = compare(b, e);
	if (rc < 0)
		return rc;
	make_manifest(b);
	make_index(b);
	if (b->front[FRONT_INDEX].text.n > BUNDLE_INDEX_MAX)
		return err_set(e, ERR_TOO_BIG, "bundle: an index that is too large");
	place(b);
	return 0;
}

void
bundle_fini(struct bundle *b)
{
	for (size_t i = 0; i < FRONT_COUNT; i++)
		buf_fini(&b->front[i].text);
	bundle_inventory_fini(&b->inventory);
	bundle_list_fini(&b->list);
}
