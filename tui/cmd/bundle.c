/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's inventory, for people and for scripts. */
#include "tui/cmd/bundle.h"

#include <inttypes.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tui/cmd/fingerprint.h"
#include "tui/cmd/shown.h"

static void
version_json(struct json_out *j, const struct bundle_version *v)
{
	jo_begin(j, NULL, '{');
	jo_string(j, "model", v->model);
	jo_u64(j, "version", v->number);
	jo_digest(j, "digest", &v->digest);
	jo_end(j, '}');
}

void
bundle_json(struct json_out *j, const struct bundle *b)
{
	const struct bundle_inventory *const v = &b->inventory;

	jo_u64(j, "counter", v->counter);
	jo_string(j, "registry", v->registry_id);
	jo_digest(j, "root", &v->root);
	jo_digest(j, "inventory", &b->front[FRONT_INVENTORY].digest);
	jo_u64(j, "since", v->since);
	jo_time(j, "created", v->created_s);
	jo_time(j, "expires", v->expires_s);
	jo_begin(j, "recipients", '[');
	for (size_t i = 0; i < v->recipients_n; i++)
		jo_string(j, NULL, v->recipients[i]);
	jo_end(j, ']');
	jo_begin(j, "versions", '[');
	for (size_t i = 0; i < v->versions_n; i++)
		version_json(j, &v->versions[i]);
	jo_end(j, ']');
	jo_u64(j, "blobs", v->blobs_n);
	jo_u64(j, "bytes", v->bytes);
	jo_u64(j, "size", b->size);
}

void
bundle_line(const struct bundle *b, struct buf *ret)
{
	const struct bundle_inventory *const v = &b->inventory;
	char size[16];

	text_size(size, b->size);
	buf_addf(ret, "bundle %" PRIu64 ": %zu version%s, %" PRIu64 " file%s, %s", v->counter,
	         v->versions_n, v->versions_n == 1 ? "" : "s", v->blobs_n,
	         v->blobs_n == 1 ? "" : "s", size);
	if (v->since > 0)
		buf_addf(ret, ", builds on bundle %" PRIu64, v->since);
}

void
bundle_fields(struct out *o, const struct bundle *b, const char *signer)
{
	const struct bundle_inventory *const v = &b->inventory;
	char created[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE], name[VERSION_NAME_SIZE];
	char root[FINGERPRINT_SIZE];

	clock_text(created, v->created_s);
	clock_text(expires, v->expires_s);
	fingerprint_text(&v->root, root);
	out_field(o, "source", "registry %s", v->registry_id);
	out_field(o, "fingerprint", "%s", root);
	out_field(o, "signed by", "%s", signer);
	out_field(o, "created", "%s", created);
	out_field(o, "expires", "%s", expires);
	for (size_t i = 0; i < v->recipients_n; i++)
		out_field(o, i == 0 ? "for" : "", "registry %s", v->recipients[i]);
	for (size_t i = 0; i < v->versions_n; i++) {
		version_name(v->versions[i].model, v->versions[i].number, name);
		out_field(o, i == 0 ? "versions" : "", "%s", name);
	}
}
