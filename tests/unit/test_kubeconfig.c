/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig as kubectl reads it: a table of texts, then files in lists, paths relative to their
 * own file, the service account of a pod, and YAML that was made to hurt.
 */
#include "deploy/kubeconfig.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/kubeconfig_private.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"

TestSuite(kubeconfig);

/* "ABC" in armour is a certificate as far as this module looks, "Zm9v" a key */
#define CA     "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
#define KEY    "-----BEGIN EC PRIVATE KEY-----\nZm9v\n-----END EC PRIVATE KEY-----\n"
#define CA_B64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClFVSkQKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY_B64 \
	"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tClptOXYKLS0tLS1FTkQgRUMgUFJJVkFURSBLRVktLS0tLQo="
#define ABC_SHA "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78"

#define HEAD               "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
#define CONTEXT            "contexts:\n- name: c\n  context: {cluster: k, user: u}\n"
#define CLUSTER(rest)      "clusters:\n- name: k\n  cluster: {" rest "}\n"
#define USER(rest)         "users:\n- name: u\n  user: {" rest "}\n"
#define SERVER             "server: 'https://h:6443'"
#define WITH_CLUSTER(rest) HEAD CONTEXT CLUSTER(rest) USER("")
#define WITH_USER(rest)    HEAD CONTEXT CLUSTER(SERVER) USER(rest)
#define EXEC(rest)         WITH_USER("exec: {command: x, " rest "}")
#define V1                 "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
#define V1BETA1            "apiVersion: client.authentication.k8s.io/v1beta1"

static char *
list_text(char *const *v)
{
	struct buf b = { 0 };

	for (size_t i = 0; v && v[i]; i++)
		buf_addf(&b, "%s%s", i ? "|" : "", v[i]);
	(void)buf_cstr(&b);
	return b.p ? buf_steal(&b) : xstrdup("");
}

/* One member as text; "" for NULL. */
static char *
member(const struct kubeconfig *c, const char *name)
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "context", c->context },
		{ "cluster", c->cluster },
		{ "user", c->user },
		{ "ns", c->ns },
		{ "server", c->server },
		{ "ca", c->ca_pem },
		{ "name", c->server_name },
		{ "proxy", c->proxy },
		{ "cert", c->cert_pem },
		{ "key", c->key_pem },
		{ "token", c->token },
		{ "file", c->token_file },
		{ "username", c->username },
		{ "password", c->password },
		{ "as", c->as },
		{ "uid", c->as_uid },
		{ "origin", c->origin },
		{ "skip", c->skip_verify ? "true" : "false" },
		{ "command", c->exec ? c->exec->command : NULL },
		{ "hint", c->exec ? c->exec->install_hint : NULL },
		{ "info", c->exec && c->exec->provide_cluster_info ? "true" : "false" },
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (streq(texts[i].name, name))
			return xstrdup(texts[i].value ? texts[i].value : "");
	if (streq(name, "mode"))
		return xasprintf("%d", c->exec ? (int)c->exec->interactive : -1);
	if (streq(name, "groups"))
		return list_text(c->as_groups);
	if (streq(name, "extra"))
		return list_text(c->as_extra);
	if (streq(name, "args"))
		return list_text(c->exec ? c->exec->args : NULL);
	cr_assert_str_eq(name, "env");
	return list_text(c->exec ? c->exec->env : NULL);
}

