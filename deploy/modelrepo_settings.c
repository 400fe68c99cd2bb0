/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model-settings.json: MLServer takes the version that it names, and every one that lies anywhere
 * below its repository counts. Ours is a function of the target's settings and the number, so it
 * can be compared; a version must not bring one of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/modelrepo_driver.h"

json_t *
modelrepo_settings_json(const struct modelrepo *m, const char *entry, uint64_t number)
{
	cleanup_free char *version = xasprintf("%" PRIu64, number);
	cleanup_free char *uri = xasprintf("./%s%s%s", version, m->model_file ? "/" : "",
	                                   m->model_file ? m->model_file : "");

	return json_pack("{s:s, s:s, s:{s:s, s:s}}", "implementation", m->implementation, "name",
	                 entry, "parameters", "uri", uri, "version", version);
}

static void
settings_text(const struct modelrepo *m, const char *entry, uint64_t number, struct buf *ret)
{
	cleanup_json json_t *j = modelrepo_settings_json(m, entry, number);

	json_canonical(j, ret);
	buf_addc(ret, '\n');
}

int
modelrepo_settings_write(const struct modelrepo *m, struct folder *f, const char *entry,
                         uint64_t number, struct err *e)
{
	cleanup_buf struct buf text = { 0 };

	if (m->dialect != MODELREPO_MLSERVER)
		return 0;
	if (number > 0)
		settings_text(m, entry, number, &text);
	return folder_settings_write(f, number > 0 ? &text : NULL, e);
}

int
modelrepo_settings_are(const struct modelrepo *m, struct folder *f, const char *entry,
                       uint64_t number, bool *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 }, there = { 0 };
	bool exists = false;
	int rc;

	*ret = true;
	if (m->dialect != MODELREPO_MLSERVER)
		return 0;
	rc = folder_settings(f, &there, &exists, e);
	if (rc < 0)
		return rc;
	if (number > 0)
		settings_text(m, entry, number, &text);
	*ret = exists == (number > 0) && str_eq(buf_str(&there), buf_str(&text));
	return 0;
}

static bool
is_settings(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return streq(slash ? slash + 1 : path, FOLDER_SETTINGS);
}

/* What ours says, whoever has changed it since: it is written anew. 0: nothing. */
static uint64_t
named_by(struct str text)
{
	cleanup_json json_t *j = NULL;
	struct err none = { 0 };
	const char *version = NULL;
	uint64_t number = 0;

	if (json_parse(text, FOLDER_SETTINGS, &j, &none) == 0)
		version = json_opt_string(json_object_get(j, "parameters"), "version");
	return version && parse_u64(version, UINT64_MAX, &number) == 0 ? number : 0;
}

/* What it finds below its repository under that name, beside ours. */
static int
check_index(const struct modelrepo_api *a, const char *entry, uint64_t ours, uint64_t named,
            struct findings *ret, struct err *e)
{
	cleanup_index struct modelrepo_index index = { 0 };
	int rc = modelrepo_index(a, entry, &index, e);

	for (size_t i = 0; rc == 0 && i < index.n; i++) {
		if (index.v[i].number == ours || index.v[i].number == named)
			continue;
		findings_add(ret, FINDING_BLOCK, "foreign-version",
		             "move it away: every model-settings.json below the repository counts",
		             "a " FOLDER_SETTINGS " that is not ours names version %" PRIu64
		             " of \"%.100s\"",
		             index.v[i].number, entry);
	}
	return rc;
}

int
modelrepo_settings_check(const struct modelrepo *m, struct folder *f,
                         const struct folder_stamp *stamp, const struct rollout *q,
                         struct findings *ret, struct err *e)
{
	cleanup_buf struct buf there = { 0 };
	char entry[256];
	bool exists = false;
	int rc = folder_entry_name(m->t, q->model, entry, e);

	for (size_t i = 0; q->files && !q->empty && i < q->files->n; i++) {
		if (is_settings(q->files->files[i].path))
			findings_add(ret, FINDING_BLOCK, "own-config",
			             "import it without; the target's settings count",
			             "the version carries a " FOLDER_SETTINGS " of its own");
	}
	if (rc == 0 && f)
		rc = folder_settings(f, &there, &exists, e);
	if (rc == 0 && exists && (!stamp->exists || stamp->number == 0))
		findings_add(ret, FINDING_BLOCK, "foreign-version", "move it away",
		             "the folder has a " FOLDER_SETTINGS
		             " that this registry did not write");
	if (rc < 0)
		return rc;
	return check_index(&m->servers[0], entry, stamp->number,
	                   stamp->number > 0 ? named_by(buf_str(&there)) : 0, ret, e);
}
