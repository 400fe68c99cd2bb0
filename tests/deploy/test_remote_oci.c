/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushing to a scripted image registry, each request byte by byte: what is there, what lies
 * elsewhere, what is not what it is said to be, and credentials of files and helpers.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/oci_auth.h"
#include "deploy/remote_oci.h"
#include "registry/base/fs.h"
#include "tests/deploy/server.h"

TestSuite(remote_oci);

#define CONFIG   "{}"
#define CONFIG_D "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define FILE_T   "hello"
#define FILE_D   "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define MANIFEST "{\"m\":1}"
#define MAN_D    "3227ed0614bb57255f2bde87551b9c1518eb4c8a4374cb40557d5bac62e7129f"
#define TYPE     "application/vnd.oci.image.manifest.v1+json"
#define ACCEPT   "Accept: " TYPE "\r\n"
#define ANY      "Accept: */*\r\n"
#define PUT_TYPE "Accept: */*\r\nContent-Type: " TYPE "\r\n"

#define HEAD_M(raw)                                                                        \
	{                                                                                  \
		.request = "HEAD /v2/models/m/manifests/sha256:" MAN_D, .headers = ACCEPT, \
		.how = STEP_RAW, .reply = raw                                              \
	}
#define HEAD_B(d, raw)                                                                           \
	{                                                                                        \
		.request = "HEAD /v2/models/m/blobs/sha256:" d, .headers = ANY, .how = STEP_RAW, \
		.reply = raw                                                                     \
	}
#define PUT_M(name, answer)                                                         \
	{                                                                           \
		.request = "PUT /v2/models/m/manifests/" name, .headers = PUT_TYPE, \
		.body = MANIFEST, .status = answer                                  \
	}
#define GET_M                                                                             \
	{                                                                                 \
		.request = "GET /v2/models/m/manifests/sha256:" MAN_D, .headers = ACCEPT, \
		.status = 200, .reply = MANIFEST                                          \
	}
#define HEAD_TAG(raw)                                                                            \
	{                                                                                        \
		.request = "HEAD /v2/models/m/manifests/v7", .headers = ACCEPT, .how = STEP_RAW, \
		.reply = raw                                                                     \
	}
#define NONE   "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
#define HAS(n) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\n\r\n"
#define AWAY   "HTTP/1.1 307 Go\r\nLocation: https://store.example/x\r\nContent-Length: 0\r\n\r\n"
#define OTHER  "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nDocker-Content-Digest: sha256:00\r\n\r\n"

static int
no_open(void *arg, size_t i, int *ret_fd, struct err *e)
{
	(void)arg;
	(void)i;
	(void)ret_fd;
	return err_set(e, ERR_BUG, "nobody should read it");
}

static int
run(const struct step *steps, size_t n, bool looks, struct remote_put *ret, char complaint[1024],
    struct err *e)
{
	struct server *s = server_start(steps, n);
	cleanup_free char *address =
	        xasprintf("oci://%s/models", server_url(s) + strlen("http://"));
	const struct remote_driver *const d = remote_driver_find("oci://x");
	cleanup_free void *st = xcalloc(1, d->state_size);
	const struct remote_options o = { .only_looks = looks };
	struct source_file file = { .path = "f", .size = strlen(FILE_T) };
	const struct source files = { .files = &file, .n = 1, .open = no_open };
	struct remote_version v = { .model = "m",
		                    .number = 7,
		                    .manifest = str_of(MANIFEST),
		                    .config = str_of(CONFIG),
		                    .files = &files };
	int rc;

	cr_assert_eq(digest_parse(&file.digest, FILE_D, 64), 0);
	cr_assert_eq(digest_parse(&v.digest, MAN_D, 64), 0);
	cr_assert_eq(d->open(st, address, &o, e), 0, "%s", e->msg);
	rc = d->put(st, &v, REMOTE_MODELPACK, ret, e);
	d->close(st);
	server_end(s, complaint, 1024);
	return rc;
}