static const struct {
	const char *text;
	const char *context;
	enum err_code code;
	const char *member, *expected; /* of an error: part of message or hint is expected */
} cases[] = {
	{ WITH_USER(""), NULL, ERR_OK, "server", "https://h:6443" },
	{ WITH_USER(""), NULL, ERR_OK, "ns", "default" },
	{ WITH_USER(""), "c", ERR_OK, "context", "c" },
	{ WITH_USER(""), NULL, ERR_OK, "origin", "text" },
	{ WITH_USER("") "extensions: [{name: a, extension: {b: [1, 2]}}]\n", NULL, ERR_OK, "user",
	  "u" },
	{ "{\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https://[fd00::1]:6443/\"}}],"
	  "\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"namespace\":\"risk\"}}],"
	  "\"current-context\":\"c\"}",
	  NULL, ERR_OK, "server", "https://[fd00::1]:6443" },
	{ WITH_CLUSTER("server: https://h/k8s/clusters/c-1//"), NULL, ERR_OK, "server",
	  "https://h/k8s/clusters/c-1" },
	{ WITH_CLUSTER("server: http://127.0.0.1:8001"), NULL, ERR_OK, "server",
	  "http://127.0.0.1:8001" },
	/* names that cloud tools make */
	{ "contexts: [{name: 'arn:aws:eks:eu/x y@z', context: {cluster: 'a/b:c', user: 'u@v'}}]\n"
	  "clusters: [{name: 'a/b:c', cluster: {" SERVER
	  "}}]\nusers: [{name: 'u@v', user: {token: t}}]",
	  "arn:aws:eks:eu/x y@z", ERR_OK, "token", "t" },
	/* a name that YAML would take for something else */
	{ HEAD "contexts: [{name: c, context: {cluster: 'yes'}}]\nclusters: [{name: 'yes', "
	       "cluster: {" SERVER "}}]",
	  NULL, ERR_OK, "cluster", "yes" },
	{ HEAD "contexts: [{name: c, context: {cluster: yes}}]\n", NULL, ERR_MALFORMED, "",
	  "quotes" },
	{ HEAD "contexts: [{name: c, context: {cluster: 12_3}}]\n", NULL, ERR_MALFORMED, "",
	  "number" },
	{ HEAD
	  "contexts: [{name: c, context: {cluster: k, namespace: 2001-01-01}}]\n" CLUSTER(SERVER),
	  NULL, ERR_OK, "ns", "2001-01-01" },
	{ HEAD
	  "contexts: [{name: c, context: {cluster: k, namespace: 10.0.0.1}}]\n" CLUSTER(SERVER),
	  NULL, ERR_OK, "ns", "10.0.0.1" },
	{ HEAD "contexts: [{name: c, context: {cluster: k, namespace: !!str 7}}]\n" CLUSTER(SERVER),
	  NULL, ERR_OK, "ns", "7" },
	{ WITH_USER("token: 123e456"), NULL, ERR_MALFORMED, "", "number" },
	{ WITH_USER("token: 123e456x"), NULL, ERR_OK, "token", "123e456x" },
	{ WITH_USER("token: ~"), NULL, ERR_OK, "token", "" },
	{ WITH_USER("token: ''"), NULL, ERR_OK, "token", "" },
	{ WITH_USER("token: {a: b}"), NULL, ERR_MALFORMED, "", "no text" },
	{ WITH_USER("token: \"a\\nHost: b\""), NULL, ERR_MALFORMED, "", "line breaks" },
	{ WITH_USER("token: \"a\\0b\""), NULL, ERR_MALFORMED, "", "NUL" },
	/* contexts */
	{ WITH_USER(""), "prod", ERR_NOT_FOUND, "", "contexts: c" },
	{ "current-context: ''\n" CONTEXT, NULL, ERR_NOT_FOUND, "", "no current context" },
	{ "", NULL, ERR_NOT_FOUND, "", "no contexts" },
	{ "# nothing\n", "c", ERR_NOT_FOUND, "", "no context \"c\"" },
	{ HEAD CONTEXT "clusters: null\nusers: null\n", NULL, ERR_NOT_FOUND, "",
	  "no cluster \"k\"" },
	{ HEAD CONTEXT CLUSTER(SERVER), NULL, ERR_NOT_FOUND, "", "no user \"u\"" },
	{ HEAD "contexts: [{name: c, context: {cluster: k}}]\n" CLUSTER(SERVER), NULL, ERR_OK,
	  "user", "" },
	{ HEAD "contexts: [{name: c, context: {user: u}}]\n", NULL, ERR_MALFORMED, "",
	  "cluster: missing" },
	{ HEAD CONTEXT CLUSTER(SERVER) USER("") "- name: u\n  user: {token: t}\n", NULL,
	  ERR_MALFORMED, "", "twice" },
	{ HEAD "contexts: {c: {cluster: k}}\n", NULL, ERR_MALFORMED, "", "contexts: no list" },
	{ HEAD "contexts: [{name: c, context: x}]\n", NULL, ERR_MALFORMED, "", "no map" },
	{ "kind: Pod\n", NULL, ERR_MALFORMED, "", "another kind" },
	{ "- a\n", NULL, ERR_MALFORMED, "", "no kubeconfig" },
	{ "just words\n", NULL, ERR_MALFORMED, "", "no kubeconfig" },
	/* the server and how it is trusted */
	{ WITH_CLUSTER(""), NULL, ERR_MALFORMED, "", "server: missing" },
	{ WITH_CLUSTER("server: h:6443"), NULL, ERR_MALFORMED, "", "no address" },
	{ WITH_CLUSTER("server: 'https://me:pw@h'"), NULL, ERR_MALFORMED, "", "no address" },
	{ WITH_CLUSTER("server: 'https://h/?a=b'"), NULL, ERR_MALFORMED, "", "no address" },
	{ WITH_CLUSTER("server: \"https://h/\\e[2J\""), NULL, ERR_MALFORMED, "", "no address" },
	{ WITH_CLUSTER("server: 'file:///etc/passwd'"), NULL, ERR_MALFORMED, "", "no address" },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: " CA_B64), NULL, ERR_OK, "ca", CA },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: " CA_B64
	                      ", certificate-authority: none"),
	  NULL, ERR_OK, "ca", CA },
	{ HEAD CONTEXT USER("") "clusters:\n- name: k\n  cluster:\n    server: https://h\n"
	                        "    certificate-authority-data: |\n      "
	                        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t\n"
	                        "      ClFVSkQKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=\n",
	  NULL, ERR_OK, "ca", CA },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: '*'"), NULL, ERR_MALFORMED, "",
	  "base64" },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: AAAA"), NULL, ERR_MALFORMED, "",
	  "base64" },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: QUJD"), NULL, ERR_MALFORMED, "",
	  "certificate-authority-data holds no certificate" },
	{ WITH_CLUSTER(SERVER ", certificate-authority-data: " KEY_B64), NULL, ERR_MALFORMED, "",
	  "no certificate" },
	{ WITH_CLUSTER(SERVER ", certificate-authority: /nowhere/ca"), NULL, ERR_NOT_FOUND, "",
	  "cluster \"k\"" },
	{ WITH_CLUSTER(SERVER ", insecure-skip-tls-verify: true"), NULL, ERR_OK, "skip", "true" },
	{ WITH_CLUSTER(SERVER ", insecure-skip-tls-verify: False"), NULL, ERR_OK, "skip", "false" },
	{ WITH_CLUSTER(SERVER ", insecure-skip-tls-verify: 'true'"), NULL, ERR_MALFORMED, "",
	  "neither" },
	{ WITH_CLUSTER(SERVER ", insecure-skip-tls-verify: 1"), NULL, ERR_MALFORMED, "",
	  "neither" },
	{ WITH_CLUSTER(SERVER
	               ", insecure-skip-tls-verify: yes, certificate-authority-data: " CA_B64),
	  NULL, ERR_MALFORMED, "", "beside a certificate authority" },
	{ WITH_CLUSTER(SERVER ", tls-server-name: kubernetes.default"), NULL, ERR_OK, "name",
	  "kubernetes.default" },
	{ WITH_CLUSTER(SERVER ", tls-server-name: \"a\\r\\nb\""), NULL, ERR_MALFORMED, "", "host" },
	{ WITH_CLUSTER(SERVER ", proxy-url: 'socks5://p:1080'"), NULL, ERR_OK, "proxy",
	  "socks5://p:1080" },
	{ WITH_CLUSTER(SERVER ", proxy-url: 'ftp://p'"), NULL, ERR_MALFORMED, "", "proxy-url" },
	/* users */
	{ WITH_USER("client-certificate-data: " CA_B64 ", client-key-data: " KEY_B64), NULL, ERR_OK,
	  "key", KEY },
	{ WITH_USER("client-certificate-data: " CA_B64), NULL, ERR_MALFORMED, "",
	  "without its key" },
	{ WITH_USER("client-key-data: " KEY_B64), NULL, ERR_MALFORMED, "",
	  "without its certificate" },
	{ WITH_USER("client-certificate-data: " CA_B64 ", client-key-data: " CA_B64), NULL,
	  ERR_MALFORMED, "", "no private key" },
	{ WITH_USER("token: t, tokenFile: rel/t"), NULL, ERR_OK, "file", "/dir/rel/t" },
	{ WITH_USER("token: t, tokenFile: rel/t"), NULL, ERR_OK, "token", "t" },
	{ WITH_USER("tokenFile: /abs/t"), NULL, ERR_OK, "file", "/abs/t" },
	{ WITH_USER("username: me, password: p w"), NULL, ERR_OK, "password", "p w" },
	{ WITH_USER("password: p"), NULL, ERR_MALFORMED, "", "without a username" },
	{ WITH_USER("auth-provider: {name: gcp}"), NULL, ERR_DENIED, "", "exec plugin" },
	{ WITH_USER(
	          "as: a, as-uid: '7', as-groups: [g, 'h i'], as-user-extra: {s: [x, w], r: [z]}"),
	  NULL, ERR_OK, "groups", "g|h i" },
	{ WITH_USER(
	          "as: a, as-uid: '7', as-groups: [g, 'h i'], as-user-extra: {s: [x, w], r: [z]}"),
	  NULL, ERR_OK, "extra", "s=x|s=w|r=z" },
	{ WITH_USER("as-groups: [g]"), NULL, ERR_MALFORMED, "", "without as" },
	{ WITH_USER("as: a, as-user-extra: {s: x}"), NULL, ERR_MALFORMED, "", "no list" },
	/* plugins */
	{ EXEC(V1), NULL, ERR_OK, "command", "x" },
	{ EXEC(V1), NULL, ERR_OK, "mode", "0" },
	{ EXEC(V1BETA1), NULL, ERR_OK, "mode", "1" },
	{ EXEC("interactiveMode: Always, " V1BETA1), NULL, ERR_OK, "mode", "2" },
	{ WITH_USER("exec: {command: bin/x, " V1 "}"), NULL, ERR_OK, "command", "/dir/bin/x" },
	{ EXEC(V1 ", args: [a, 'b c', '']"), NULL, ERR_OK, "args", "a|b c|" },
	{ EXEC(V1 ", env: [{name: A, value: 'b=c'}, {name: D}]"), NULL, ERR_OK, "env", "A=b=c|D=" },
	{ EXEC(V1 ", provideClusterInfo: true, installHint: h"), NULL, ERR_OK, "info", "true" },
	{ EXEC(V1 ", env: [{value: v}]"), NULL, ERR_MALFORMED, "", "without a name" },
	{ EXEC("apiVersion: client.authentication.k8s.io/v1"), NULL, ERR_MALFORMED, "",
	  "interactiveMode" },
	{ EXEC("interactiveMode: Often, " V1BETA1), NULL, ERR_MALFORMED, "", "neither Never" },
	{ EXEC("apiVersion: client.authentication.k8s.io/v1alpha1"), NULL, ERR_MALFORMED, "",
	  "neither v1 nor v1beta1" },
	{ WITH_USER("exec: {" V1 "}"), NULL, ERR_MALFORMED, "", "exec.command: missing" },
	{ WITH_USER("exec: x"), NULL, ERR_MALFORMED, "", "no map" },
	/* YAML */
	{ "a: &x {b: c}\n" WITH_USER(""), NULL, ERR_OK, "user", "u" },
	{ HEAD CONTEXT "clusters:\n- name: k\n  cluster: &k {" SERVER "}\nother: *k\n" USER(""),
	  NULL, ERR_OK, "server", "https://h:6443" },
	{ "u: &u {token: t}\n" HEAD CONTEXT CLUSTER(SERVER) "users: [{name: u, user: *u}]\n", NULL,
	  ERR_OK, "token", "t" },
	{ "a: &x [*x]\n", NULL, ERR_MALFORMED, "", "alias of what it stands in" },
	{ "a: *x\n", NULL, ERR_MALFORMED, "", "not there" },
	{ "a: 1\na: 2\n", NULL, ERR_MALFORMED, "", "line 2: a key that this map has already" },
	{ "a: &x {b: c}\nd: {<<: *x}\n", NULL, ERR_MALFORMED, "", "merge keys" },
	{ "? [a]\n: b\n", NULL, ERR_MALFORMED, "", "a key that is no text" },
	{ "a: !!binary QUJD\n", NULL, ERR_MALFORMED, "", "tag" },
	{ "a: !x {b: c}\n", NULL, ERR_MALFORMED, "", "tag" },
	{ "---\na: b\n---\nc: d\n", NULL, ERR_MALFORMED, "", "second document" },
	{ "a: [b\n", NULL, ERR_MALFORMED, "", "line " },
	{ "a: \xff\n", NULL, ERR_MALFORMED, "", "line " },
	{ "\tb: c\n", NULL, ERR_MALFORMED, "", "line " },
};

