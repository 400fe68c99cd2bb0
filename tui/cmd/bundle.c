/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's inventory, for people and for scripts. */
#include "tui/cmd/bundle.h"

#include <inttypes.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tui/cmd/fingerprint.h"
#include "tui/cmd/shown.h"

int
bundle_input_open(const struct args *in, struct bundle_input *ret, struct err *e)
{
	int rc;

	*ret = (struct bundle_input){ .age = { .fd = -1 } };
	if (in->pos_n == 1 && streq(in->pos[0], "-")) {
		ret->source = bundle_source_pipe(STDIN_FILENO, "stdin");
		return 0;
	}
	if (in->pos_n > 1 || !age_is(in->pos[0]))
		return bundle_source_open(in->pos, in->pos_n, &ret->source, e);
	rc = age_decrypt(in->pos[0], arg_value(in, "--identity"), &ret->age, e);
	if (rc == 0)
		ret->source = bundle_source_pipe(ret->age.fd, in->pos[0]);
	return rc;
}

int
bundle_input_end(struct bundle_input *i, struct err *e)
{
	return age_end(&i->age, e);
}

int
bundle_input_close(struct bundle_input *i, int rc, struct err *e)
{
	struct err why = { 0 };

	if (rc < 0 && i->age.pid != 0 && i->source && bundle_source_is_cut(i->source) &&
	    age_end(&i->age, &why) < 0) {
		*e = why;
		rc = -(int)why.code;
	}
	age_kill(&i->age);
	bundle_source_close(i->source);
	return rc;
}

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