static int
push(const struct step *steps, size_t n, struct remote_put *ret, char complaint[1024],
     struct err *e)
{
	return run(steps, n, false, ret, complaint, e);
}

/* One question each, and nothing that changes anything. */
Test(remote_oci, a_look)
{
	static const struct {
		struct step steps[3];
		size_t n;
		int rc;
		bool changed;
		uint64_t sent, present;
	} cases[] = {
		{ { HEAD_M(HAS("7")) }, 1, 0, false, 0, 7 },
		{ { HEAD_M(NONE), HEAD_B(CONFIG_D, HAS("2")), HEAD_B(FILE_D, NONE) },
		  3,
		  0,
		  true,
		  5,
		  2 },
		{ { HEAD_M(NONE), HEAD_B(CONFIG_D, NONE), HEAD_B(FILE_D, NONE) },
		  3,
		  0,
		  true,
		  7,
		  0 },
		{ { HEAD_M(NONE), HEAD_B(CONFIG_D, OTHER) }, 2, -ERR_DIGEST, false, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct remote_put put;
		struct err e = { 0 };
		char complaint[1024];

		cr_expect_eq(run(cases[i].steps, cases[i].n, true, &put, complaint, &e),
		             cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_str_eq(complaint, "", "%zu: %s", i, complaint);
		if (cases[i].rc < 0)
			continue;
		cr_expect_eq(put.changed, cases[i].changed, "%zu", i);
		cr_expect_eq(put.sent, cases[i].sent, "%zu", i);
		cr_expect_eq(put.present, cases[i].present, "%zu", i);
	}
}

Test(remote_oci, what_is_there_and_what_is_not)
{
	static const struct {
		const char *name;
		struct step steps[7];
		size_t n;
		int rc;
		bool changed;
		const char *named;
	} cases[] = {
		{ "all of it", { HEAD_M(HAS("7")) }, 1, 0, false, "" },
		/* whoever keeps its blobs elsewhere says where: nobody follows, and that is enough
		 */
		{ "blobs that lie elsewhere",
		  { HEAD_M(NONE), HEAD_B(CONFIG_D, HAS("2")), HEAD_B(FILE_D, AWAY),
		    PUT_M("sha256:" MAN_D, 201), GET_M, HEAD_TAG(NONE), PUT_M("v7", 201) },
		  7,
		  0,
		  true,
		  "" },
		{ "a tag that is taken",
		  { HEAD_M(NONE), HEAD_B(CONFIG_D, HAS("2")), HEAD_B(FILE_D, HAS("5")),
		    PUT_M("sha256:" MAN_D, 201), GET_M, HEAD_TAG(HAS("9")) },
		  6,
		  0,
		  true,
		  "" },
		{ "a blob of another size",
		  { HEAD_M(NONE), HEAD_B(CONFIG_D, HAS("2")), HEAD_B(FILE_D, HAS("6")) },
		  3,
		  -ERR_DIGEST,
		  false,
		  "has other bytes under sha256:2cf24dba5fb0" },
		{ "a manifest of another digest",
		  { HEAD_M(OTHER) },
		  1,
		  -ERR_DIGEST,
		  false,
		  "has other bytes" },
		{ "a manifest that lies elsewhere",
		  { HEAD_M(AWAY) },
		  1,
		  -ERR_ROLLOUT_FAILED,
		  false,
		  "status 307" },
		{ "a registry that keeps another manifest",
		  { HEAD_M(NONE),
		    HEAD_B(CONFIG_D, HAS("2")),
		    HEAD_B(FILE_D, HAS("5")),
		    PUT_M("sha256:" MAN_D, 201),
		    { .request = "GET /v2/models/m/manifests/sha256:" MAN_D,
		      .headers = ACCEPT,
		      .status = 200,
		      .reply = "{}" } },
		  5,
		  -ERR_DIGEST,
		  false,
		  "gives another manifest back" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct remote_put put;
		struct err e = { 0 };
		char complaint[1024];
		const int rc = push(cases[i].steps, cases[i].n, &put, complaint, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].name, e.msg);
		cr_expect_eq(put.changed, cases[i].changed, "%s", cases[i].name);
		cr_expect_str_eq(complaint, "", "%s: %s", cases[i].name, complaint);
	}
}

#define UPLOAD    "/v2/m/blobs/uploads/1"
#define AT_UPLOAD "Location: " UPLOAD "\r\nContent-Length: 0\r\n\r\n"
#define OCTETS    "Accept: */*\r\nContent-Type: application/octet-stream\r\n"
#define ASK_BLOB(d, raw)                                                                  \
	{                                                                                 \
		.request = "HEAD /v2/m/blobs/sha256:" d, .headers = ANY, .how = STEP_RAW, \
		.reply = raw                                                              \
	}
#define BEGIN                                                                                   \
	{                                                                                       \
		.request = "POST /v2/m/blobs/uploads/", .headers = ANY "Content-Length: 0\r\n", \
		.how = STEP_RAW, .reply = "HTTP/1.1 202 OK\r\n" AT_UPLOAD                       \
	}
#define SEND(range, text, raw)                                                                \
	{                                                                                     \
		.request = "PATCH " UPLOAD, .headers = OCTETS "Content-Range: " range "\r\n", \
		.body = text, .how = STEP_RAW, .reply = raw                                   \
	}
#define SEND_ALL(d, text, raw)                                                                   \
	{                                                                                        \
		.request = "PUT " UPLOAD "?digest=sha256%3A" d, .headers = OCTETS, .body = text, \
		.how = STEP_RAW, .reply = raw                                                    \
	}
#define DONE "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"
#define HOW_FAR(range)                                                         \
	{                                                                      \
		.request = "GET " UPLOAD, .headers = ANY, .how = STEP_RAW,     \
		.reply = "HTTP/1.1 204 OK\r\nRange: 0-" range "\r\n" AT_UPLOAD \
	}
#define CLOSE(d, raw)                                                                    \
	{                                                                                \
		.request = "PUT " UPLOAD "?digest=sha256%3A" d,                          \
		.headers = OCTETS "Content-Length: 0\r\n", .how = STEP_RAW, .reply = raw \
	}

static int
put_blob(const struct step *steps, size_t n, const struct blob *b, struct remote_put *ret,
         char complaint[1024], struct err *e)
{
	struct server *const server = server_start(steps, n);
	const struct remote_options o = { 0 };
	struct oci s = { 0 };
	uint64_t done = 0;
	int rc = oci_connect(&s, server_url(server) + strlen("http://"), "m", &o, e);

	if (rc == 0)
		rc = oci_use(&s, "m", e);
	if (rc == 0)
		rc = oci_put_blob(&s, "m", b, &done, b->size, ret, e);
	if (rc == 0)
		cr_expect_eq(done, b->size);
	oci_disconnect(&s);
	server_end(server, complaint, 1024);
	return rc;
}

/* A blob goes in one request that ends its upload too. When nobody answers it, the blob itself says
 * whether it has come, and then the registry how far it has. */
Test(remote_oci, one_request_and_its_answer)
{
	static const struct {
		struct step steps[8];
		size_t n;
		int rc;
	} cases[] = {
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, DONE),
		    ASK_BLOB(FILE_D, HAS("5")) },
		  4,
		  0 },
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, DONE),
		    ASK_BLOB(FILE_D, NONE) },
		  4,
		  -ERR_DIGEST },
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, ""),
		    ASK_BLOB(FILE_D, HAS("5")), ASK_BLOB(FILE_D, HAS("5")) },
		  5,
		  0 },
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, ""),
		    ASK_BLOB(FILE_D, NONE), HOW_FAR("4"), CLOSE(FILE_D, DONE),
		    ASK_BLOB(FILE_D, HAS("5")) },
		  7,
		  0 },
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, ""),
		    ASK_BLOB(FILE_D, NONE), HOW_FAR("4"), CLOSE(FILE_D, ""),
		    ASK_BLOB(FILE_D, HAS("5")) },
		  7,
		  0 },
		{ { ASK_BLOB(FILE_D, NONE), BEGIN, SEND_ALL(FILE_D, FILE_T, ""),
		    ASK_BLOB(FILE_D, NONE), HOW_FAR("4"), CLOSE(FILE_D, ""),
		    ASK_BLOB(FILE_D, NONE) },
		  7,
		  -ERR_OUTCOME_UNKNOWN },
	};
	struct blob b = { .name = "f", .size = strlen(FILE_T), .text = str_of(FILE_T) };

	cr_assert_eq(digest_parse(&b.digest, FILE_D, 64), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct remote_put put = { 0 };
		struct err e = { 0 };
		char complaint[1024];

		cr_expect_eq(put_blob(cases[i].steps, cases[i].n, &b, &put, complaint, &e),
		             cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_str_eq(complaint, "", "%zu: %s", i, complaint);
		if (cases[i].rc == 0)
			cr_expect_eq(put.sent, b.size, "%zu", i);
	}
}

