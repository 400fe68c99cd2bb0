/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which kubeconfig files count, as kubectl has it: the one that was named, else all that
 * $KUBECONFIG lists, else the one at home, else the service account of the pod that this is. What
 * stands in them is resolved elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/kubeconfig_private.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct files {
	struct kube_file v[KUBECONFIG_FILES_MAX];
	size_t n;
};

static void
files_fini(struct files *f)
{
	while (f->n > 0) {
		struct kube_file *const one = &f->v[--f->n];

		free(one->origin);
		free(one->dir);
		kyaml_fini(&one->doc);
	}
}

static char *
dir_of(const char *path)
{
	const char *const slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int
parse_into(struct kube_file *f, struct str text, struct err *e)
{
	int rc = kyaml_parse(text, &f->doc, e);

	if (rc < 0)
		return err_prefix(e, "kubeconfig \"%s\"", f->origin);
	return 0;
}

/* Who else reads it, and who could have written it? */
static void
look_at_mode(struct kube_file *f, const struct stat *st)
{
	if (st->st_mode & (S_IRGRP | S_IROTH))
		message(MESSAGE_WARNING, "kubeconfig \"%s\" can be read by others: chmod 600 it",
		        f->origin);
	f->others_write = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	                  (st->st_uid != geteuid() && st->st_uid != 0);
}

static int
add_file(struct files *fs, const char *path, bool must_exist, struct err *e)
{
	struct kube_file *const f = &fs->v[fs->n];
	struct stat st;
	char *text;
	size_t n;
	int rc;

	for (size_t i = 0; i < fs->n; i++)
		if (streq(fs->v[i].origin, path))
			return 0;
	if (fs->n == KUBECONFIG_FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "more than %d kubeconfig files",
		               KUBECONFIG_FILES_MAX);
	if (stat(path, &st) < 0) {
		if (errno == ENOENT && !must_exist)
			return 0;
		return err_sys(e, "cannot read the kubeconfig \"%s\"", path);
	}
	rc = kubeconfig_read_secret(path, KUBECONFIG_MAX, &text, &n, e);
	if (rc < 0)
		return err_prefix(e, "kubeconfig");
	fs->n++;
	f->origin = xstrdup(path);
	f->dir = dir_of(path);
	look_at_mode(f, &st);
	rc = parse_into(f, (struct str){ text, n }, e);
	kubeconfig_wipe(text);
	return rc;
}

/* Each part of $KUBECONFIG; what is not there is left out. */
static int
add_list(struct files *fs, const char *list, struct err *e)
{
	int rc = 0;

	while (rc == 0 && *list) {
		const size_t n = strcspn(list, ":");
		cleanup_free char *path = xstrndup(list, n);

		if (n > 0)
			rc = add_file(fs, path, false, e);
		list += n + (list[n] == ':');
	}
	return rc;
}

static int
no_file(struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "there is no kubeconfig");
	return err_hint(e, "name one with --kubeconfig, or put it at ~/.kube/config");
}

#define LIST       "list:"
#define IN_CLUSTER "in-cluster"

static char *
full_path(const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/' || !getcwd(cwd, sizeof cwd))
		return xstrdup(path);
	return xasprintf("%s/%s", cwd, path);
}

/* $KUBECONFIG with full paths, without what is not there. */
static void
full_list(const char *list, struct buf *ret)
{
	while (*list) {
		const size_t n = strcspn(list, ":");
		cleanup_free char *path = xstrndup(list, n), *full = full_path(path);

		if (n > 0 && access(full, F_OK) == 0)
			buf_addf(ret, "%s%s", ret->n ? ":" : "", full);
		list += n + (list[n] == ':');
	}
}

int
kubeconfig_where(const char *file, char **ret, struct err *e)
{
	const char *const list = getenv("KUBECONFIG"), *const home = getenv("HOME");
	const char *const host = getenv("KUBERNETES_SERVICE_HOST");
	cleanup_buf struct buf found = { 0 };

	if (file) {
		*ret = full_path(file);
		return 0;
	}
	if (list && *list) {
		full_list(list, &found);
	} else if (home && *home) {
		cleanup_free char *path = xasprintf("%s/.kube/config", home);

		if (access(path, F_OK) == 0)
			buf_adds(&found, path);
	}
	if (found.n > 0)
		*ret = xasprintf("%s%s", strchr(found.p, ':') ? LIST : "", found.p);
	else if (host && *host)
		*ret = xstrdup(IN_CLUSTER);
	else
		return no_file(e);
	return 0;
}

int
kubeconfig_load(const char *file, const char *context, struct kubeconfig *ret, struct err *e)
{
	cleanup_free char *where = NULL;
	struct files fs = { 0 };
	int rc = 0;

	if (!file) {
		rc = kubeconfig_where(NULL, &where, e);
		file = where;
	}
	if (rc < 0)
		return rc;
	if (streq(file, IN_CLUSTER))
		return kubeconfig_in_cluster(ACCOUNT_DIR, getenv("KUBERNETES_SERVICE_HOST"),
		                             getenv("KUBERNETES_SERVICE_PORT"), ret, e);
	if (has_prefix(file, LIST))
		rc = add_list(&fs, file + strlen(LIST), e);
	else
		rc = add_file(&fs, file, true, e);
	if (rc == 0 && fs.n == 0)
		rc = no_file(e);
	if (rc == 0)
		rc = kubeconfig_resolve(fs.v, fs.n, context, ret, e);
	files_fini(&fs);
	return rc;
}

int
kubeconfig_parse(struct str text, const char *dir, const char *context, struct kubeconfig *ret,
                 struct err *e)
{
	struct files fs = { .n = 1 };
	int rc;

	fs.v[0] = (struct kube_file){ .origin = xstrdup("text"), .dir = xstrdup(dir) };
	rc = parse_into(&fs.v[0], text, e);
	if (rc == 0)
		rc = kubeconfig_resolve(fs.v, fs.n, context, ret, e);
	files_fini(&fs);
	return rc;
}

int
kubeconfig_in_cluster(const char *folder, const char *host, const char *port,
                      struct kubeconfig *ret, struct err *e)
{
	const bool is_v6 = host && strchr(host, ':') != NULL && host[0] != '[';
	struct kubeconfig c = { .from_cluster = true };
	cleanup_free char *ca = xasprintf("%s/ca.crt", folder);
	cleanup_free char *ns = xasprintf("%s/namespace", folder);
	size_t n;
	int rc;

	if (!host || !*host)
		return err_set(e, ERR_NOT_FOUND, "this is no pod of a cluster");
	c.origin = xstrdup("in-cluster");
	c.context = xstrdup("in-cluster");
	c.cluster = xstrdup("in-cluster");
	c.user = xstrdup("in-cluster");
	c.server = xasprintf("https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
	                     port && *port ? port : "443");
	c.token_file = xasprintf("%s/token", folder);
	rc = kubeconfig_read_secret(ca, KUBECONFIG_PEM_MAX, &c.ca_pem, &n, e);
	if (rc == 0)
		rc = kubeconfig_pem_check(str_of(c.ca_pem), PEM_CERTIFICATE, ca, NULL, e);
	if (rc == 0)
		rc = kubeconfig_read_secret(ns, 4096, &c.ns, &n, e);
	if (rc == 0)
		c.ns[strcspn(c.ns, " \t\r\n")] = '\0';
	if (rc == 0 && !c.ns[0]) {
		free(c.ns);
		c.ns = xstrdup("default");
	}
	if (rc < 0) {
		kubeconfig_fini(&c);
		return err_prefix(e, "the pod's service account");
	}
	*ret = c;
	return 0;
}