Test(kubeconfig, texts)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kubeconfig c = { 0 };
		struct err e = { 0 };
		cleanup_free char *said = NULL, *got = NULL;
		int rc = kubeconfig_parse(str_of(cases[i].text), "/dir", cases[i].context, &c, &e);

		said = xasprintf("%s; %s", e.msg, e.hint);
		cr_expect_eq(rc, -(int)cases[i].code, "%zu: %s\n%s", i, said, cases[i].text);
		cr_expect_eq(e.code, cases[i].code);
		if (rc < 0) {
			cr_expect(strstr(said, cases[i].expected), "%zu: \"%s\" is not in: %s", i,
			          cases[i].expected, said);
			cr_expect_null(c.context, "%zu: untouched", i);
		} else {
			got = member(&c, cases[i].member);
			cr_expect_str_eq(got, cases[i].expected, "%zu: %s is \"%s\"", i,
			                 cases[i].member, got);
		}
		kubeconfig_fini(&c);
	}
}

/* No error quotes what may be a secret. */
Test(kubeconfig, no_secret_in_errors)
{
	static const char *const texts[] = {
		WITH_USER("token: \"S3CRET\\n\""),
		WITH_USER("token: [S3CRET]"),
		WITH_USER("password: S3CRET"),
		WITH_USER("client-key-data: S3CRET"),
		WITH_USER("client-key-data: UzNDUkVU, client-certificate-data: S3CRET"),
		EXEC("env: [{name: '', value: S3CRET}], " V1),
		"token: \"S3CRET\\q\"\n",
		"token: 'S3CRET\n\tx: - y",
		"S3CRET: &a b\nc: *S3CRET\n",
		WITH_CLUSTER("server: 'https://me:S3CRET@h'"),
		WITH_CLUSTER(SERVER ", proxy-url: 'ftp://me:S3CRET@h'"),
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct kubeconfig c = { 0 };
		struct err e = { 0 };

		cr_expect_lt(kubeconfig_parse(str_of(texts[i]), "/dir", NULL, &c, &e), 0, "%zu", i);
		cr_expect_null(strstr(e.msg, "S3CRET"), "%zu: %s", i, e.msg);
		cr_expect_null(strstr(e.hint, "S3CRET"), "%zu: %s", i, e.hint);
		kubeconfig_fini(&c);
	}
}

