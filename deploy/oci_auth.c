/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are at an OCI registry. Reads the person's files, runs the helpers that they name. */
#include "deploy/oci_auth.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "crypto/base64.h"
#include "deploy/program.h"
#include "deploy/secret.h"
#include "registry/base/fs.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define TOKEN_HELPER   "<token>" /* what a helper gives for a user when the password is a token */

struct oci_auth {
	const struct remote_options *o;
	char *repo;
	char *user, *password; /* NULL: none; user "<token>": an identity token */
	char *header;          /* NULL: none */
};

/* --- challenges --- */

static bool
take_param(const char *p, size_t n, const char *key, char *ret, size_t size)
{
	const size_t len = strlen(key);

	if (n < len + 2 || strncasecmp(p, key, len) != 0 || p[len] != '=')
		return false;
	p += len + 1;
	n -= len + 1;
	if (n >= 2 && p[0] == '"' && p[n - 1] == '"') {
		p++;
		n -= 2;
	}
	if (n >= size || memchr(p, '"', n) || memchr(p, '\\', n))
		return false;
	memcpy(ret, p, n);
	ret[n] = '\0';
	return true;
}

/* To the comma that ends this parameter: those between quotes end none. */
static size_t
param_length(const char *p, size_t n)
{
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"')
			quoted = !quoted;
		if (p[i] == ',' && !quoted)
			return i;
	}
	return n;
}

int
oci_challenge_parse(struct str s, struct oci_challenge *ret)
{
	*ret = (struct oci_challenge){ 0 };
	if (s.n >= 5 && strncasecmp(s.p, "basic", 5) == 0 && (s.n == 5 || s.p[5] == ' '))
		return 0;
	if (s.n < 7 || strncasecmp(s.p, "bearer ", 7) != 0)
		return -1;
	ret->is_bearer = true;
	s.p += 7;
	s.n -= 7;
	while (s.n > 0) {
		const size_t n = param_length(s.p, s.n);
		const char *p = s.p;
		size_t len = n;

		while (len > 0 && (*p == ' ' || *p == '\t')) {
			p++;
			len--;
		}
		if (!take_param(p, len, "realm", ret->realm, sizeof ret->realm))
			(void)take_param(p, len, "service", ret->service, sizeof ret->service);
		s.p += n < s.n ? n + 1 : n;
		s.n -= n < s.n ? n + 1 : n;
	}
	return ret->realm[0] ? 0 : -1;
}

/* --- credential files --- */

/* "dXNlcjpwYXNz"; RFC 7617 without its scheme. */
static int
split_auth(const char *text, char **ret_user, char **ret_password)
{
	const size_t size = strlen(text); /* a cloud's token or key has thousands */
	char *const plain = xcalloc(1, size + 1);
	const char *colon = NULL;
	size_t n = 0;

	if (base64_read((uint8_t *)plain, size, &n, text, size, NULL,
	                sodium_base64_VARIANT_ORIGINAL) == 0)
		colon = memchr(plain, ':', n);
	if (colon && !memchr(plain, '\0', n)) {
		*ret_user = xstrndup(plain, (size_t)(colon - plain));
		*ret_password = xstrndup(colon + 1, n - (size_t)(colon - plain) - 1);
	}
	explicit_bzero(plain, size);
	free(plain);
	return *ret_user ? 0 : -1;
}

/* "https://host/v1/" of old files means "host". */
static bool
is_host_key(const char *key, const char *host)
{
	const size_t n = strlen(host);

	if (has_prefix(key, "https://"))
		key += strlen("https://");
	else if (has_prefix(key, "http://"))
		key += strlen("http://");
	else
		return streq(key, host);
	return strncmp(key, host, n) == 0 && (key[n] == '\0' || key[n] == '/');
}

/* host/a/b before host/a before host. */
static const json_t *
entry_of(const json_t *auths, const char *host, const char *repo)
{
	cleanup_free char *key = xasprintf("%s/%s", host, repo);
	const char *name;
	json_t *v;

	for (char *slash; (slash = strrchr(key, '/')); *slash = '\0') {
		v = json_object_get(auths, key);
		if (v)
			return v;
	}
	json_object_foreach((json_t *)(uintptr_t)auths, name, v)
	{
		if (is_host_key(name, host))
			return v;
	}
	return NULL;
}

