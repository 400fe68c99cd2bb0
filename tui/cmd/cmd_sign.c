/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign --oms: a version's files as a bundle of OpenSSF Model Signing, for tools that know nothing
 * of this registry. The version is verified first, and its manifest has the digests: no model byte
 * is read. The key is one of the person's own for that purpose, in PEM; no key of the registry is
 * used, and nothing is logged.
 */
#include "tui/cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/ledger.h"
#include "registry/oms.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"
#include "tui/cmd/sign.h"
#include "tui/cmd/sign_foreign.h"

#define HINT "slipway sign REF --oms FILE --oms-key PEM"

struct sign {
	struct app *app;
	const char *file, *key_file;
	struct version_row row;
	struct ledger ledger;
	struct admitted admitted;
	bool is_admitted;
	struct ecdsa_key *key;
	struct oms oms;
};

/* --- the key --- */

/* A key that others can read is nobody's signature. A pipe has no such mode. */
static int
open_key(const char *path, int *ret, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot open the key \"%s\"", path);
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		(void)err_set(e, ERR_DENIED, "the key \"%s\" is not a file that only you may read",
		              path);
		return err_hint(e, "chmod 600 it");
	}
	*ret = steal_fd(&fd);
	return 0;
}

/* Into sodium memory of OMS_PEM_MAX bytes. */
static int
read_key(int fd, const char *path, char *ret, size_t *ret_n, struct err *e)
{
	size_t n = 0;

	while (n < OMS_PEM_MAX) {
		const ssize_t got = read(fd, ret + n, OMS_PEM_MAX - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "cannot read the key \"%s\"", path);
		if (got == 0) {
			*ret_n = n;
			return 0;
		}
		n += (size_t)got;
	}
	return err_set(e, ERR_TOO_BIG, "the key \"%s\" is larger than %u bytes", path,
	               OMS_PEM_MAX - 1);
}

static int
load_key(struct sign *s, struct str pem, struct err *e)
{
	cleanup_free char *question = xasprintf("passphrase of %s:", s->key_file);
	char *passphrase = NULL;
	int rc = 0;

	if (oms_key_is_encrypted(pem))
		rc = passphrase_get(s->app, question, false, &passphrase, e);
	if (rc == 0) {
		rc = oms_key_load(pem, passphrase, &s->key, e);
		rc = rc < 0 ? err_prefix(e, "\"%s\"", s->key_file) : 0;
	}
	sodium_free(passphrase);
	return rc;
}

static int
find_key(struct sign *s, struct err *e)
{
	cleanup_close int fd = -1;
	struct str pem = { 0 };
	char *text;
	int rc;

	rc = open_key(s->key_file, &fd, e);
	if (rc < 0)
		return rc;
	signer_keep_memory();
	text = sodium_malloc(OMS_PEM_MAX);
	if (!text)
		return err_set(e, ERR_SYS, "not enough lockable memory for a key");
	rc = read_key(fd, s->key_file, text, &pem.n, e);
	pem.p = text;
	if (rc == 0)
		rc = load_key(s, pem, e);
	sodium_free(text);
	return rc;
}

/* --- the version --- */

static int
find_version(struct sign *s, const char *ref, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = store_read_begin(s->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_find(t, ref, &s->row, e);
	return rc == 0 ? version_is_live(&s->row, e) : rc;
}

static int
admit_version(struct sign *s, const char *ref, struct err *e)
{
	struct registry *const r = s->app->registry;
	int rc;

	rc = ledger_open(r, &s->ledger, e);
	if (rc == 0)
		rc = find_version(s, ref, e);
	if (rc == 0)
		rc = ledger_version(r, &s->ledger, s->row.model, &s->row.digest, &s->admitted, e);
	s->is_admitted = rc == 0;
	return rc;
}

/* --- the bundle --- */

static int
exists(const struct sign *s, struct err *e)
{
	(void)err_set(e, ERR_EXISTS, "\"%s\" exists", s->file);
	return err_hint(e, "name a new file, or remove that one first");
}

static int
write_bundle(struct sign *s, struct err *e)
{
	const char *const slash = strrchr(s->row.model, '/');
	cleanup_buf struct buf b = { 0 };
	int rc;

	rc = oms_sign(&s->admitted.manifest, slash ? slash + 1 : s->row.model, s->key, &b, &s->oms,
	              e);
	if (rc < 0)
		return rc;
	rc = fs_create_at(AT_FDCWD, s->file, b.p, b.n, 0644, e);
	return e->code == ERR_EXISTS ? exists(s, e) : rc;
}

static void
show(struct sign *s)
{
	const struct manifest *const m = &s->admitted.manifest;
	struct out *const o = s->app->out;
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	version_name(s->row.model, s->row.number, name);
	out_object_begin(o, "OmsBundle");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", s->row.model);
		jo_u64(j, "version", s->row.number);
		jo_digest(j, "digest", &s->row.digest);
		jo_string(j, "path", s->file);
		jo_string(j, "curve", s->oms.curve);
		jo_string(j, "key", s->oms.key);
		jo_digest(j, "root", &s->oms.root);
		jo_u64(j, "files", s->oms.resources.n);
		jo_begin(j, "notCovered", '[');
		for (size_t i = 0; i < m->n; i++) {
			if (manifest_oms_ignores(m->files[i].path))
				jo_string(j, NULL, m->files[i].path);
		}
		jo_end(j, ']');
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s\n", s->file);
	else
		out_text(o, "%s: %zu file%s signed in %s with %s key %s\n", name,
		         s->oms.resources.n, s->oms.resources.n == 1 ? "" : "s", s->file,
		         s->oms.curve, s->oms.key);
	for (size_t i = 0; i < m->n; i++) {
		if (manifest_oms_ignores(m->files[i].path))
			out_note(o, "not covered, as such documents leave it out: \"%s\"",
			         m->files[i].path);
	}
}

static int
sign_version(struct sign *s, const char *ref, struct err *e)
{
	int rc;

	if (access(s->file, F_OK) == 0)
		return exists(s, e);
	rc = admit_version(s, ref, e);
	if (rc == 0)
		rc = find_key(s, e);
	if (rc == 0)
		rc = write_bundle(s, e);
	if (rc == 0)
		rc = ledger_save_pin(s->app->registry, &s->ledger, e);
	if (rc == 0)
		show(s);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct sign s = {
		.app = a,
		.file = arg_value(in, "--oms"),
		.key_file = arg_value(in, "--oms-key"),
	};
	int rc;

	if (!s.file && !s.key_file)
		return sign_foreign(a, in->pos[0], e);
	if (!s.file || !s.key_file) {
		(void)err_set(e, ERR_USAGE, "sign: %s is missing", s.file ? "--oms-key" : "--oms");
		return err_hint(e, HINT);
	}
	rc = sign_version(&s, in->pos[0], e);
	oms_fini(&s.oms);
	oms_key_free(s.key);
	if (s.is_admitted)
		admitted_fini(&s.admitted);
	ledger_fini(&s.ledger);
	return rc;
}

static const struct opt opts[] = {
	{ "--oms", 0, "FILE", "write a bundle of OpenSSF Model Signing", false },
	{ "--oms-key", 0, "PEM", "sign it with this ECDSA key", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_sign = {
	.name = "sign",
	.args = "REF [--oms FILE --oms-key PEM]",
	.summary = "take a copied version, or sign its files for other tools",
	.group = "trust",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_WRITES_FILES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway sign fraud-ranker@v41\n"
	            "  slipway sign fraud-ranker@v3 --oms model.sig --oms-key release.pem\n",
};
