/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory and the list of blobs: written in one form and read by writing it again. Pure
 * functions over bytes; knows no file, no log and no signature.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/bundle.h"
#include "registry/bundle_tar.h"
#include "registry/manifest.h"
#include "registry/ref.h"

#define WHAT "bundle inventory"
#define API  "slipway/v1"
#define KIND "BundleInventory"
/* each object and each member of it, and what stands around them */
#define VALUES_MAX (BUNDLE_VERSIONS_MAX * 6 + BUNDLE_RECIPIENTS_MAX + 64)

/* --- the list --- */

static int
by_digest(const void *a, const void *b)
{
	const struct bundle_blob *const x = a, *const y = b;

	return memcmp(x->digest.b, y->digest.b, DIGEST_SIZE);
}

void
bundle_list_sort(struct bundle_list *l)
{
	size_t kept = 0;

	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_digest);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || by_digest(&l->v[kept - 1], &l->v[i]) != 0)
			l->v[kept++] = l->v[i];
	l->n = kept;
}

const struct bundle_blob *
bundle_list_find(const struct bundle_list *l, const struct digest *d)
{
	const struct bundle_blob key = { .digest = *d };

	return l->n == 0 ? NULL : bsearch(&key, l->v, l->n, sizeof *l->v, by_digest);
}

void
bundle_list_write(const struct bundle_list *l, struct buf *ret)
{
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < l->n; i++) {
		digest_hex(&l->v[i].digest, hex);
		buf_addf(ret, "%s %" PRIu64 "\n", hex, l->v[i].size);
	}
}

static int
parse_line(struct str line, struct bundle_blob *ret)
{
	if (line.n < 66 || line.p[64] != ' ' || digest_parse(&ret->digest, line.p, 64) < 0)
		return -1;
	return parse_u64_n(line.p + 65, line.n - 65, TAR_SIZE_MAX, &ret->size);
}

int
bundle_list_parse(struct str text, struct bundle_list *ret, struct err *e)
{
	VEC(struct bundle_blob) blobs = { 0 };

	while (text.n > 0) {
		const char *const end = memchr(text.p, '\n', text.n);
		const size_t n = end ? (size_t)(end - text.p) : 0;
		struct bundle_blob b;

		if (!end || parse_line((struct str){ text.p, n }, &b) < 0 ||
		    blobs.n == BUNDLE_BLOBS_MAX ||
		    (blobs.n > 0 && by_digest(&blobs.v[blobs.n - 1], &b) >= 0)) {
			const size_t line = blobs.n + 1;

			vec_fini(&blobs);
			return err_set(e, ERR_MALFORMED,
			               "bundle: its list of blobs is none, from line %zu on", line);
		}
		vec_push(&blobs, b);
		text.p += n + 1;
		text.n -= n + 1;
	}
	*ret = (struct bundle_list){ blobs.v, blobs.n };
	return 0;
}

void
bundle_list_fini(struct bundle_list *l)
{
	free(l->v);
	*l = (struct bundle_list){ 0 };
}

/* --- the inventory --- */

static json_t *
sized_json(const struct digest *d, uint64_t size)
{
	return json_pack("{s:o, s:I}", "digest", json_from_digest(d), "size", (json_int_t)size);
}

static json_t *
version_json(const struct bundle_version *v)
{
	return json_pack("{s:o, s:s, s:I, s:I, s:I}", "digest", json_from_digest(&v->digest),
	                 "model", v->model, "number", (json_int_t)v->number, "seq",
	                 (json_int_t)v->seq, "size", (json_int_t)v->manifest_size);
}