static int
take_entry(const json_t *v, const char *host, char **ret_user, char **ret_password, struct err *e)
{
	const char *const auth = json_opt_string(v, "auth");
	const char *const token = json_opt_string(v, "identitytoken");

	if (token && *token) {
		*ret_user = xstrdup(TOKEN_HELPER);
		*ret_password = xstrdup(token);
		return 0;
	}
	if (!auth || !*auth)
		return 0; /* docker leaves an empty entry for what a helper keeps */
	if (split_auth(auth, ret_user, ret_password) < 0)
		return err_set(e, ERR_MALFORMED, "the credential of \"%s\" is malformed", host);
	return 0;
}

int
oci_credential_find(struct str text, const char *host, const char *repo, char **ret_user,
                    char **ret_password, char helper[64], struct err *e)
{
	cleanup_json json_t *j = NULL;
	const char *name;
	const json_t *v;

	*ret_user = *ret_password = NULL;
	helper[0] = '\0';
	/* no piece of it in a message: it holds secrets */
	if (json_parse(text, "it", &j, e) < 0 || !json_is_object(j)) {
		err_clear(e);
		return err_set(e, ERR_MALFORMED, "it is no JSON object");
	}
	name = json_opt_string(json_object_get(j, "credHelpers"), host);
	v = entry_of(json_object_get(j, "auths"), host, repo);
	if (!name && v && take_entry(v, host, ret_user, ret_password, e) < 0)
		return -(int)e->code;
	if (!name && !*ret_user)
		name = json_opt_string(j, "credsStore");
	if (name && (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(name) ||
	             str_copy(helper, 64, name) < 0))
		return err_set(e, ERR_MALFORMED, "\"%.40s\" is no name of a credential helper",
		               name);
	return 0;
}

/* The helper is told the host on stdin; what it does not know it says with status 1. */
static int
ask_helper(const char *helper, const char *host, struct oci_auth *a, struct err *e)
{
	cleanup_free char *program = xasprintf("docker-credential-%s", helper);
	char get[] = "get";
	char *argv[] = { program, get, NULL };
	const struct program p = { .argv = argv,
		                   .input = host,
		                   .what = "credential helper",
		                   .fails_on_stdout = true,
		                   .check = a->o->check,
		                   .check_arg = a->o->arg };
	cleanup_json json_t *j = NULL;
	struct buf said = { 0 };
	struct err bad = { 0 };
	int rc = program_run(&p, &said, e);

	/* "credentials not found in native keychain"; a program may be "not found" just as well */
	if (rc < 0 && strstr(e->msg, "credentials not found")) {
		err_clear(e);
		rc = 0;
	} else if (rc == 0 && json_parse(buf_str(&said), "it", &j, &bad) == 0 &&
	           json_opt_string(j, "Username") && json_opt_string(j, "Secret")) {
		a->user = xstrdup(json_opt_string(j, "Username"));
		a->password = xstrdup(json_opt_string(j, "Secret"));
	} else if (rc == 0) {
		rc = err_set(e, ERR_MALFORMED, "\"%s\" gives no credential", program);
	}
	secret_wipe_buf(&said);
	return rc;
}

static int
read_credential(struct oci_auth *a, const char *path, const char *host, struct err *e)
{
	struct buf text = { 0 };
	char helper[64] = "";
	int rc = fs_read_at(AT_FDCWD, path, FILE_MAX_BYTES, &text, e);

	if (rc == 0) {
		rc = oci_credential_find(buf_str(&text), host, a->repo, &a->user, &a->password,
		                         helper, e);
		if (rc < 0)
			err_prefix(e, "credential file \"%s\"", path);
	}
	secret_wipe_buf(&text);
	return rc == 0 && helper[0] && !a->user ? ask_helper(helper, host, a, e) : rc;
}

/* podman's, then docker's; one that is not there says nothing. */
static int
read_usual(struct oci_auth *a, const char *host, struct err *e)
{
	const char *const runtime = getenv("XDG_RUNTIME_DIR"),
	                  *const docker = getenv("DOCKER_CONFIG"), *const home = getenv("HOME");
	char *const places[] = {
		runtime ? xasprintf("%s/containers/auth.json", runtime) : NULL,
		docker ? xasprintf("%s/config.json", docker)
		: home ? xasprintf("%s/.docker/config.json", home)
		       : NULL,
	};
	int rc = 0;

	for (size_t i = 0; i < COUNT(places); i++) {
		if (rc == 0 && !a->user && places[i])
			rc = read_credential(a, places[i], host, e);
		if (rc == -ERR_NOT_FOUND) {
			err_clear(e);
			rc = 0;
		}
		free(places[i]);
	}
	return rc;
}

int
oci_auth_new(const struct remote_options *o, const char *host, const char *repo,
             struct oci_auth **ret, struct err *e)
{
	struct oci_auth *const a = xcalloc(1, sizeof *a);
	const char *const named = o->credentials ? o->credentials : getenv("REGISTRY_AUTH_FILE");
	int rc;

