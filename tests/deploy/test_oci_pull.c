/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from a scripted image registry, each request byte by byte: what is asked for, when a lost
 * connection is taken up, and to whom a credential goes.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/oci_pull.h"
#include "registry/base/fs.h"
#include "tests/deploy/server.h"

TestSuite(oci_pull);

#define TEXT   "hello"
#define TEXT_D "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define TYPES                                                    \
	"Accept: application/vnd.oci.image.manifest.v1+json, "   \
	"application/vnd.docker.distribution.manifest.v2+json, " \
	"application/vnd.oci.image.index.v1+json, "              \
	"application/vnd.docker.distribution.manifest.list.v2+json\r\n"
#define BLOB(more, raw)                                                                        \
	{                                                                                      \
		.request = "GET /v2/m/blobs/sha256:" TEXT_D, .headers = more, .how = STEP_RAW, \
		.reply = raw                                                                   \
	}
#define ANY       "Accept: */*\r\n"
#define ON(n)     "Accept: */*\r\nRange: bytes=" n "-\r\n"
#define PASSWORD  "Accept: */*\r\nAuthorization: Basic dTpw\r\n"
#define WHOLE     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CUT       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"
#define REST      "HTTP/1.1 206 OK\r\nContent-Length: 3\r\nContent-Range: bytes 2-4/5\r\n\r\nllo"
#define NO        "HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Basic\r\n\r\n"
#define TO(where) "HTTP/1.1 307 Go\r\nLocation: " where "\r\nContent-Length: 0\r\n\r\n"

struct reader {
	struct oci oci;
	struct remote_options o;
	struct server *server;
	struct buf got;
	char credentials[32];
};

static int
take(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(arg, p, n);
	return 0;
}

/* u with password p, for the host of the server. */
static void
begin(struct reader *r, const struct step *steps, size_t n)
{
	struct err e = { 0 };
	cleanup_free char *text = NULL;
	const char *host;

	r->server = server_start(steps, n);
	host = server_url(r->server) + strlen("http://");
	(void)str_copy(r->credentials, sizeof r->credentials, "/tmp/slipway-pull-XXXXXX");
	cr_assert_geq(close(mkstemp(r->credentials)), 0);
	text = xasprintf("{\"auths\":{\"%s\":{\"auth\":\"dTpw\"}}}", host);
	cr_assert_eq(fs_write_at(AT_FDCWD, r->credentials, text, strlen(text), 0600, &e), 0, "%s",
	             e.msg);
	r->o.credentials = r->credentials;
	cr_assert_eq(oci_connect(&r->oci, host, "m", &r->o, &e), 0, "%s", e.msg);
	cr_assert_eq(oci_use(&r->oci, "m", &e), 0, "%s", e.msg);
}

static void
finish(struct reader *r, char complaint[1024])
{
	oci_disconnect(&r->oci);
	server_end(r->server, complaint, 1024);
	(void)unlink(r->credentials);
	buf_fini(&r->got);
}