/* What is not what it is said to be never has a last byte there, small or hashed by the thread. */
Test(remote_oci, other_bytes)
{
	static const size_t sizes[] = { 5, 7 << 20 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		cleanup_free char *text = xmalloc(sizes[i] + 1);
		struct blob b = { .name = "f", .size = sizes[i], .text = { text, sizes[i] } };
		const struct step steps[] = {
			ASK_BLOB(FILE_D, NONE),
			BEGIN,
			/* of the PUT between them no whole body came */
			{ .request = "DELETE " UPLOAD,
			  .headers = ANY "Content-Length: 0\r\n",
			  .how = STEP_RAW,
			  .reply = "HTTP/1.1 204 OK\r\n\r\n" },
		};
		struct remote_put put = { 0 };
		struct err e = { 0 };
		char complaint[1024];

		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		cr_assert_eq(digest_parse(&b.digest, FILE_D, 64), 0);
		cr_expect_eq(put_blob(steps, COUNT(steps), &b, &put, complaint, &e), -ERR_DIGEST,
		             "%s", e.msg);
		cr_expect(strstr(e.msg, "\"f\" has other bytes than the version says"), "%s",
		          e.msg);
		cr_expect_str_eq(complaint, "", "%.300s", complaint);
		cr_expect_eq(put.sent, 0);
	}
}

