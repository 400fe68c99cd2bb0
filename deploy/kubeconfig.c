/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One context of kubeconfig files becomes what a connection needs. The rules and refusals are those
 * of client-go (tools/clientcmd: names once, no authority beside a switched-off check, plugins of
 * old kinds); no error quotes a value that may be a secret. Which files count is decided elsewhere.
 */
#include "deploy/kubeconfig.h"

#include <string.h>
#include <unistd.h>

#include "deploy/kubeconfig_private.h"
#include "registry/base/buf.h"
#include "registry/base/text.h"

/* https://HOST[:PORT][/PREFIX], printable, without a user: what goes into the log of a registry. */
static bool
is_address(const char *url)
{
	const char *const host = has_prefix(url, "https://")  ? url + 8
	                         : has_prefix(url, "http://") ? url + 7
	                                                      : NULL;

	if (!host || !*host || *host == '/')
		return false;
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"\\<>?#", *c))
			return false;
	return memchr(host, '@', strcspn(host, "/")) == NULL;
}

static bool
is_proxy(const char *url)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://" };
	bool is_known = false;

	for (size_t i = 0; i < COUNT(schemes); i++)
		is_known |= has_prefix(url, schemes[i]) && url[strlen(schemes[i])];
	for (const char *c = url; *c; c++)
		is_known &= *c > ' ' && *c <= '~';
	return is_known;
}

/* What may stand in a header or a TLS name. */
static bool
is_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int
check_cluster(const struct kube_entry *at, struct kubeconfig *c, struct err *e)
{
	if (!c->server)
		return entry_bad(at, e, ERR_MALFORMED, "server", "missing");
	if (!is_address(c->server)) {
		entry_bad(at, e, ERR_MALFORMED, "server", "no address of an API server");
		return err_hint(e, "https://HOST:PORT, without user, \"?\" or \"#\"");
	}
	for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--)
		c->server[n - 1] = '\0';
	if (c->proxy && !is_proxy(c->proxy))
		return entry_bad(at, e, ERR_MALFORMED, "proxy-url",
		                 "no http, https or socks5 address");
	if (c->server_name && !is_word(c->server_name))
		return entry_bad(at, e, ERR_MALFORMED, "tls-server-name", "no name of a host");
	if (c->skip_verify && c->ca_pem)
		return entry_bad(at, e, ERR_MALFORMED, "insecure-skip-tls-verify",
		                 "stands beside a certificate authority");
	return 0;
}

static int
read_cluster(const struct kube_entry *at, struct kubeconfig *c, struct err *e)
{
	int rc = entry_text(at, at->map, "server", &c->server, e);

	if (rc == 0)
		rc = entry_pem(at, "certificate-authority", PEM_CERTIFICATE, &c->ca_pem, e);
	if (rc == 0)
		rc = entry_bool(at, "insecure-skip-tls-verify", &c->skip_verify, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "tls-server-name", &c->server_name, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "proxy-url", &c->proxy, e);
	return rc < 0 ? rc : check_cluster(at, c, e);
}

/* env: a list of {name, value}. */
static int
read_env(const struct kube_entry *at, const struct kyaml *map, struct kube_exec *x, struct err *e)
{
	const struct kyaml *const list = kyaml_get(map, "env");
	int rc = entry_expect(at, list, KYAML_LIST, "exec.env", "no list", e);

	if (rc < 0 || !list)
		return rc;
	x->env = xcalloc(list->items.n + 1, sizeof *x->env);
	for (size_t i = 0; rc == 0 && i < list->items.n; i++) {
		const struct kyaml *const item = list->items.v[i].value;
		cleanup_free char *name = NULL;
		char *value = NULL;

		rc = entry_text(at, item, "name", &name, e);
		if (rc == 0)
			rc = entry_text(at, item, "value", &value, e);
		if (rc == 0 && (!name || strchr(name, '=')))
			rc = entry_bad(at, e, ERR_MALFORMED, "exec.env",
			               "a variable without a name");
		if (rc == 0)
			x->env[i] = xasprintf("%s=%s", name, value ? value : "");
		kubeconfig_wipe(value);
	}
	return rc;
}

static int
read_mode(const struct kube_entry *at, const struct kyaml *map, struct kube_exec *x, struct err *e)
{
	cleanup_free char *mode = NULL;
	int rc = entry_text(at, map, "interactiveMode", &mode, e);

	if (rc < 0)
		return rc;
	if (!mode && has_suffix(x->api_version, "/v1"))
		return entry_bad(at, e, ERR_MALFORMED, "exec.interactiveMode",
		                 "missing, and v1 wants it");
	if (!mode || streq(mode, "IfAvailable"))
		x->interactive = KUBE_EXEC_IF_AVAILABLE;
	else if (streq(mode, "Never"))
		x->interactive = KUBE_EXEC_NEVER;
	else if (streq(mode, "Always"))
		x->interactive = KUBE_EXEC_ALWAYS;
	else
		return entry_bad(at, e, ERR_MALFORMED, "exec.interactiveMode",
		                 "neither Never, IfAvailable nor Always");
	return 0;
}