Test(kubeconfig, keys_under_a_passphrase)
{
	static const char *const keys[] = {
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nZm9v\n-----END ENCRYPTED PRIVATE "
		"KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
		"AES-128-CBC,00\n\n"
		"Zm9v\n-----END RSA PRIVATE KEY-----\n",
	};
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(keys); i++) {
		cr_expect_eq(kubeconfig_pem_check(str_of(keys[i]), PEM_KEY, "k", NULL, &e),
		             -ERR_DENIED, "%s", e.msg);
		cr_expect(strstr(e.msg, "passphrase"));
	}
}

Test(kubeconfig, digest_of_authorities)
{
	static const char *const same[] = { CA, "subject=x\n" CA "\ntrailing", KEY CA };
	struct kubeconfig c = { 0 };
	struct digest one, two;
	char hex[DIGEST_HEX_SIZE];
	char both[] = CA CA;

	kubeconfig_ca(&c, &one);
	cr_expect(digest_is_zero(&one), "the system's");
	for (size_t i = 0; i < COUNT(same); i++) {
		c.ca_pem = xstrdup(same[i]);
		kubeconfig_ca(&c, &one);
		digest_hex(&one, hex);
		cr_expect_str_eq(hex, ABC_SHA, "%zu", i);
		kubeconfig_fini(&c);
	}
	c.ca_pem = both;
	kubeconfig_ca(&c, &two);
	cr_expect(!digest_eq(&one, &two) && !digest_is_zero(&two));
}