Test(oci_pull, blobs)
{
	static const struct {
		const char *name;
		struct step steps[5];
		size_t n;
		int rc;
		const char *says;
	} cases[] = {
		{ "whole", { BLOB(ANY, WHOLE) }, 1, 0, "" },
		{ "cut and taken up", { BLOB(ANY, CUT), BLOB(ON("2"), REST) }, 2, 0, "" },
		{ "cut and begun anew", { BLOB(ANY, CUT), BLOB(ON("2"), WHOLE) }, 2, 0, "" },
		{ "a part that was not asked for",
		  { BLOB(ANY, CUT), BLOB(ON("2"), "HTTP/1.1 206 OK\r\nContent-Length: 4\r\n"
		                                  "Content-Range: bytes 1-4/5\r\n\r\nello") },
		  2,
		  -ERR_DIGEST,
		  "another number of bytes" },
		{ "too few",
		  { BLOB(ANY, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhe") },
		  1,
		  -ERR_DIGEST,
		  "another number of bytes for \"f\" than 5" },
		{ "too many",
		  { BLOB(ANY, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!") },
		  1,
		  -ERR_DIGEST,
		  "another number of bytes" },
		{ "who are we", { BLOB(ANY, NO), BLOB(PASSWORD, WHOLE) }, 2, 0, "" },
		{ "gone",
		  { BLOB(ANY, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") },
		  1,
		  -ERR_NOT_FOUND,
		  "refuses f" },
		{ "elsewhere on the same host",
		  { BLOB(ANY, NO),
		    BLOB(PASSWORD, TO("/x?y=1")),
		    { .request = "GET /x?y=1",
		      .headers = PASSWORD,
		      .how = STEP_RAW,
		      .reply = WHOLE } },
		  3,
		  0,
		  "" },
		{ "to nowhere",
		  { BLOB(ANY, TO("")) },
		  1,
		  -ERR_MALFORMED,
		  "does not say where it sends us" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reader r = { 0 };
		struct oci_blob b = { .name = "f", .size = 5, .take = take, .arg = &r.got };
		struct err e = { 0 };
		char complaint[1024];
		int rc;

		cr_assert_eq(digest_parse(&b.digest, TEXT_D, 64), 0);
		begin(&r, cases[i].steps, cases[i].n);
		rc = oci_get_blob(&r.oci, &b, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].says), "%s: %s", cases[i].name, e.msg);
		if (rc == 0)
			cr_expect_str_eq(buf_cstr(&r.got), TEXT, "%s", cases[i].name);
		finish(&r, complaint);
		cr_expect_str_eq(complaint, "", "%s: %s", cases[i].name, complaint);
	}
}

/* Of what was there before no byte is given again, whatever the registry sends. */
Test(oci_pull, gone_on_with)
{
	static const struct {
		uint64_t from;
		struct step steps[2];
		size_t n;
	} cases[] = {
		{ 2, { BLOB(ON("2"), REST) }, 1 },
		{ 2, { BLOB(ON("2"), WHOLE) }, 1 },
		{ 2, { BLOB(ON("2"), CUT), BLOB(ON("2"), REST) }, 2 },
		{ 5, { { 0 } }, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reader r = { 0 };
		struct oci_blob b = { .name = "f", .size = 5, .take = take, .arg = &r.got };
		struct err e = { 0 };
		char complaint[1024];

		cr_assert_eq(digest_parse(&b.digest, TEXT_D, 64), 0);
		b.from = cases[i].from;
		begin(&r, cases[i].steps, cases[i].n);
		cr_expect_eq(oci_get_blob(&r.oci, &b, &e), 0, "%zu: %s", i, e.msg);
		cr_expect_str_eq(buf_cstr(&r.got), TEXT + b.from, "%zu", i);
		finish(&r, complaint);
		cr_expect_str_eq(complaint, "", "%zu: %s", i, complaint);
	}
}

/* The other host gets no credential of ours, and has no say in where it goes: nobody asks the token
 * server that it names. */
Test(oci_pull, elsewhere)
{
	for (size_t i = 0; i < 2; i++) {
		struct server *const thief = server_start(NULL, 0);
		cleanup_free char *no = xasprintf("HTTP/1.1 401 No\r\nContent-Length: 0\r\n"
		                                  "WWW-Authenticate: Bearer realm=\"%s/t\"\r\n\r\n",
		                                  server_url(thief));
		const struct step there[] = {
			{ .request = "GET /x",
			  .headers = ANY,
			  .how = STEP_RAW,
			  .reply = i == 0 ? WHOLE : no },
		};
		struct server *const other = server_start(there, 1);
		cleanup_free char *go = xasprintf(TO("%s/x"), server_url(other));
		const struct step steps[] = { BLOB(ANY, NO), BLOB(PASSWORD, go) };
		struct reader r = { 0 };
		struct oci_blob b = { .name = "f", .size = 5, .take = take, .arg = &r.got };
		struct err e = { 0 };
		char complaint[1024];

		cr_assert_eq(digest_parse(&b.digest, TEXT_D, 64), 0);
		begin(&r, steps, COUNT(steps));
		cr_expect_eq(oci_get_blob(&r.oci, &b, &e), i == 0 ? 0 : -ERR_DENIED, "%s", e.msg);
		finish(&r, complaint);
		cr_expect_str_eq(complaint, "");
		server_end(other, complaint, sizeof complaint);
		cr_expect_str_eq(complaint, "");
		server_end(thief, complaint, sizeof complaint);
		cr_expect_str_eq(complaint, "");
	}
}

Test(oci_pull, from_tls_to_none)
{
	static const struct {
		const char *from, *to;
		int rc;
	} cases[] = {
		{ "https://h/v2/x", "https://other.example/y", 0 },
		{ "http://127.0.0.1/v2/x", "http://127.0.0.2/y", 0 },
		{ "https://h/v2/x", "http://other.example/y", -ERR_DENIED },
		{ "https://h/v2/x", "/y", 0 },
		{ "https://other.example/x", "/y", -ERR_MALFORMED },
		{ "https://h/v2/x", "//other.example/y", -ERR_DENIED },
	};
	struct oci s = { .host = (char[]){ "h" }, .base = (char[]){ "https://h" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_response struct http_response r = { 0 };
		cleanup_free char *to = NULL;
		struct err e = { 0 };

		buf_addf(&r.headers, "location: %s\n", cases[i].to);
		cr_expect_eq(oci_redirect(&s, cases[i].from, &r, &to, &e), cases[i].rc, "%zu: %s",
		             i, e.msg);
	}
}

#define MANIFEST(name, raw)                                                                \
	{                                                                                  \
		.request = "GET /v2/m/manifests/" name, .headers = TYPES, .how = STEP_RAW, \
		.reply = raw                                                               \
	}
#define EMPTY   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define EMPTY_D "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define SAID(d) \
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDocker-Content-Digest: sha256:" d "\r\n\r\n{}"

Test(oci_pull, manifests)
{
	static const struct {
		const char *name, *tag;
		bool by_digest;
		struct step step;
		int rc;
		const char *says;
	} cases[] = {
		{ "by tag", "v1", false, MANIFEST("v1", EMPTY), 0, "" },
		{ "without one", "", false, MANIFEST("latest", EMPTY), 0, "" },
		{ "with its digest", "v1", false, MANIFEST("v1", SAID(EMPTY_D)), 0, "" },
		{ "with another", "v1", false, MANIFEST("v1", SAID(TEXT_D)), -ERR_DIGEST,
		  "says that the manifest is sha256:2cf24dba5fb0, and gives sha256:44136fa355b3" },
		{ "by digest", "v1", true, MANIFEST("sha256:" EMPTY_D, EMPTY), 0, "" },
		{ "by digest, another", "", true,
		  MANIFEST("sha256:" EMPTY_D, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"),
		  -ERR_DIGEST, "gives other bytes" },
		{ "a page", "v1", false,
		  MANIFEST("v1", "HTTP/1.1 200 OK\r\nContent-Type: text/html; x\r\n"
		                 "Content-Length: 2\r\n\r\n<>"),
		  -ERR_MALFORMED, "gives no manifest" },
		{ "none", "v1", false,
		  MANIFEST("v1", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), -ERR_NOT_FOUND,
		  "has no \"m:v1\"" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reader r = { 0 };
		struct oci_reference ref = { .repo = (char[]){ "m" },
			                     .has_digest = cases[i].by_digest };
		struct digest d;
		struct err e = { 0 };
		char complaint[1024];
		int rc;

		(void)str_copy(ref.tag, sizeof ref.tag, cases[i].tag);
		cr_assert_eq(digest_parse(&ref.digest, EMPTY_D, 64), 0);
		begin(&r, &cases[i].step, 1);
		rc = oci_get_manifest(&r.oci, &ref, &r.got, &d, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].says), "%s: %s", cases[i].name, e.msg);
		finish(&r, complaint);
		cr_expect_str_eq(complaint, "", "%s: %s", cases[i].name, complaint);
	}
}