	a->o = o;
	a->repo = xstrdup(repo);
	rc = named ? read_credential(a, named, host, e) : read_usual(a, host, e);
	if (rc < 0)
		oci_auth_free(a);
	else
		*ret = a;
	return rc;
}

struct oci_auth *
oci_auth_copy(const struct oci_auth *a, const struct remote_options *o)
{
	struct oci_auth *const c = xcalloc(1, sizeof *c);

	c->o = o;
	c->repo = xstrdup(a->repo);
	c->user = a->user ? xstrdup(a->user) : NULL;
	c->password = a->password ? xstrdup(a->password) : NULL;
	c->header = a->header ? xstrdup(a->header) : NULL;
	return c;
}

void
oci_auth_free(struct oci_auth *a)
{
	if (!a)
		return;
	free(a->repo);
	secret_wipe(&a->user);
	secret_wipe(&a->password);
	secret_wipe(&a->header);
	free(a);
}

/* --- answers --- */

bool
oci_auth_is_known(const struct oci_auth *a)
{
	return a->user != NULL;
}

const char *
oci_auth_header(const struct oci_auth *a)
{
	return a->header;
}

static char *
basic_header(const struct oci_auth *a)
{
	char *basic = secret_basic(a->user, a->password);
	char *const ret = xasprintf("Authorization: %s", basic);

	secret_wipe(&basic);
	return ret;
}

static int
take_token(struct oci_auth *a, const json_t *j, struct err *e)
{
	const char *token = json_opt_string(j, "token");

	if (!token)
		token = json_opt_string(j, "access_token");
	if (!token || !secret_is_token(str_of(token)))
		return err_set(e, ERR_MALFORMED, "the token server gives no token");
	secret_wipe(&a->header);
	a->header = xasprintf("Authorization: Bearer %s", token);
	return 0;
}

/* GET realm?service=..&scope=.. with Basic, or POST with the identity token. */
static int
ask_token(struct oci_auth *a, struct http *h, const struct oci_challenge *c, bool push,
          struct err *e)
{
	const bool is_identity = a->user && streq(a->user, TOKEN_HELPER);
	char *basic = a->user && !is_identity ? basic_header(a) : NULL;
	const char *const headers[] = { basic, NULL };
	cleanup_response struct http_response r = { 0 };
	struct buf query = { 0 };
	cleanup_free char *url = NULL;
	cleanup_json json_t *j = NULL;
	struct http_request q = { .method = "GET",
		                  .headers = headers,
		                  .safe_to_repeat = true,
		                  .check = a->o->check,
		                  .check_arg = a->o->arg };
	int rc;

	buf_adds(&query, "service=");
	http_escape(&query, c->service);
	buf_adds(&query, "&scope=repository%3A");
	http_escape(&query, a->repo);
	buf_adds(&query, push ? "%3Apull%2Cpush" : "%3Apull");
	if (is_identity) {
		buf_adds(&query, "&grant_type=refresh_token&client_id=slipway&refresh_token=");
		http_escape(&query, a->password);
		q.method = "POST";
		q.content_type = "application/x-www-form-urlencoded";
		q.body = buf_str(&query);
		url = xstrdup(c->realm);
	} else {
		url = xasprintf("%s%c%s", c->realm, strchr(c->realm, '?') ? '&' : '?',
		                buf_cstr(&query));
	}
	q.url = url;
	rc = http_perform(h, &q, &r, e);
	if (rc == 0)
		rc = http_check(&q, &r, e);
	if (rc == 0)
		rc = http_json(&q, &r, &j, e);
	if (rc == 0)
		rc = take_token(a, j, e);
	secret_wipe(&basic);
	secret_wipe_buf(&query);
	secret_wipe_buf(&r.body);
	return rc;
}

int
oci_auth_answer(struct oci_auth *a, struct http *h, struct str challenge, bool push, struct err *e)
{
	struct oci_challenge c;

	if (!challenge.p || oci_challenge_parse(challenge, &c) < 0)
		return err_set(e, ERR_DENIED,
		               "the registry refuses us and does not say what it wants");
	if (c.is_bearer)
		return ask_token(a, h, &c, push, e);
	if (!a->user || streq(a->user, TOKEN_HELPER) || a->header) {
		err_set(e, ERR_DENIED, "%s",
		        a->header ? "the registry refuses the credential"
		                  : "the registry wants a user and a password");
		return err_hint(e, "docker login or podman login keeps them where they are found");
	}
	a->header = basic_header(a);
	return 0;
}