/* Of a long blob over a bad line each piece counts. */
Test(remote_oci, many_cuts_that_get_on)
{
	enum { MIB = 1 << 20, SIZE = 5 * MIB + 1 };
	char *const text = xmalloc(SIZE + 1);
	struct blob b = { .name = "f", .size = SIZE, .text = { text, SIZE } };
	struct remote_put put = { 0 };
	struct err e = { 0 };
	char hex[DIGEST_HEX_SIZE], complaint[1024];

	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	digest_small(text, SIZE, &b.digest);
	digest_hex(&b.digest, hex);
	cleanup_free char *ask = xasprintf("HEAD /v2/m/blobs/sha256:%s", hex);
	cleanup_free char *end = xasprintf("PUT " UPLOAD "?digest=sha256%%3A%s", hex);
	const struct step steps[] = {
		{ .request = ask, .headers = ANY, .how = STEP_RAW, .reply = NONE },
		BEGIN,
		{ .request = end, .headers = OCTETS, .body = text, .how = STEP_RAW, .reply = "" },
		{ .request = ask, .headers = ANY, .how = STEP_RAW, .reply = NONE },
		HOW_FAR("1048575"),
		SEND("1048576-5242880", text + MIB, ""),
		HOW_FAR("2097151"),
		SEND("2097152-5242880", text + 2 * MIB, ""),
		HOW_FAR("3145727"),
		SEND("3145728-5242880", text + 3 * MIB, ""),
		HOW_FAR("4194303"),
		SEND("4194304-5242880", text + 4 * MIB, ""),
		HOW_FAR("5242879"),
		SEND("5242880-5242880", text + 5 * MIB, "HTTP/1.1 202 OK\r\n" AT_UPLOAD),
		{ .request = end,
		  .headers = OCTETS "Content-Length: 0\r\n",
		  .how = STEP_RAW,
		  .reply = DONE },
		{ .request = ask, .headers = ANY, .how = STEP_RAW, .reply = HAS("5242881") },
	};

	cr_expect_eq(put_blob(steps, COUNT(steps), &b, &put, complaint, &e), 0, "%s", e.msg);
	cr_expect_str_eq(complaint, "", "%.300s", complaint);
	cr_expect_eq(put.sent, b.size);
	free(text);
}

