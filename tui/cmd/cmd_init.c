/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: a registry, this person's key, the agent's and the log's, and the first policy, all or
 * nothing. What was made before a step failed is taken away again; what was there before is never
 * touched.
 */
#include "tui/cmd/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/ledger.h"
#include "tui/cmd/founding.h"

struct init {
	char *dir;
	struct founding f;
	/* to be taken away when it fails */
	bool made_dir, made_registry;
};

/* --- taking back --- */

static void
remove_below(int dirfd, int depth)
{
	DIR *const d = fdopendir(dirfd);
	const struct dirent *n;

	if (!d) {
		close_quietly(dirfd);
		return;
	}
	while ((n = readdir(d)) != NULL) {
		if (streq(n->d_name, ".") || streq(n->d_name, ".."))
			continue;
		if (unlinkat(dirfd, n->d_name, 0) == 0 || depth == 0)
			continue;
		const int below = openat(dirfd, n->d_name,
		                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		remove_below(below, depth - 1);
		(void)unlinkat(dirfd, n->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static void
take_back(const struct init *n)
{
	founding_take_back(&n->f);
	if (!n->made_registry)
		return;
	const int fd = open(n->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_below(fd, 3); /* blobs/sha256/x is the deepest that creating makes */
	if (n->made_dir)
		(void)rmdir(n->dir);
}

/* --- steps --- */

static int
check_place(struct app *a, struct init *n, struct err *e)
{
	const char *const env = getenv("SLIPWAY_REGISTRY");
	cleanup_free char *json = NULL;
	int rc;

	rc = registry_dir(a->registry_dir || (env && *env) ? a->registry_dir : a->conf.registry,
	                  &n->dir, e);
	if (rc < 0)
		return rc;
	json = xasprintf("%s/registry.json", n->dir);
	if (access(json, F_OK) == 0) {
		(void)err_set(e, ERR_EXISTS, "there is a registry in \"%s\" already", n->dir);
		return err_hint(e,
		                "look at it with `slipway list`, or name another folder with -R");
	}
	n->made_dir = access(n->dir, F_OK) < 0 && errno == ENOENT;
	return 0;
}

/* Reads the two entries back as every later verb will, and remembers them. */
static int
pin_first(struct registry *r, struct err *e)
{
	struct ledger l;
	int rc;

	rc = ledger_open(r, &l, e);
	if (rc < 0)
		return rc;
	rc = ledger_save_pin(r, &l, e);
	ledger_fini(&l);
	return rc;
}

static int
make(struct app *a, struct init *n, struct err *e)
{
	int rc;

	rc = founding_person(a, &n->f, e);
	if (rc < 0)
		return rc;
	n->made_registry = true;
	rc = registry_create(n->dir, n->f.id, e);
	if (rc == -ERR_EXISTS)
		n->made_registry = false;
	if (rc < 0)
		return rc;
	rc = founding_keys(&n->f, e);
	if (rc < 0)
		return rc;
	rc = registry_open(n->dir, REGISTRY_WRITE, &a->registry, e);
	if (rc == 0)
		rc = founding_policy(a, &n->f, e);
	if (rc == 0)
		rc = pin_first(a->registry, e);
	return rc;
}

static void
show(struct app *a, const struct init *n)
{
	struct json_out *j;

	out_object_begin(a->out, "Registry");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "path", n->dir);
		jo_string(j, "id", n->f.id);
	}
	out_field(a->out, "registry", "%s", n->dir);
	out_field(a->out, "id", "%s", n->f.id);
	founding_show(a, &n->f);
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", n->dir);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct init n = { 0 };
	int rc;

	a->no_passphrase = arg_flag(in, "--no-passphrase");
	rc = founding_choose(in, &n.f, e);
	if (rc == 0)
		rc = check_place(a, &n, e);
	if (rc == 0)
		rc = make(a, &n, e);
	if (rc == 0) {
		show(a, &n);
	} else {
		registry_close(steal(&a->registry));
		take_back(&n);
	}
	founding_fini(&n.f);
	free(n.dir);
	return rc;
}

static const struct opt opts[] = {
	{ "--name", 0, "WHO", "who you are in the policy; default: your user name", false },
	{ "--policy", 0, "solo|team", "solo (default), or team: production wants a second person",
	  false },
	{ "--no-passphrase", 0, NULL, "leave the new key unencrypted on this disk", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_init = {
	.name = "init",
	.args = "",
	.summary = "make a registry, your key and the first policy",
	.group = "start",
	.opts = opts,
	.flags = CMD_CHANGES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway init\n"
	            "  slipway -R /srv/models init --name ana --policy team\n"
	            "  slipway init --passphrase-fd 3 3<secret\n",
};