void
bundle_inventory_write(const struct bundle_inventory *v, struct buf *ret)
{
	cleanup_json json_t *o = json_object();
	json_t *const recipients = json_array(), *const versions = json_array();

	for (size_t i = 0; i < v->recipients_n; i++)
		json_array_append_new(recipients, json_string(v->recipients[i]));
	for (size_t i = 0; i < v->versions_n; i++)
		json_array_append_new(versions, version_json(&v->versions[i]));
	json_object_set_new(o, "apiVersion", json_string(API));
	json_object_set_new(o, "blobs", json_integer((json_int_t)v->blobs_n));
	json_object_set_new(o, "bytes", json_integer((json_int_t)v->bytes));
	json_object_set_new(o, "counter", json_integer((json_int_t)v->counter));
	json_object_set_new(o, "created", json_from_time(v->created_s));
	json_object_set_new(o, "expires", json_from_time(v->expires_s));
	json_object_set_new(o, "kind", json_string(KIND));
	json_object_set_new(o, "list", sized_json(&v->list, v->list_size));
	json_object_set_new(o, "proof", sized_json(&v->proof, v->proof_size));
	json_object_set_new(o, "recipients", recipients);
	json_object_set_new(o, "registry", json_string(v->registry_id));
	json_object_set_new(o, "root", json_from_digest(&v->root));
	json_object_set_new(o, "since", json_integer((json_int_t)v->since));
	json_object_set_new(o, "versions", versions);
	json_canonical(o, ret);
	buf_addc(ret, '\n');
}

static int
parse_id(const char *s, char ret[REGISTRY_ID_SIZE], struct err *e)
{
	if (s && strspn(s, "0123456789abcdef") == 32 && str_copy(ret, REGISTRY_ID_SIZE, s) == 0)
		return 0;
	return err_set(e, ERR_MALFORMED, WHAT ": a registry id that is none");
}

static int
get_sized(const json_t *o, const char *key, struct digest *ret, uint64_t *ret_size, struct err *e)
{
	json_t *x;
	int rc = json_get_object(o, key, WHAT, &x, e);

	if (rc == 0)
		rc = json_get_digest(x, "digest", WHAT, ret, e);
	return rc < 0 ? rc : json_get_u64(x, "size", WHAT, ret_size, e);
}

static int
parse_version(const json_t *o, struct bundle_version *ret, struct err *e)
{
	const char *model = NULL;
	int rc = json_get_string(o, "model", WHAT, &model, e);

	if (rc == 0)
		rc = ref_check_model(model, e);
	if (rc == 0 && str_copy(ret->model, sizeof ret->model, model) < 0)
		rc = err_set(e, ERR_MALFORMED, WHAT ": a name that is too long");
	if (rc == 0)
		rc = json_get_digest(o, "digest", WHAT, &ret->digest, e);
	if (rc == 0)
		rc = json_get_u64(o, "number", WHAT, &ret->number, e);
	if (rc == 0)
		rc = json_get_u64(o, "seq", WHAT, &ret->seq, e);
	if (rc == 0)
		rc = json_get_u64(o, "size", WHAT, &ret->manifest_size, e);
	if (rc == 0 && ret->manifest_size > MANIFEST_MAX)
		rc = err_set(e, ERR_TOO_BIG, WHAT ": a manifest that is too large");
	if (rc < 0) /* whoever reads it: what came is no inventory, not a mistake at the keyboard */
		e->code = e->code == ERR_TOO_BIG ? ERR_TOO_BIG : ERR_MALFORMED;
	return rc < 0 ? -(int)e->code : 0;
}

static int
version_order(const struct bundle_version *a, const struct bundle_version *b)
{
	const int rc = strcmp(a->model, b->model);

	return rc != 0 ? rc : a->number < b->number ? -1 : a->number > b->number;
}

static int
parse_versions(const json_t *o, struct bundle_inventory *v, struct err *e)
{
	json_t *list;
	int rc = json_get_array(o, "versions", WHAT, &list, e);

	if (rc == 0 && (json_array_size(list) == 0 || json_array_size(list) > BUNDLE_VERSIONS_MAX))
		rc = err_set(e, ERR_TOO_BIG, WHAT ": no versions, or more than %u",
		             BUNDLE_VERSIONS_MAX);
	if (rc < 0)
		return rc;
	v->versions = xcalloc(json_array_size(list), sizeof *v->versions);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		rc = parse_version(json_array_get(list, i), &v->versions[i], e);
		if (rc == 0 && i > 0 && version_order(&v->versions[i - 1], &v->versions[i]) >= 0)
			rc = err_set(e, ERR_MALFORMED, WHAT ": versions out of order");
		v->versions_n = i + 1;
	}
	return rc;
}