Test(remote_oci, which_hosts_are_this_machine)
{
	static const struct {
		const char *host;
		bool is_plain;
	} cases[] = {
		{ "127.0.0.1:1", true },
		{ "localhost", true },
		{ "localhost:1", true },
		{ "[::1]:1", true },
		{ "[::1]", true },
		{ "127.x.example.invalid", false },
		{ "localhost.example.invalid:1", false },
		{ "192.0.2.1:1", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct remote_driver *const d = remote_driver_find("oci://x");
		cleanup_free char *address = xasprintf("oci://%s/models", cases[i].host);
		cleanup_free void *st = xcalloc(1, d->state_size);
		const struct remote_options o = { 0 };
		char detail[256];
		struct err e = { 0 };

		cr_assert_eq(d->open(st, address, &o, &e), 0);
		(void)d->probe(st, detail, &e);
		cr_expect_eq(strstr(e.msg, "https://") == NULL, cases[i].is_plain, "%s: %s",
		             cases[i].host, e.msg);
		d->close(st);
	}
}

/* Tokens and keys of clouds have thousands of characters. */
Test(remote_oci, a_long_credential)
{
	enum { LONG = 6000 };
	cleanup_buf struct buf text = { 0 };
	char helper[64], *user = NULL, *password = NULL;
	struct err e = { 0 };

	buf_adds(&text, "{\"auths\":{\"h\":{\"auth\":\"dTpw"); /* "u:p", "xyz", "xyz" .. */
	for (size_t i = 0; i < LONG; i += 3)
		buf_adds(&text, "eHl6");
	buf_adds(&text, "\"}}}");
	cr_assert_eq(oci_credential_find(buf_str(&text), "h", "m", &user, &password, helper, &e), 0,
	             "%s", e.msg);
	cr_expect_str_eq(user, "u");
	cr_expect_eq(strlen(password), 1 + LONG);
	cr_expect(has_prefix(password, "pxyzxyz"));
	free(user);
	free(password);
}

static void
put_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(AT_FDCWD, path, text, strlen(text), mode, &e), 0, "%s", e.msg);
}