static int
check_exec(const struct kube_entry *at, const struct kyaml *map, struct kube_exec *x, struct err *e)
{
	const struct kyaml *const info = kyaml_get(map, "provideClusterInfo");

	if (!x->command)
		return entry_bad(at, e, ERR_MALFORMED, "exec.command", "missing");
	if (!x->api_version || (!streq(x->api_version, "client.authentication.k8s.io/v1") &&
	                        !streq(x->api_version, "client.authentication.k8s.io/v1beta1"))) {
		entry_bad(at, e, ERR_MALFORMED, "exec.apiVersion", "neither v1 nor v1beta1");
		return err_hint(e, "client.authentication.k8s.io/v1; ask for a newer kubeconfig");
	}
	if (info && kyaml_bool(info, &x->provide_cluster_info) < 0)
		return entry_bad(at, e, ERR_MALFORMED, "exec.provideClusterInfo",
		                 "neither true nor false");
	if (at->file->others_write) {
		entry_bad(at, e, ERR_DENIED, "exec", "others may write this file");
		return err_hint(e, "whoever writes it runs programs as you: chmod go-w it");
	}
	return 0;
}

static int
read_exec(const struct kube_entry *at, struct kubeconfig *c, struct err *e)
{
	const struct kyaml *const map = kyaml_get(at->map, "exec");
	struct kube_exec *x;
	int rc = entry_expect(at, map, KYAML_MAP, "exec", "no map", e);

	if (rc < 0 || !map)
		return rc;
	x = c->exec = xcalloc(1, sizeof *x);
	rc = entry_text(at, map, "command", &x->command, e);
	if (rc == 0)
		rc = entry_text(at, map, "apiVersion", &x->api_version, e);
	if (rc == 0)
		rc = entry_text(at, map, "installHint", &x->install_hint, e);
	if (rc == 0)
		rc = entry_texts(at, map, "args", &x->args, e);
	if (rc == 0)
		rc = read_env(at, map, x, e);
	if (rc == 0)
		rc = check_exec(at, map, x, e);
	if (rc == 0 && strchr(x->command, '/')) {
		char *const full = entry_path(at->file, x->command);

		free(x->command);
		x->command = full;
	}
	return rc < 0 ? rc : read_mode(at, map, x, e);
}

/* as-user-extra: a map of lists; each value becomes "key=value". */
static int
read_extra(const struct kube_entry *at, struct kubeconfig *c, struct err *e)
{
	static const char key[] = "as-user-extra";
	const struct kyaml *const map = kyaml_get(at->map, key);
	VEC(char *) out = { 0 };
	int rc = entry_expect(at, map, KYAML_MAP, key, "no map", e);

	for (size_t i = 0; rc == 0 && map && i < map->items.n; i++) {
		const struct kyaml_item *const item = &map->items.v[i];

		rc = entry_expect(at, item->value, KYAML_LIST, key, "no list", e);
		for (size_t k = 0; rc == 0 && k < item->value->items.n; k++) {
			char *value = NULL;

			rc = entry_text_value(at, item->value->items.v[k].value, key, &value, e);
			if (rc == 0)
				vec_push(&out, xasprintf("%s=%s", item->key, value));
			free(value);
		}
	}
	if (out.n > 0) {
		vec_push(&out, NULL);
		c->as_extra = out.v;
	}
	return rc;
}

static int
check_user(const struct kube_entry *at, const struct kubeconfig *c, struct err *e)
{
	if (kyaml_get(at->map, "auth-provider")) {
		entry_bad(at, e, ERR_DENIED, "auth-provider", "no client has these any more");
		return err_hint(e, "ask for a kubeconfig with an exec plugin");
	}
	if (c->cert_pem && !c->key_pem)
		return entry_bad(at, e, ERR_MALFORMED, "client-certificate", "without its key");
	if (c->key_pem && !c->cert_pem)
		return entry_bad(at, e, ERR_MALFORMED, "client-key", "without its certificate");
	if (c->token && !is_word(c->token))
		return entry_bad(at, e, ERR_MALFORMED, "token", "spaces or line breaks in it");
	if (c->password && !c->username)
		return entry_bad(at, e, ERR_MALFORMED, "password", "without a username");
	if (!c->as && (c->as_uid || c->as_groups || c->as_extra))
		return entry_bad(at, e, ERR_MALFORMED, "as-groups", "without as: nobody to be");
	return 0;
}