/* A folder with files, and the environment that names them. */
static char folder[64];

static void
put(const char *name, mode_t mode, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, name);
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(AT_FDCWD, path, text, strlen(text), mode, &e), 0, "%s", e.msg);
	cr_assert_eq(chmod(path, mode), 0);
}

static void
make_folder(void)
{
	cleanup_free char *sub = NULL;

	(void)snprintf(folder, sizeof folder, "/tmp/kubeconfig.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	sub = xasprintf("%s/sub", folder);
	cr_assert_eq(mkdir(sub, 0700), 0);
	(void)unsetenv("KUBECONFIG");
	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	(void)setenv("HOME", folder, 1);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void
remove_folder(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char warned[1024];

static void
warn(void *arg, enum message_level level, const char *text)
{
	(void)str_copy(warned, sizeof warned, text);
}

static void
list_of(const char *format)
{
	/* each "@" is the folder */
	struct buf b = { 0 };

	for (; *format; format++)
		if (*format == '@')
			buf_adds(&b, folder);
		else
			buf_addc(&b, *format);
	(void)setenv("KUBECONFIG", buf_cstr(&b), 1);
	buf_fini(&b);
}

static void
expect_load(const char *context, enum err_code code, const char *name, const char *expected)
{
	cleanup_free char *got = NULL;
	struct kubeconfig c = { 0 };
	struct err e = { 0 };
	int rc = kubeconfig_load(NULL, context, &c, &e);

	cr_assert_eq(rc, -(int)code, "%s; %s", e.msg, e.hint);
	got = rc < 0 ? xasprintf("%s; %s", e.msg, e.hint) : member(&c, name);
	cr_expect(strstr(got, expected), "\"%s\" is not in: %s", expected, got);
	kubeconfig_fini(&c);
}

Test(kubeconfig, lists, .init = make_folder, .fini = remove_folder)
{
	put("a", 0600, "current-context: ''\nusers: [{name: u, user: {token: from-a}}]\n");
	put("sub/b", 0600,
	    HEAD CONTEXT CLUSTER(SERVER ", certificate-authority: ca.pem")
	            USER("token: from-b, tokenFile: t"));
	put("c", 0600,
	    "current-context: other\n"
	    "clusters: [{name: k, cluster: {server: 'https://c'}}]\n"
	    "contexts: [{name: other, context: {cluster: k, user: u}}]\n");
	put("sub/ca.pem", 0600, CA);
	put("broken", 0600, "a: [\n");

	list_of("@/nowhere:@/a::@/sub/b:@/c:@/a");
	expect_load(NULL, ERR_OK, "context", "c");
	expect_load(NULL, ERR_OK, "token", "from-a"); /* the whole entry of the first */
	expect_load(NULL, ERR_OK, "file", "");
	expect_load(NULL, ERR_OK, "ca", CA); /* beside its own file */
	expect_load("other", ERR_OK, "server", "https://h:6443");
	expect_load("none", ERR_NOT_FOUND, "", "contexts: c, other");
	list_of("@/c:@/sub/b");
	expect_load(NULL, ERR_OK, "server", "https://c");
	expect_load(NULL, ERR_OK, "file", "/sub/t");
	list_of("@/a:@/broken");
	expect_load(NULL, ERR_MALFORMED, "", "broken");
	list_of("@/nowhere");
	expect_load(NULL, ERR_NOT_FOUND, "", "there is no kubeconfig");
	(void)unsetenv("KUBECONFIG");
	expect_load(NULL, ERR_NOT_FOUND, "", "~/.kube/config");
}

Test(kubeconfig, files, .init = make_folder, .fini = remove_folder)
{
	cleanup_free char *kube = xasprintf("%s/.kube", folder);
	cleanup_free char *one = xasprintf("%s/sub/one", folder);
	struct kubeconfig c = { 0 };
	struct err e = { 0 };

	message_sink(warn, NULL);
	cr_assert_eq(mkdir(kube, 0700), 0);
	put(".kube/config", 0600, WITH_USER("token: home"));
	expect_load(NULL, ERR_OK, "token", "home");
	cr_expect_str_eq(warned, "");
	put("sub/one", 0644, EXEC(V1));
	list_of("@/.kube/config");
	/* the one that was named stands alone */
	cr_assert_eq(kubeconfig_load(one, NULL, &c, &e), 0, "%s", e.msg);
	cr_expect_not_null(c.exec);
	cr_expect_str_eq(c.origin, one);
	cr_expect(strstr(warned, "can be read by others"), "%s", warned);
	kubeconfig_fini(&c);
	put("sub/one", 0620, EXEC(V1));
	cr_assert_eq(kubeconfig_load(one, NULL, &c, &e), -ERR_DENIED, "%s", e.msg);
	cr_expect(strstr(e.msg, "others may write"), "%s", e.msg);
	cr_assert_eq(kubeconfig_load("/nowhere/k", NULL, &c, &e), -ERR_NOT_FOUND);
	cr_assert_eq(kubeconfig_load("/dev/zero", NULL, &c, &e), -ERR_MALFORMED);
	cr_assert_eq(kubeconfig_load(folder, NULL, &c, &e), -ERR_MALFORMED);
}

Test(kubeconfig, in_cluster, .init = make_folder, .fini = remove_folder)
{
	struct kubeconfig c = { 0 };
	struct err e = { 0 };

	cr_assert_eq(kubeconfig_in_cluster(folder, "10.96.0.1", "443", &c, &e), -ERR_NOT_FOUND);
	put("ca.crt", 0644, CA);
	put("namespace", 0644, "risk\n");
	put("token", 0644, "t\n");
	cr_assert_eq(kubeconfig_in_cluster(folder, "10.96.0.1", "443", &c, &e), 0, "%s", e.msg);
	cr_expect_str_eq(c.server, "https://10.96.0.1:443");
	cr_expect_str_eq(c.ns, "risk");
	cr_expect_str_eq(c.ca_pem, CA);
	cr_expect(c.from_cluster && !c.token && has_suffix(c.token_file, "/token"));
	kubeconfig_fini(&c);
	cr_assert_eq(kubeconfig_in_cluster(folder, "fd00::1", NULL, &c, &e), 0);
	cr_expect_str_eq(c.server, "https://[fd00::1]:443");
	kubeconfig_fini(&c);
	put("ca.crt", 0644, "none");
	cr_assert_eq(kubeconfig_in_cluster(folder, "h", "1", &c, &e), -ERR_MALFORMED);
}

static void
repeat(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_adds(b, s);
}

/* Texts that grow when they are read: refused, and at once. */
Test(kubeconfig, bombs)
{
	static const struct {
		const char *head, *part;
		size_t n;
		enum err_code code;
		const char *expected;
	} bombs[] = {
		{ "a: ", "[", KUBECONFIG_MAX - 8, ERR_TOO_BIG, "deeper" },
		{ "a: ", "{b: ", 1u << 20, ERR_TOO_BIG, "deeper" },
		{ "", "- ", 1u << 20, ERR_TOO_BIG, "deeper" },
		{ "", "-\n", 1u << 21, ERR_TOO_BIG, "values" },
		{ "a: [", "b,", 1u << 21, ERR_TOO_BIG, "values" },
		{ "a: [&b c", ",*b", 1u << 20, ERR_MALFORMED, "line 2" },
		{ "- &a [x]\n", "- &b y\n", 1000, ERR_TOO_BIG, "anchors" },
		{ "a: \"", "\\x41", 1u << 19, ERR_MALFORMED, "line 1" },
		{ "", "? ", 1u << 20, ERR_MALFORMED, "line 1" },
	};
	for (size_t i = 0; i < COUNT(bombs); i++) {
		struct buf b = { 0 };
		struct kyaml_doc d = { 0 };
		struct err e = { 0 };
		const uint64_t start = clock_mono_ms();
		int rc;

		buf_adds(&b, bombs[i].head);
		repeat(&b, bombs[i].part, bombs[i].n);
		rc = kyaml_parse(buf_str(&b), &d, &e);
		cr_expect_eq(rc, -(int)bombs[i].code, "%zu: %d %s", i, rc, e.msg);
		cr_expect(strstr(e.msg, bombs[i].expected), "%zu: %s", i, e.msg);
		cr_expect_lt(clock_mono_ms() - start, 20000u, "%zu", i);
		buf_fini(&b);
	}
}

/* Nine levels of nine aliases: as many values as stand there. */
Test(kubeconfig, laughs)
{
	struct buf b = { 0 };
	struct kyaml_doc d = { 0 };
	struct err e = { 0 };

	buf_adds(&b, "l0: &l0 lol\n");
	for (int i = 1; i < 20; i++)
		buf_addf(&b, "l%d: &l%d [*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d]\n", i, i,
		         i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	cr_assert_eq(kyaml_parse(buf_str(&b), &d, &e), 0, "%s", e.msg);
	cr_expect_eq(d.nodes.n, 21u, "%zu", d.nodes.n);
	kyaml_fini(&d);
	buf_fini(&b);
}
