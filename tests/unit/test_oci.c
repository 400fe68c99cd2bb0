/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and challenges of image registries, and the bytes of a model car. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "deploy/oci_auth.h"
#include "deploy/oci_car.h"
#include "registry/base/fs.h"

TestSuite(oci);

Test(oci, challenges)
{
	static const struct {
		const char *text;
		int rc;
		bool bearer;
		const char *realm, *service;
	} cases[] = {
		{ "Basic realm=\"x\"", 0, false, "", "" },
		{ "basic", 0, false, "", "" },
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a:pull,push\"", 0,
		  true, "https://a/t", "s" },
		{ "bearer scope=\"a,realm=b\", realm=https://a/t", 0, true, "https://a/t", "" },
		{ "Bearer service=\"s\"", -1, true, "", "s" },
		{ "Bearer realm=\"https://a/\\\"t\"", -1, true, "", "" },
		{ "Negotiate", -1, false, "", "" },
		{ "Bearerrealm=\"x\"", -1, false, "", "" },
		{ "", -1, false, "", "" },
	};
	cleanup_free char *many = xcalloc(1, 4000);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oci_challenge c;
		cr_expect_eq(oci_challenge_parse(str_of(cases[i].text), &c), cases[i].rc, "%s",
		             cases[i].text);
		cr_expect_eq(c.is_bearer, cases[i].bearer, "%s", cases[i].text);
		cr_expect_str_eq(c.realm, cases[i].realm, "%s", cases[i].text);
		cr_expect_str_eq(c.service, cases[i].service, "%s", cases[i].text);
	}
	/* one that is too long is none */
	(void)snprintf(many, 4000, "Bearer realm=\"%01000d\"", 1);
	struct oci_challenge c;
	cr_expect_eq(oci_challenge_parse(str_of(many), &c), -1);
}