static int
parse_recipients(const json_t *o, struct bundle_inventory *v, struct err *e)
{
	json_t *list;
	int rc = json_get_array(o, "recipients", WHAT, &list, e);

	if (rc == 0 && json_array_size(list) > BUNDLE_RECIPIENTS_MAX)
		rc = err_set(e, ERR_TOO_BIG, WHAT ": too many recipients");
	if (rc < 0)
		return rc;
	v->recipients = xcalloc(json_array_size(list) + 1, sizeof *v->recipients);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		rc = parse_id(json_string_value(json_array_get(list, i)), v->recipients[i], e);
		if (rc == 0 && i > 0 && strcmp(v->recipients[i - 1], v->recipients[i]) >= 0)
			rc = err_set(e, ERR_MALFORMED, WHAT ": recipients out of order");
	}
	v->recipients_n = json_array_size(list);
	return rc;
}

static int
parse_members(const json_t *o, struct bundle_inventory *v, struct err *e)
{
	int rc = parse_id(json_opt_string(o, "registry"), v->registry_id, e);

	if (rc == 0)
		rc = json_get_digest(o, "root", WHAT, &v->root, e);
	if (rc == 0)
		rc = json_get_u64(o, "counter", WHAT, &v->counter, e);
	if (rc == 0)
		rc = json_get_u64(o, "since", WHAT, &v->since, e);
	if (rc == 0 && (v->counter == 0 || v->since >= v->counter))
		rc = err_set(e, ERR_MALFORMED, WHAT ": a counter that cannot be");
	if (rc == 0)
		rc = json_get_u64(o, "blobs", WHAT, &v->blobs_n, e);
	if (rc == 0)
		rc = json_get_u64(o, "bytes", WHAT, &v->bytes, e);
	if (rc == 0)
		rc = json_get_time(o, "created", WHAT, &v->created_s, e);
	if (rc == 0)
		rc = json_get_time(o, "expires", WHAT, &v->expires_s, e);
	if (rc == 0)
		rc = get_sized(o, "list", &v->list, &v->list_size, e);
	if (rc == 0)
		rc = get_sized(o, "proof", &v->proof, &v->proof_size, e);
	if (rc == 0)
		rc = parse_recipients(o, v, e);
	return rc < 0 ? rc : parse_versions(o, v, e);
}

int
bundle_inventory_parse(struct str text, struct bundle_inventory *ret, struct err *e)
{
	cleanup_buf struct buf again = { 0 };
	cleanup_json json_t *o = NULL;
	int rc;

	*ret = (struct bundle_inventory){ 0 };
	if (text.n > BUNDLE_INVENTORY_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": larger than %u bytes", BUNDLE_INVENTORY_MAX);
	if (json_count(text) > VALUES_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": more than %u values", VALUES_MAX);
	rc = json_parse(text, WHAT, &o, e);
	if (rc == 0)
		rc = parse_members(o, ret, e);
	if (rc == 0) {
		bundle_inventory_write(ret, &again);
		if (!str_eq(text, buf_str(&again)))
			rc = err_set(e, ERR_MALFORMED, WHAT ": not written as one is");
	}
	if (rc < 0)
		bundle_inventory_fini(ret);
	return rc;
}

void
bundle_inventory_fini(struct bundle_inventory *v)
{
	free(v->recipients);
	free(v->versions);
	*v = (struct bundle_inventory){ 0 };
}

bool
bundle_is_for(const struct bundle_inventory *v, const char *registry_id)
{
	for (size_t i = 0; i < v->recipients_n; i++)
		if (streq(v->recipients[i], registry_id))
			return true;
	return v->recipients_n == 0;
}
