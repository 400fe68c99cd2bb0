/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would keep a version from being served, found before anything is written: the server, its
 * folder, other people's versions in it, and a configuration that chooses versions by itself. Reads
 * only.
 */
#include "deploy/modelrepo_driver.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "deploy/folder_preview.h"

/* A server of the other dialect answers most of it, and means something else. */
static void
check_dialect(const struct modelrepo *m, const struct modelrepo_server *s, struct findings *ret)
{
	const bool is_mlserver = streq(s->name, "mlserver");

	if (is_mlserver != (m->dialect == MODELREPO_MLSERVER) &&
	    (is_mlserver || streq(s->name, "triton")))
		findings_add(ret, FINDING_BLOCK, "dialect",
		             is_mlserver ? "add the target with --set dialect=mlserver"
		                         : "add the target without --set dialect=mlserver",
		             "the server is \"%s\", and the target speaks another dialect",
		             s->name);
}

static int
check_server(const struct modelrepo *m, const struct modelrepo_api *a, const char *entry,
             struct findings *ret, struct err *e)
{
	cleanup_index struct modelrepo_index index = { 0 };
	struct modelrepo_server s;
	int rc;

	rc = modelrepo_live(a, e);
	if (rc < 0)
		return rc;
	rc = modelrepo_server(a, &s, e);
	if (rc < 0)
		return rc;
	check_dialect(m, &s, ret);
	if (!s.has_repository) {
		findings_add(ret, FINDING_BLOCK, "no-repository-api",
		             "start the server with its model repository API allowed",
		             "\"%s\" %s offers no model_repository extension", s.name, s.version);
		return 0;
	}
	rc = modelrepo_index(a, entry, &index, e);
	if (rc < 0)
		return rc;
	findings_add(ret, FINDING_OK, "server", NULL,
	             "\"%s\" %s answers, %zu version%s of \"%s\" in its index",
	             s.name, s.version, index.n, index.n == 1 ? "" : "s", entry);
	return 0;
}

static bool
check_path(const char *path, struct findings *ret)
{
	if (access(path, R_OK | W_OK | X_OK) == 0)
		return true;
	if (errno == ENOENT || errno == ENOTDIR)
		findings_add(ret, FINDING_BLOCK, "path",
		             "make or mount the folder that the server reads",
		             "the model repository \"%s\" is not there", path);
	else
		findings_add(ret, FINDING_BLOCK, "not-writable",
		             "the agent's user must be able to write there",
		             "cannot write to \"%s\": %s", path, strerrordesc_np(errno));
	return false;
}

/* The loaded configuration is the one that counts; the file only where the server has none yet. */
static int
check_policy(const struct modelrepo *m, struct folder *f, const char *entry, bool has_config,
             struct findings *ret, struct err *e)
{
	static const char hint[] = "set version_policy { latest { num_versions: 1 } } or none";
	cleanup_buf struct buf text = { 0 };
	enum modelrepo_policy policy = MODELREPO_POLICY_LATEST;
	bool is_loaded;
	int rc;

	if (!has_config) {
		findings_add(ret, FINDING_WARN, "no-config",
		             "put a config.pbtxt into the model's folder",
		             "\"%s\" has no config.pbtxt; the server must make one up", entry);
	} else {
		rc = folder_config(f, &text, e);
		if (rc < 0)
			return rc;
		if (modelrepo_policy_text(buf_str(&text)) == MODELREPO_POLICY_OTHER)
			findings_add(ret, FINDING_BLOCK, "version-policy", hint,
			             "the config.pbtxt of \"%s\" has another policy than latest",
			             entry);
	}
	rc = modelrepo_config(&m->servers[0], entry, &is_loaded, &policy, e);
	if (rc < 0)
		return rc;
	if (is_loaded && policy == MODELREPO_POLICY_OTHER)
		findings_add(ret, FINDING_BLOCK, "version-policy", hint,
		             "\"%s\" is loaded with a version_policy other than latest", entry);
	return 0;
}

static void
check_files(const struct rollout *q, struct findings *ret)
{
	for (size_t i = 0; q->files && i < q->files->n; i++) {
		if (streq(q->files->files[i].path, "config.pbtxt"))
			findings_add(ret, FINDING_BLOCK, "own-config",
			             "import it without; the target's config.pbtxt counts",
			             "the version carries a config.pbtxt of its own");
	}
}

int
modelrepo_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	const struct modelrepo *m = st;
	struct folder_look look = { 0 };
	struct folder_stamp stamp = { 0 };
	struct folder *f = NULL;
	char entry[256];
	int rc;

	rc = folder_entry_name(m->t, q->model, entry, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->n; i++) {
		if (check_server(m, &m->servers[i], entry, ret, e) < 0)
			return modelrepo_blame(m, i, e);
	}
	if (!q->empty && m->dialect == MODELREPO_TRITON)
		check_files(q, ret);
	if (!check_path(m->t->path, ret))
		return 0;
	rc = modelrepo_folder(m, q, false, entry, &f, e);
	if (rc == 0)
		rc = folder_findings(f, q, &stamp, &look, ret, e);
	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0 && m->dialect == MODELREPO_TRITON)
		rc = check_policy(m, f, entry, f && look.has_config, ret, e);
	else if (rc == 0)
		rc = modelrepo_settings_check(m, f, &stamp, q, ret, e);
	if (rc == -ERR_DENIED) { /* a link or a special file in the way */
		findings_add(ret, FINDING_BLOCK, "in-the-way", e->hint, "%s", e->msg);
		err_clear(e);
		rc = 0;
	}
	folder_close(f);
	return rc;
}