static int
read_user(const struct kube_entry *at, struct kubeconfig *c, struct err *e)
{
	cleanup_free char *file = NULL;
	int rc = entry_pem(at, "client-certificate", PEM_CERTIFICATE, &c->cert_pem, e);

	if (rc == 0)
		rc = entry_pem(at, "client-key", PEM_KEY, &c->key_pem, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "token", &c->token, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "tokenFile", &file, e);
	if (rc == 0 && file)
		c->token_file = entry_path(at->file, file);
	if (rc == 0)
		rc = entry_text(at, at->map, "username", &c->username, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "password", &c->password, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "as", &c->as, e);
	if (rc == 0)
		rc = entry_text(at, at->map, "as-uid", &c->as_uid, e);
	if (rc == 0)
		rc = entry_texts(at, at->map, "as-groups", &c->as_groups, e);
	if (rc == 0)
		rc = read_extra(at, c, e);
	if (rc == 0)
		rc = check_user(at, c, e);
	return rc < 0 ? rc : read_exec(at, c, e);
}

/* Is this item the one of that name? A name that is a number is nobody's. */
static bool
is_named(const struct kyaml *item, const char *name)
{
	const struct kyaml *const v = kyaml_get(item, "name");

	return v && v->kind == KYAML_SCALAR && v->is_text && str_is(v->text, name);
}

/* In the first file that has it, where it may stand once. NOT_FOUND has no hint yet. */
static int
find(const struct kube_file *files, size_t n, struct kube_entry *at, const char *list_key,
     struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct kyaml *const list = kyaml_get(files[i].doc.root, list_key);
		const struct kyaml *found = NULL;

		at->file = &files[i];
		if (list && list->kind != KYAML_LIST)
			return err_set(e, ERR_MALFORMED, "kubeconfig \"%s\": %s: no list",
			               files[i].origin, list_key);
		for (size_t k = 0; list && k < list->items.n; k++) {
			if (!is_named(list->items.v[k].value, at->name))
				continue;
			if (found)
				return entry_bad(at, e, ERR_MALFORMED, NULL, "stands there twice");
			found = list->items.v[k].value;
		}
		if (!found)
			continue;
		at->map = kyaml_get(found, at->kind);
		return entry_expect(at, at->map, KYAML_MAP, NULL, "no map", e);
	}
	return err_set(e, ERR_NOT_FOUND, "the kubeconfig has no %s \"%s\"", at->kind, at->name);
}

static int
hint_contexts(const struct kube_file *files, size_t n, struct err *e)
{
	cleanup_buf struct buf names = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct kyaml *const list = kyaml_get(files[i].doc.root, "contexts");

		for (size_t k = 0; list && k < list->items.n && names.n < sizeof e->hint; k++) {
			const struct kyaml *const v = kyaml_get(list->items.v[k].value, "name");

			if (!v || v->kind != KYAML_SCALAR || !v->is_text)
				continue;
			buf_adds(&names, names.n ? ", " : "");
			text_safe(&names, v->text);
		}
	}
	if (names.n == 0)
		return err_hint(e, "there are no contexts in it");
	return err_hint(e, "contexts: %s", buf_cstr(&names));
}

static int
check_root(const struct kube_file *f, struct err *e)
{
	const struct kyaml *const root = f->doc.root;
	const struct kyaml *const kind = kyaml_get(root, "kind");

	if (!root || (root->kind == KYAML_SCALAR && root->is_null))
		return 0;
	if (root->kind != KYAML_MAP)
		return err_set(e, ERR_MALFORMED, "\"%s\" is no kubeconfig", f->origin);
	if (kind && (kind->kind != KYAML_SCALAR || !str_is(kind->text, "Config")))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no kubeconfig but another kind",
		               f->origin);
	return 0;
}

/* The context to take: the one asked for, else the first current-context of the files. */
static int
choose(const struct kube_file *files, size_t n, const char *context, char **ret, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_root(&files[i], e);
	if (rc < 0 || context) {
		*ret = context ? xstrdup(context) : NULL;
		return rc;
	}
	for (size_t i = 0; rc == 0 && !*ret && i < n; i++) {
		const struct kube_entry at = { .file = &files[i], .kind = "key", .name = "top" };

		rc = entry_text(&at, files[i].doc.root, "current-context", ret, e);
	}
	if (rc == 0 && !*ret) {
		err_set(e, ERR_NOT_FOUND, "the kubeconfig has no current context");
		return hint_contexts(files, n, e);
	}
	return rc;
}

