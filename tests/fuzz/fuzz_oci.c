/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are, each in turn, what an image registry or a person's file says: a challenge, a file
 * of credentials, a reference, a manifest, a list of manifests, a config, an archive, gzip.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/gunzip.h"
#include "deploy/oci_auth.h"
#include "deploy/oci_manifest.h"
#include "deploy/oci_reference.h"
#include "deploy/oci_untar.h"
#include "registry/manifest.h"

static void
read_challenge(struct str s)
{
	struct oci_challenge c;
	const int rc = oci_challenge_parse(s, &c);

	PROMISE(rc == 0 || rc == -1);
	PROMISE(memchr(c.realm, '\0', sizeof c.realm) && memchr(c.service, '\0', sizeof c.service));
	PROMISE(rc < 0 || c.is_bearer == (c.realm[0] != '\0'));
}

static void
read_credential(struct str s)
{
	char *user = NULL, *password = NULL, helper[64];
	struct err e = { 0 };
	const int rc = oci_credential_find(s, "h:5", "a/b", &user, &password, helper, &e);

	promise_err(rc, &e);
	PROMISE((user == NULL) == (password == NULL));
	PROMISE(memchr(helper, '\0', sizeof helper));
	PROMISE(rc < 0 || !strpbrk(helper, "/ ;$\n"));
	free(user);
	free(password);
}

static void
read_reference(struct str s)
{
	cleanup_free char *text = xstrndup(s.p, s.n);
	struct oci_reference r = { 0 };
	struct err e = { 0 };

	promise_err(oci_reference_parse(text, &r, &e), &e);
	if (e.code == ERR_OK)
		PROMISE(oci_is_repository(r.repo) && r.host[0] && !strpbrk(r.host, "/@ \n"));
	oci_reference_fini(&r);
	err_clear(&e);
	promise_err(oci_image_parse(text, &r, &e), &e);
	oci_reference_fini(&r);
}

static void
read_manifest(struct str s)
{
	struct oci_manifest m = { 0 };
	struct digest d;
	struct err e = { 0 };
	const int rc = oci_index_pick(s, &d, &e);

	PROMISE(rc <= 1 && (rc < 0) == (e.code != ERR_OK));
	err_clear(&e);
	promise_err(oci_manifest_parse(s, &m, &e), &e);
	PROMISE(e.code != ERR_OK || m.n > 0);
	for (size_t i = 0; i < m.n; i++) {
		PROMISE((m.layers[i].kind == OCI_FILE) == (m.layers[i].path != NULL));
		PROMISE(!m.layers[i].path ||
		        manifest_path_check(m.layers[i].path, &(struct err){ 0 }) == 0);
	}
	oci_manifest_fini(&m);
}

static void
read_config(struct str s)
{
	const struct oci_manifest m = { .is_image = true, .n = 1 };
	struct digest *d = NULL;
	struct err e = { 0 };

	promise_err(oci_config_diffs(s, &m, &d, &e), &e);
	PROMISE((d != NULL) == (e.code == ERR_OK));
	free(d);
}

/* What a sink was told. */
struct told {
	uint64_t left, bytes;
	size_t entries;
	bool is_open;
};

static int
begin(void *arg, const char *path, char type, uint64_t size, struct err *e)
{
	struct told *const t = arg;

	(void)e;
	(void)type;
	PROMISE(!t->is_open && strlen(path) <= 4096);
	t->is_open = true;
	t->left = size;
	t->entries++;
	return 0;
}

static int
data(void *arg, const void *p, size_t n, struct err *e)
{
	struct told *const t = arg;

	(void)e;
	(void)p;
	PROMISE(t->is_open && n > 0 && n <= t->left);
	t->left -= n;
	t->bytes += n;
	return 0;
}

static int
end(void *arg, struct err *e)
{
	struct told *const t = arg;

	(void)e;
	PROMISE(t->is_open && t->left == 0);
	t->is_open = false;
	return 0;
}

static struct told
read_archive(struct str s, size_t piece)
{
	struct told t = { 0 };
	const struct untar_sink sink = { begin, data, end, &t };
	struct untar *const u = untar_new(&sink);
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < s.n; at += piece)
		rc = untar_feed(u, s.p + at, s.n - at < piece ? s.n - at : piece, &e);
	if (rc == 0)
		rc = untar_finish(u, &e);
	promise_err(rc, &e);
	PROMISE(rc < 0 || !t.is_open);
	untar_free(u);
	return t;
}

static int
count(void *arg, const void *p, size_t n, struct err *e)
{
	(void)p;
	(void)e;
	PROMISE(n > 0);
	*(uint64_t *)arg += n;
	return 0;
}

static uint64_t
read_gzip(struct str s, size_t piece)
{
	uint64_t bytes = 0;
	struct gunzip *const g = gunzip_new(count, &bytes);
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < s.n; at += piece)
		rc = gunzip_feed(g, s.p + at, s.n - at < piece ? s.n - at : piece, &e);
	if (rc == 0)
		rc = gunzip_finish(g, &e);
	promise_err(rc, &e);
	gunzip_free(g);
	return rc < 0 ? 0 : bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct str s = input(p, n);
	struct told whole, pieces;

	read_challenge(s);
	read_credential(s);
	read_reference(s);
	read_manifest(s);
	read_config(s);
	PROMISE(read_gzip(s, n + 1) == read_gzip(s, 37));
	whole = read_archive(s, n + 1);
	pieces = read_archive(s, 37);
	PROMISE(whole.entries == pieces.entries && whole.bytes == pieces.bytes);
	return 0;
}