/* A folder of credentials and helpers, as the environment names them. */
static void
home_make(char dir[32])
{
	(void)str_copy(dir, 32, "/tmp/slipway-oci-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cleanup_free char *containers = xasprintf("%s/containers", dir);
	cleanup_free char *path = xasprintf("%s:%s", dir, getenv("PATH"));
	cr_assert_eq(mkdir(containers, 0700), 0);
	cr_assert_eq(setenv("PATH", path, 1) | setenv("XDG_RUNTIME_DIR", dir, 1) |
	                     setenv("DOCKER_CONFIG", dir, 1) | unsetenv("REGISTRY_AUTH_FILE"),
	             0);
}

static const char *
ask(const char *host, char ret[512])
{
	struct oci_auth *a = NULL;
	struct http *h = NULL;
	const struct http_options o = { 0 };
	struct err e = { 0 };
	const struct remote_options none = { 0 };
	int rc = oci_auth_new(&none, host, "m", &a, &e);

	cr_assert_eq(http_new(&o, &h, &(struct err){ 0 }), 0);
	if (rc == 0)
		rc = oci_auth_answer(a, h, str_of("Basic"), true, &e);
	(void)snprintf(ret, 512, "%s", rc == 0 ? oci_auth_header(a) : e.msg);
	oci_auth_free(a);
	http_free(h);
	return ret;
}

static int
nobody_waits(void *arg, struct err *e)
{
	return err_set(e, ERR_CANCELLED, "nobody waits any more");
}

/* A helper that asks somebody, and a token server that says nothing, hold nobody. */
Test(remote_oci, a_credential_that_nobody_waits_for, .timeout = 100)
{
	static const struct step silent[] = {
		{ .request = "GET /?service=&scope=repository%3Am%3Apull",
		  .headers = "Accept: */*\r\n",
		  .how = STEP_SILENT },
	};
	const struct remote_options o = { .check = nobody_waits };
	const struct http_options h = { 0 };
	struct server *s = server_start(silent, COUNT(silent));
	cleanup_free char *challenge = xasprintf("Bearer realm=\"%s/\"", server_url(s));
	struct oci_auth *a = NULL;
	struct http *http = NULL;
	struct err e = { 0 };
	char dir[32], complaint[1024];

	home_make(dir);
	put_file(dir, "config.json", "{\"credsStore\":\"slow\"}", 0600);
	put_file(dir, "docker-credential-slow", "#!/bin/sh\nsleep 120\n", 0700);
	cr_expect_eq(oci_auth_new(&o, "h", "m", &a, &e), -ERR_CANCELLED, "%s", e.msg);

	put_file(dir, "config.json", "{}", 0600);
	err_clear(&e);
	cr_assert_eq(oci_auth_new(&o, "h", "m", &a, &e), 0, "%s", e.msg);
	cr_assert_eq(http_new(&h, &http, &e), 0, "%s", e.msg);
	cr_expect_eq(oci_auth_answer(a, http, str_of(challenge), false, &e), -ERR_CANCELLED, "%s",
	             e.msg);
	oci_auth_free(a);
	http_free(http);
	server_end(s, complaint, sizeof complaint);
}

Test(remote_oci, credentials_of_files_and_helpers)
{
	char dir[32], got[512];

	home_make(dir);
	/* podman's file says nothing of that host: docker's is asked */
	put_file(dir, "containers/auth.json", "{\"auths\":{\"other\":{\"auth\":\"eDp5\"}}}", 0600);
	put_file(dir, "config.json",
	         "{\"auths\":{\"h\":{\"auth\":\"dTpw\"}},\"credHelpers\":"
	         "{\"knows\":\"good\",\"not\":\"none\",\"bad\":\"bad\","
	         "\"slow\":\"gone\",\"half\":\"half\"}}",
	         0600);
	put_file(dir, "docker-credential-good",
	         "#!/bin/sh\n[ \"$(cat)\" = knows ] && echo "
	         "'{\"Username\":\"u\",\"Secret\":\"p\"}'\n",
	         0700);
	put_file(dir, "docker-credential-none",
	         "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n", 0700);
	put_file(dir, "docker-credential-half",
	         "#!/bin/sh\necho 'exec: \"pass\": executable file not found in $PATH'\nexit 1\n",
	         0700);
	put_file(dir, "docker-credential-bad", "#!/bin/sh\necho the vault is locked\nexit 1\n",
	         0700);
	cr_expect_str_eq(ask("h", got), "Authorization: Basic dTpw");
	cr_expect_str_eq(ask("other", got), "Authorization: Basic eDp5");
	cr_expect_str_eq(ask("knows", got), "Authorization: Basic dTpw");
	cr_expect(strstr(ask("not", got), "wants a user and a password"), "%s", got);
	cr_expect(strstr(ask("bad", got), "the vault is locked"), "%s", got);
	cr_expect(strstr(ask("slow", got), "cannot run the credential helper"), "%s", got);
	cr_expect(strstr(ask("half", got), "executable file not found"), "%s", got);
	/* who names a file means it */
	cr_assert_eq(setenv("REGISTRY_AUTH_FILE", "/nonexistent/auth.json", 1), 0);
	cr_expect(strstr(ask("h", got), "/nonexistent/auth.json"), "%s", got);
}
