/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the client believes over TLS: certificates made on the spot, one right and each of the
 * others wrong in one way, served by a child that answers a single request.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/http.h"

#define DAY 86400L

TestSuite(http_tls);

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

/* Self-signed, so that it is its own CA. */
static struct identity
identity_new(const char *alt_name, long from_s, long to_s)
{
	struct identity id = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
	X509V3_CTX ctx;
	X509_EXTENSION *x;

	cr_assert(id.key && id.cert);
	(void)X509_set_version(id.cert, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(id.cert), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(id.cert), from_s);
	(void)X509_gmtime_adj(X509_getm_notAfter(id.cert), to_s);
	(void)X509_set_pubkey(id.cert, id.key);
	/* the right name, but in a place that must not count */
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_ASC,
	                                 (const unsigned char *)"127.0.0.1", -1, -1, 0);
	(void)X509_set_issuer_name(id.cert, X509_get_subject_name(id.cert));
	X509V3_set_ctx(&ctx, id.cert, id.cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alt_name);
	cr_assert_not_null(x);
	(void)X509_add_ext(id.cert, x, -1);
	X509_EXTENSION_free(x);
	cr_assert(X509_sign(id.cert, id.key, EVP_sha256()) > 0);
	return id;
}

static void
identity_free(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

/* client: the only one that is let in; NULL: anybody. */
static void
serve(int listener, const struct identity *id, const struct identity *client)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl = SSL_new(ctx);
	char request[1024];

	if (client) {
		(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client->cert);
		SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	(void)SSL_use_certificate(ssl, id->cert);
	(void)SSL_use_PrivateKey(ssl, id->key);
	(void)SSL_set_fd(ssl, accept(listener, NULL, NULL));
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0)
		(void)SSL_write(ssl, answer, sizeof(answer) - 1);
	(void)pause(); /* the connection stays until the test ends this process */
}

static pid_t
serve_in_child(const struct identity *id, const struct identity *client, unsigned *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 4) == 0 &&
	          getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*ret_port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, id, client);
	}
	(void)close(fd);
	return pid;
}

static void
write_ca(const char *path, const struct identity *id)
{
	FILE *f = fopen(path, "we");

	cr_assert_not_null(f);
	(void)PEM_write_X509(f, id->cert);
	(void)fclose(f);
}