static int
read_context(const struct kube_file *files, size_t n, struct kubeconfig *c, struct err *e)
{
	struct kube_entry at = { .kind = "context", .name = c->context };
	int rc = find(files, n, &at, "contexts", e);

	if (rc == -ERR_NOT_FOUND)
		return hint_contexts(files, n, e);
	if (rc == 0)
		rc = entry_text(&at, at.map, "cluster", &c->cluster, e);
	if (rc == 0)
		rc = entry_text(&at, at.map, "user", &c->user, e);
	if (rc == 0)
		rc = entry_text(&at, at.map, "namespace", &c->ns, e);
	if (rc == 0 && !c->cluster)
		rc = entry_bad(&at, e, ERR_MALFORMED, "cluster", "missing");
	if (rc < 0)
		return rc;
	if (!c->ns)
		c->ns = xstrdup("default");
	c->origin = xstrdup(at.file->origin);
	return 0;
}

static int
resolve(const struct kube_file *files, size_t n, const char *context, struct kubeconfig *c,
        struct err *e)
{
	struct kube_entry cluster = { .kind = "cluster" }, user = { .kind = "user" };
	int rc = choose(files, n, context, &c->context, e);

	if (rc == 0)
		rc = read_context(files, n, c, e);
	if (rc < 0)
		return rc;
	cluster.name = c->cluster;
	rc = find(files, n, &cluster, "clusters", e);
	if (rc == 0)
		rc = read_cluster(&cluster, c, e);
	if (rc < 0 || !c->user)
		return rc;
	user.name = c->user;
	rc = find(files, n, &user, "users", e);
	return rc < 0 ? rc : read_user(&user, c, e);
}

int
kubeconfig_resolve(const struct kube_file *files, size_t n, const char *context,
                   struct kubeconfig *ret, struct err *e)
{
	struct kubeconfig c = { 0 };
	int rc = resolve(files, n, context, &c, e);

	if (rc < 0) {
		kubeconfig_fini(&c);
		return rc;
	}
	if (!c.user)
		c.user = xstrdup("");
	*ret = c;
	return 0;
}

static void
wipe_list(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		kubeconfig_wipe(v[i]);
	free(v);
}

void
kubeconfig_fini(struct kubeconfig *c)
{
	char *const texts[] = { c->origin,  c->context, c->cluster,     c->user,     c->ns,
		                c->server,  c->ca_pem,  c->server_name, c->proxy,    c->cert_pem,
		                c->key_pem, c->token,   c->token_file,  c->username, c->password,
		                c->as,      c->as_uid };

	for (size_t i = 0; i < COUNT(texts); i++)
		kubeconfig_wipe(texts[i]);
	wipe_list(c->as_groups);
	wipe_list(c->as_extra);
	if (c->exec) {
		kubeconfig_wipe(c->exec->command);
		kubeconfig_wipe(c->exec->api_version);
		kubeconfig_wipe(c->exec->install_hint);
		wipe_list(c->exec->args);
		wipe_list(c->exec->env);
		free(c->exec);
	}
	*c = (struct kubeconfig){ 0 };
}

void
kubeconfig_ca(const struct kubeconfig *c, struct digest *ret)
{
	struct err e = { 0 };

	*ret = (struct digest){ 0 };
	if (c->ca_pem)
		(void)kubeconfig_pem_check(str_of(c->ca_pem), PEM_CERTIFICATE, "", ret, &e);
}

/* As execvp would find it; the name itself when it does not. */
static char *
find_program(const char *command)
{
	const char *path = getenv("PATH");

	if (strchr(command, '/'))
		return xstrdup(command);
	while (path && *path) {
		const size_t n = strcspn(path, ":");
		char *full = xasprintf("%.*s/%s", (int)n, path, command);

		if (n > 0 && access(full, X_OK) == 0)
			return full;
		free(full);
		path += n + (path[n] == ':');
	}
	return xstrdup(command);
}

static void
hash_texts(struct hasher *h, char *const *v)
{
	/* with its NUL: where one ends and the next begins counts too */
	for (size_t i = 0; v && v[i]; i++)
		hasher_update(h, v[i], strlen(v[i]) + 1);
	hasher_update(h, "", 1);
}

void
kubeconfig_plugin(const struct kubeconfig *c, struct digest *ret, char **ret_command)
{
	struct hasher *h;
	char *command;

	*ret = (struct digest){ 0 };
	if (!c->exec)
		return;
	h = hasher_new();
	command = find_program(c->exec->command);
	hash_texts(h, (char *const[]){ command, NULL });
	hash_texts(h, c->exec->args);
	hash_texts(h, c->exec->env);
	hasher_final(h, ret);
	hasher_free(h);
	if (ret_command)
		*ret_command = command;
	else
		free(command);
}
