/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are an OMS bundle: peeked at, and verified under a key that signed none of them. First
 * byte 's': the rest is a statement, which goes into a bundle whose signature is not looked at.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "registry/base/base64.h"
#include "registry/oms.h"

static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuk1y+8yGHmGmIFxZniSfnPRBOdsp\n"
                          "uPD223JvelVMZkgbBKCHBIC6QE7k84JWuVO6bikXNI/EeyeZs3/phGGpcQ==\n"
                          "-----END PUBLIC KEY-----\n";

/* What has been read can be relied on: sorted, inside the model, no two alike. */
static void
promise_list(const struct oms *o)
{
	struct err e = { 0 };

	PROMISE(o->resources.n > 0 && o->subject);
	for (size_t i = 0; i < o->resources.n; i++) {
		const struct oms_resource *const r = &o->resources.v[i];
		const struct oms_resource *const before = i > 0 ? r - 1 : NULL;
		const int c = before ? strcmp(before->path, r->path) : -1;

		PROMISE(streq(r->path, ".") || manifest_path_check(r->path, &e) == 0);
		PROMISE(!oms_ignores(o, r->path));
		if (o->method == OMS_FILES)
			PROMISE(c < 0 && r->start == 0 && r->end == 0);
		else
			PROMISE(c < 0 ? r->start == 0 : c == 0 && before->end == r->start);
		PROMISE(o->method == OMS_FILES || r->end - r->start <= o->shard_size);
		PROMISE(o->method == OMS_FILES || r->end > r->start);
	}
	for (size_t i = 0; i < o->ignored.n; i++)
		PROMISE(manifest_path_check(o->ignored.v[i], &e) == 0);
}

static void
read_bundle(struct str bytes)
{
	const struct oms_trust t = { .key = STR(key), .roots = STR(key) };
	struct oms o = { 0 };
	struct err e = { 0 };
	int rc = oms_peek(bytes, &o, &e);

	promise_err(rc, &e);
	if (rc == 0)
		promise_list(&o);
	else
		PROMISE(!o.subject && o.resources.n == 0 && o.ignored.n == 0);
	oms_fini(&o);
	e = (struct err){ 0 };
	rc = oms_verify(bytes, &t, &o, &e);
	promise_err(rc, &e);
	PROMISE(rc < 0 && o.resources.n == 0);
}

static void
wrap(struct str statement, struct buf *ret)
{
	buf_adds(ret, "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
	              "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"\"}},\"dsseEnvelope\":{"
	              "\"payloadType\":\"application/vnd.in-toto+json\","
	              "\"signatures\":[{\"sig\":\"\"}],\"payload\":\"");
	base64_add(ret, statement.p, statement.n);
	buf_adds(ret, "\"}}");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf b = { 0 };

	if (n > 0 && p[0] == 's') {
		wrap(input(p + 1, n - 1), &b);
		read_bundle(buf_str(&b));
	} else {
		read_bundle(input(p, n));
	}
	return 0;
}