Test(http_tls, trust)
{
	enum ca { OWN, OTHER, SYSTEM, MISSING };
	static const struct {
		const char *name, *alt_name;
		long from_s, to_s;
		enum ca ca;
		int rc;
	} cases[] = {
		{ "right", "IP:127.0.0.1", -DAY, DAY, OWN, 0 },
		{ "signed by nobody known", "IP:127.0.0.1", -DAY, DAY, SYSTEM, -ERR_DENIED },
		{ "another CA", "IP:127.0.0.1", -DAY, DAY, OTHER, -ERR_DENIED },
		{ "another name", "DNS:example.org", -DAY, DAY, OWN, -ERR_DENIED },
		{ "expired", "IP:127.0.0.1", -2 * DAY, -DAY, OWN, -ERR_DENIED },
		{ "not yet", "IP:127.0.0.1", DAY, 2 * DAY, OWN, -ERR_DENIED },
		{ "no such CA file", "IP:127.0.0.1", -DAY, DAY, MISSING, -ERR_USAGE },
	};
	struct identity other = identity_new("IP:127.0.0.1", -DAY, DAY);
	char dir[] = "/tmp/slipway-tls-XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity id =
		        identity_new(cases[i].alt_name, cases[i].from_s, cases[i].to_s);
		cleanup_free char *ca = xasprintf("%s/ca.pem", dir);
		struct http_options o = { .ca_file = cases[i].ca == SYSTEM ? NULL : ca };
		struct http_response r = { 0 };
		struct http *h = NULL;
		struct err e = { 0 };
		char url[64];
		unsigned port;
		const pid_t pid = serve_in_child(&id, NULL, &port);
		int rc;

		write_ca(ca, cases[i].ca == OTHER ? &other : &id);
		if (cases[i].ca == MISSING)
			(void)unlink(ca);
		(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
		const struct http_request q = { .method = "POST", .url = url, .timeout_ms = 10000 };

		cr_assert_eq(http_new(&o, &h, &e), 0);
		rc = http_perform(h, &q, &r, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect_eq(r.status, rc == 0 ? 200 : 0, "%s", cases[i].name);
		http_response_fini(&r);
		http_free(h);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		(void)unlink(ca);
		identity_free(&id);
	}
	identity_free(&other);
	(void)rmdir(dir);
}

static struct str
pem_of(const struct identity *id, bool key, char ret[4096])
{
	BIO *b = BIO_new(BIO_s_mem());
	int n;

	if (key)
		(void)PEM_write_bio_PrivateKey(b, id->key, NULL, NULL, 0, NULL, NULL);
	else
		(void)PEM_write_bio_X509(b, id->cert);
	n = BIO_read(b, ret, 4095);
	cr_assert(n > 0);
	ret[n] = '\0';
	BIO_free(b);
	return (struct str){ ret, (size_t)n };
}

/* What a kubeconfig says: trust and a client certificate as texts, another name, no check at all.
 */
Test(http_tls, texts_names_and_client_certificates)
{
	enum { NO_CERT = 0, RIGHT = 1, WRONG = 2 };
	static const struct {
		const char *name, *alt_name, *server_name;
		bool other_ca, skip_verify, asks_client;
		int cert, rc;
		const char *named;
	} cases[] = {
		{ "text", "IP:127.0.0.1", NULL, false, false, false, NO_CERT, 0, "" },
		{ "another text", "IP:127.0.0.1", NULL, true, false, false, NO_CERT, -ERR_DENIED,
		  "cannot trust" },
		{ "no check", "DNS:example.org", NULL, true, true, false, NO_CERT, 0, "" },
		{ "another name", "DNS:example.org", "example.org", false, false, false, NO_CERT, 0,
		  "" },
		{ "not that name", "DNS:example.org", "example.net", false, false, false, NO_CERT,
		  -ERR_DENIED, "cannot trust" },
		{ "not the address", "IP:127.0.0.1", "example.org", false, false, false, NO_CERT,
		  -ERR_DENIED, "cannot trust" },
		{ "let in", "IP:127.0.0.1", NULL, false, false, true, RIGHT, 0, "" },
		{ "let in by another name", "DNS:example.org", "example.org", false, false, true,
		  RIGHT, 0, "" },
		{ "a stranger", "IP:127.0.0.1", NULL, false, false, true, WRONG, -ERR_DENIED,
		  "refuses the client certificate" },
	};
	struct identity other = identity_new("IP:127.0.0.1", -DAY, DAY);
	struct identity client = identity_new("DNS:client", -DAY, DAY);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity id = identity_new(cases[i].alt_name, -DAY, DAY);
		const struct identity *const me = cases[i].cert == WRONG ? &other : &client;
		char ca[4096], cert[4096], key[4096], url[64];
		struct http_options o = {
			.ca_pem = pem_of(cases[i].other_ca ? &other : &id, false, ca),
			.server_name = cases[i].server_name,
			.skip_verify = cases[i].skip_verify,
		};
		struct http_response r = { 0 };
		struct http *h = NULL;
		struct err e = { 0 };
		unsigned port;
		const pid_t pid = serve_in_child(&id, cases[i].asks_client ? &client : NULL, &port);
		int rc;

		if (cases[i].cert != NO_CERT) {
			o.cert_pem = pem_of(me, false, cert);
			o.key_pem = pem_of(me, true, key);
		}
		(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
		const struct http_request q = { .method = "POST", .url = url, .timeout_ms = 10000 };

		cr_assert_eq(http_new(&o, &h, &e), 0);
		rc = http_perform(h, &q, &r, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].name, e.msg);
		http_response_fini(&r);
		http_free(h);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		identity_free(&id);
	}
	identity_free(&other);
	identity_free(&client);
}