/* dTpw is "u:p", dTpwMg== is "u:p2" */
Test(oci, credential_files)
{
	static const struct {
		const char *text, *host, *repo;
		int rc;
		const char *user, *password, *helper; /* user NULL: none */
	} cases[] = {
		{ "{\"auths\":{\"h:5\":{\"auth\":\"dTpw\"}}}", "h:5", "a/b", 0, "u", "p", "" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTpw\"},\"h/a\":{\"auth\":\"dTpwMg==\"}}}", "h",
		  "a/b", 0, "u", "p2", "" },
		{ "{\"auths\":{\"h/x\":{\"auth\":\"dTpw\"}}}", "h", "a/b", 0, NULL, NULL, "" },
		{ "{\"auths\":{\"https://h/v1/\":{\"auth\":\"dTpw\"}}}", "h", "a", 0, "u", "p",
		  "" },
		/* the beginning of a host is not the host */
		{ "{\"auths\":{\"https://h.evil/v1/\":{\"auth\":\"dTpw\"}}}", "h", "a", 0, NULL,
		  NULL, "" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTpw\"}}}", "h:5", "a", 0, NULL, NULL, "" },
		{ "{\"auths\":{\"h\":{\"identitytoken\":\"tok\",\"auth\":\"dTpw\"}}}", "h", "a", 0,
		  "<token>", "tok", "" },
		{ "{\"auths\":{\"h\":{}},\"credsStore\":\"pass\"}", "h", "a", 0, NULL, NULL,
		  "pass" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTpw\"}},\"credHelpers\":{\"h\":\"ecr-login\"}}",
		  "h", "a", 0, NULL, NULL, "ecr-login" },
		{ "{\"credsStore\":\"../../bin/sh\"}", "h", "a", -ERR_MALFORMED, NULL, NULL, "" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTp\"}}}", "h", "a", -ERR_MALFORMED, NULL, NULL,
		  "" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dXA=\"}}}", "h", "a", -ERR_MALFORMED, NULL, NULL,
		  "" },
		{ "{}", "h", "a", 0, NULL, NULL, "" },
		{ "[]", "h", "a", -ERR_MALFORMED, NULL, NULL, "" },
		{ "s3cret", "h", "a", -ERR_MALFORMED, NULL, NULL, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *user = NULL, *password = NULL, helper[64];
		struct err e = { 0 };
		const int rc = oci_credential_find(str_of(cases[i].text), cases[i].host,
		                                   cases[i].repo, &user, &password, helper, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %s", cases[i].text, e.msg);
		cr_expect_null(strstr(e.msg, "s3cret"));
		if (rc < 0)
			continue;
		cr_expect_str_eq(helper, cases[i].helper, "%s", cases[i].text);
		cr_expect_eq(user == NULL, cases[i].user == NULL, "%s", cases[i].text);
		if (user && cases[i].user)
			cr_expect(streq(user, cases[i].user) && streq(password, cases[i].password),
			          "%s: %s %s", cases[i].text, user, password);
		free(user);
		free(password);
	}
}

struct files {
	struct source_file v[8];
	const char *text[8];
	size_t n;
};

static int
open_text(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct files *const f = arg;
	char path[] = "/tmp/slipway-oci-XXXXXX";
	const int fd = mkstemp(path);

	(void)e;
	cr_assert(fd >= 0 && fs_write_all(fd, f->text[i], strlen(f->text[i])) == 0);
	(void)unlink(path);
	(void)lseek(fd, 0, SEEK_SET);
	*ret_fd = fd;
	return 0;
}

static void
add(struct files *f, const char *path, const char *text)
{
	f->text[f->n] = text;
	f->v[f->n] = (struct source_file){ .path = path, .size = strlen(text) };
	digest_small(text, strlen(text), &f->v[f->n].digest);
	f->n++;
}

static void
read_all(const struct source *s, size_t piece, struct buf *ret)
{
	struct oci_tar *const t = oci_tar_open(s);
	cleanup_free char *p = xcalloc(1, piece);
	struct err e = { 0 };
	size_t n = 1;

	while (n > 0) {
		cr_assert_eq(oci_tar_read(t, p, piece, &n, &e), 0, "%s", e.msg);
		buf_add(ret, p, n);
	}
	oci_tar_close(t);
}

Test(oci, a_car_is_the_same_in_any_pieces)
{
	struct files f = { 0 };
	struct oci_car car = { 0 };
	struct err e = { 0 };
	struct digest version = { { 1 } }, d;
	char hex[DIGEST_HEX_SIZE];

	add(&f, "a.txt", "hello\n");
	add(&f, "deep/er/b", "");
	add(&f, "deep/er/c", "1234567890");
	const struct source s = { .files = f.v, .n = f.n, .open = open_text, .arg = &f };
	cr_assert_eq(oci_car_make(&s, "risk/face", 3, &version, &car, &e), 0, "%s", e.msg);
	for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
		cleanup_buf struct buf all = { 0 };
		read_all(&s, piece, &all);
		cr_assert_eq(all.n, car.size);
		cr_assert_eq(all.n % 512, 0);
		digest_small(all.p, all.n, &d);
		cr_assert(digest_eq(&d, &car.layer), "in pieces of %zu", piece);
	}
	/* as it was when this was written: other bytes would be another image for the same version
	 */
	digest_hex(&car.digest, hex);
	cr_expect_str_eq(hex, "686900b563d16b8e199dd24a9c45188d010d7a1a42b28079300ff86e8a7be906");
	oci_car_fini(&car);
}

Test(oci, a_car_of_other_bytes_is_none)
{
	struct files f = { 0 };
	struct oci_car car = { 0 };
	struct err e = { 0 };
	struct digest version = { { 1 } };
	cleanup_free char *longest = xcalloc(1, 400);

	add(&f, "a", "hello");
	f.text[0] = "hullo";
	const struct source s = { .files = f.v, .n = f.n, .open = open_text, .arg = &f };
	cr_expect_eq(oci_car_make(&s, "m", 1, &version, &car, &e), -ERR_DIGEST);
	oci_car_fini(&car);
	f.text[0] = "hel";
	cr_expect_eq(oci_car_make(&s, "m", 1, &version, &car, &e), -ERR_DIGEST);
	oci_car_fini(&car);
	memset(longest, 'x', 300);
	f.text[0] = "hello";
	f.v[0].path = longest;
	cr_expect_eq(oci_car_make(&s, "m", 1, &version, &car, &e), -ERR_USAGE);
	oci_car_fini(&car);
}
