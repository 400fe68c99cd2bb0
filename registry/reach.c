/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's way to a target, kept beside their keys. It decides which credentials go where, so a
 * file that somebody else could have written does not count. Knows nothing of servers.
 */
#include "registry/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/str.h"

static json_t *
digest_or_null(const struct digest *d)
{
	return digest_is_zero(d) ? json_null() : json_from_digest(d);
}

static json_t *
text_or_null(const char *s)
{
	return s ? json_from_str(str_of(s)) : json_null();
}

static json_t *
metrics_json(const struct reach_metrics *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "url", text_or_null(m->url));
	json_object_set_new(o, "tokenFile", text_or_null(m->token_file));
	json_object_set_new(o, "loginFile", text_or_null(m->login_file));
	json_object_set_new(o, "caFile", text_or_null(m->ca_file));
	return o;
}

json_t *
reach_to_json(const struct reach *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "kubeconfig", json_from_str(str_of(r->kubeconfig)));
	json_object_set_new(o, "context", json_from_str(str_of(r->context)));
	json_object_set_new(o, "url", json_from_str(str_of(r->url)));
	json_object_set_new(o, "ca", digest_or_null(&r->ca));
	json_object_set_new(o, "plugin", digest_or_null(&r->plugin));
	if (r->metrics.url)
		json_object_set_new(o, "metrics", metrics_json(&r->metrics));
	return o;
}

static int
get_digest(const json_t *o, const char *key, struct digest *ret, struct err *e)
{
	*ret = (struct digest){ 0 };
	if (json_is_null(json_object_get(o, key)))
		return 0;
	return json_get_digest(o, key, "reach", ret, e);
}

static char *
copy_of(const json_t *o, const char *key)
{
	const char *s = json_opt_string(o, key);

	return s && *s ? xstrdup(s) : NULL;
}

/* What says no address is bound to nothing, and so says nothing. */
static void
metrics_from(const json_t *o, struct reach_metrics *ret)
{
	*ret = (struct reach_metrics){ .url = copy_of(o, "url") };
	if (!ret->url)
		return;
	ret->token_file = copy_of(o, "tokenFile");
	ret->login_file = copy_of(o, "loginFile");
	ret->ca_file = copy_of(o, "caFile");
}

int
reach_from_json(const json_t *o, struct reach *ret, struct err *e)
{
	const char *kubeconfig, *context, *url;
	struct digest ca, plugin;
	int rc = json_get_string(o, "kubeconfig", "reach", &kubeconfig, e);

	if (rc == 0)
		rc = json_get_string(o, "context", "reach", &context, e);
	if (rc == 0)
		rc = json_get_string(o, "url", "reach", &url, e);
	if (rc == 0)
		rc = get_digest(o, "ca", &ca, e);
	if (rc == 0)
		rc = get_digest(o, "plugin", &plugin, e);
	if (rc < 0)
		return rc;
	*ret = (struct reach){ .kubeconfig = xstrdup(kubeconfig),
		               .context = xstrdup(context),
		               .url = xstrdup(url),
		               .ca = ca,
		               .plugin = plugin };
	metrics_from(json_object_get(o, "metrics"), &ret->metrics);
	return 0;
}

void
reach_metrics_fini(struct reach_metrics *m)
{
	free(m->url);
	free(m->token_file);
	free(m->login_file);
	free(m->ca_file);
	*m = (struct reach_metrics){ 0 };
}

void
reach_fini(struct reach *r)
{
	free(r->kubeconfig);
	free(r->context);
	free(r->url);
	reach_metrics_fini(&r->metrics);
	*r = (struct reach){ 0 };
}

static int
path_of(const char *registry_id, const char *target, char **ret_dir, char **ret_path, struct err *e)
{
	cleanup_free char *config = NULL;
	int rc;

	/* both become parts of a path */
	if (!*registry_id || strspn(registry_id, "0123456789abcdef") != strlen(registry_id) ||
	    strchr(target, '/') || target[0] == '.' || !*target)
		return err_set(e, ERR_USAGE, "\"%s\" is no name of a target", target);
	rc = fs_config_dir(&config, e);
	if (rc < 0)
		return rc;
	*ret_dir = xasprintf("%s/targets/%s", config, registry_id);
	*ret_path = xasprintf("%s/%s.json", *ret_dir, target);
	return 0;
}

static int
read_own(const char *path, struct buf *ret, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot open \"%s\"", path);
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 022)) {
		err_set(e, ERR_DENIED, "\"%s\" is not a file that only you may write", path);
		return err_hint(e, "look who wrote it, remove it, then `slipway target set`");
	}
	return fs_read_fd(fd, path, REACH_MAX, ret, e);
}

int
reach_load(const char *registry_id, const char *target, struct reach *ret, struct err *e)
{
	cleanup_free char *dir = NULL, *path = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc = path_of(registry_id, target, &dir, &path, e);

	if (rc == 0)
		rc = read_own(path, &text, e);
	if (rc < 0)
		return rc;
	rc = json_parse(buf_str(&text), path, &o, e);
	if (rc == 0)
		rc = reach_from_json(o, ret, e);
	if (rc < 0)
		return err_hint(e, "remove \"%s\", then `slipway target set`", path);
	return 0;
}

int
reach_save(const char *registry_id, const char *target, const struct reach *r, bool *ret_changed,
           struct err *e)
{
	cleanup_free char *dir = NULL, *path = NULL;
	cleanup_buf struct buf text = { 0 }, before = { 0 };
	cleanup_json json_t *o = reach_to_json(r);
	struct err none = { 0 };
	int rc = path_of(registry_id, target, &dir, &path, e);

	if (rc < 0)
		return rc;
	json_pretty(o, &text);
	buf_addc(&text, '\n');
	*ret_changed =
	        read_own(path, &before, &none) < 0 || !str_eq(buf_str(&before), buf_str(&text));
	if (!*ret_changed)
		return 0;
	rc = fs_mkdirs(dir, 0700, e);
	return rc < 0 ? rc : fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, e);
}
