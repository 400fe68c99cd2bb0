/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "pull": what a manifest of an OCI registry names, into blobs of ours, each checked by
 * its digest before it counts, and our manifest of it. No entry of the log is made here: whoever
 * asked signs for what came, or does not, and then the blobs are garbage.
 */
#include "deploy/agent.h"

#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/oci_layout.h"
#include "deploy/oci_manifest.h"
#include "deploy/oci_pull.h"
#include "deploy/pull_archive.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/import.h"

#define BATCH_BYTES ((uint64_t)64 << 20) /* then what has come counts, should the rest not */
#define BATCH_FILES 1024u

struct pull {
	struct registry *r;
	struct remote_options o;
	struct oci_reference ref;
	struct oci oci;
	bool is_layout; /* a folder instead of a registry */
	struct oci_layout layout;
	uint64_t deadline_ms;

	struct buf text; /* the manifest there */
	struct digest digest;
	struct oci_manifest there;
	struct digest *unpacked; /* of each layer there; NULL: none is packed, or nobody says */
	struct manifest files;
	struct digest version; /* the manifest here */

	struct blob_batch *batch;
	size_t batch_n;
	uint64_t batch_bytes, new_bytes;
	uint64_t fetched, present;
	struct agent_progress progress;
};

static int
check_time(void *arg, struct err *e)
{
	const struct pull *const p = arg;

	if (p->deadline_ms == 0 || clock_mono_ms() < p->deadline_ms)
		return 0;
	return err_set(e, ERR_UNREACHABLE,
	               "no time was left; files that came whole stay and are not fetched again");
}

static int
get_blob(struct pull *p, const struct oci_blob *b, struct err *e)
{
	return p->is_layout ? oci_layout_blob(&p->layout, b, e) : oci_get_blob(&p->oci, b, e);
}

/* --- batches --- */

static int
flush(struct pull *p, struct err *e)
{
	int rc = p->batch ? blob_batch_finish(p->batch, e) : 0;

	if (rc == 0 && p->batch)
		p->new_bytes += blob_batch_new_bytes(p->batch);
	blob_batch_free(p->batch);
	p->batch = NULL;
	p->batch_n = 0;
	p->batch_bytes = 0;
	return rc;
}

static int
want_batch(struct pull *p, struct err *e)
{
	int rc = 0;

	if (p->batch_n >= BATCH_FILES || p->batch_bytes >= BATCH_BYTES)
		rc = flush(p, e);
	if (rc == 0 && !p->batch)
		rc = blob_batch_new(p->r->blobs, &p->batch, e);
	return rc;
}

/* --- one layer --- */

static bool
came_before(const struct pull *p, const struct digest *d)
{
	for (size_t i = 0; i < p->files.n; i++) {
		if (memcmp(p->files.files[i].digest.b, d->b, DIGEST_SIZE) == 0)
			return true;
	}
	return false;
}

struct file_coming {
	struct pull *p;
	struct blob_arrival *arrival;
};

static int
take_file(void *arg, const void *bytes, size_t n, struct err *e)
{
	const struct file_coming *const f = arg;
	int rc = blob_arrival_write(f->arrival, bytes, n, e);

	return rc < 0 ? rc : agent_progress_add(&f->p->progress, n, e);
}

static int
wrong_digest(const struct pull *p, const char *name, struct err *e)
{
	if (e->code != ERR_DIGEST)
		return -(int)e->code;
	return err_set(e, ERR_DIGEST,
	               "registry \"%s\" gives other bytes for \"%s\" than the manifest names",
	               p->ref.host, name);
}

/* What an earlier pull was cut off with is hashed again; only then is it as good as fetched. */
static int
reread(struct pull *p, struct blob_arrival *a, struct err *e)
{
	uint64_t n = 0;
	int rc;

	do {
		rc = blob_arrival_reread(a, &n, e);
		if (rc == 0)
			rc = agent_progress_add(&p->progress, n, e);
		if (rc == 0)
			rc = check_time(p, e);
	} while (rc == 0 && n > 0);
	return rc;
}

/* The world went away, or whoever asked: what has come is right all the same. */
static void
keep(struct blob_arrival *a, struct err *e)
{
	const bool is_cut =
	        e->code == ERR_UNREACHABLE || e->code == ERR_DENIED || e->code == ERR_SYS;

	if (is_cut && blob_arrival_keep(a) && e->code == ERR_UNREACHABLE)
		(void)err_hint(e, "what has come is kept: the same pull goes on from there");
}

/* *ret_had: bytes of it that were here. */
static int
fetch_once(struct pull *p, const struct oci_layer *l, uint64_t *ret_had, struct err *e)
{
	const struct blob_coming c = { l->path, l->size, &l->digest };
	struct file_coming f = { .p = p };
	struct oci_blob b = {
		.name = l->path, .digest = l->digest, .size = l->size, .take = take_file, .arg = &f
	};
	struct digest got;
	int rc = blob_arrival_resume(p->batch, &c, &b.from, &f.arrival, e);

	if (rc < 0)
		return rc;
	*ret_had = b.from;
	rc = reread(p, f.arrival, e);
	if (rc == 0)
		rc = get_blob(p, &b, e);
	if (rc < 0)
		keep(f.arrival, e);
	if (rc == 0) {
		rc = blob_arrival_end(f.arrival, &l->digest, &got, e);
		if (rc < 0)
			rc = wrong_digest(p, l->path, e);
	}
	blob_arrival_free(f.arrival);
	return rc;
}

static int
fetch_file(struct pull *p, const struct oci_layer *l, struct err *e)
{
	const uint64_t done = p->progress.done;
	uint64_t had = 0;
	int rc = want_batch(p, e);

	if (rc == 0)
		rc = fetch_once(p, l, &had, e);
	/* a machine that went down need not have written what it kept: all of it, once */
	if (rc == -ERR_DIGEST && had > 0) {
		err_clear(e);
		p->progress.done = done;
		rc = fetch_once(p, l, &had, e);
	}
	if (rc < 0)
		return rc;
	p->batch_n++;
	p->batch_bytes += l->size;
	p->fetched += l->size - had;
	p->present += had;
	return 0;
}

static int
file_layer(struct pull *p, const struct oci_layer *l, struct err *e)
{
	int rc = 0;

	if (came_before(p, &l->digest) || blob_is_whole(p->r->blobs, &l->digest, l->size)) {
		p->present += l->size;
		rc = agent_progress_add(&p->progress, l->size, e);
	} else {
		rc = fetch_file(p, l, e);
	}
	if (rc == 0)
		manifest_add(&p->files, l->path, l->size, &l->digest);
	return rc;
}

struct archive_coming {
	struct pull *p;
	struct pull_archive *archive;
};

static int
take_archive(void *arg, const void *bytes, size_t n, struct err *e)
{
	const struct archive_coming *const a = arg;
	int rc = pull_archive_feed(a->archive, bytes, n, e);

	return rc < 0 ? rc : agent_progress_add(&a->p->progress, n, e);
}

/* Its files count together, once the whole archive has its digest. */
static int
archive_layer(struct pull *p, const struct oci_layer *l, size_t i, struct err *e)
{
	cleanup_free char *name = xasprintf("layer %zu", i + 1);
	struct archive_coming a = { .p = p };
	const struct oci_blob b = {
		.name = name, .digest = l->digest, .size = l->size, .take = take_archive, .arg = &a
	};
	const struct pull_archive_form form = {
		.is_image = p->there.is_image,
		.is_gzip = l->kind == OCI_TAR_GZIP,
		.room = registry_room(p->r),
		.unpacked = p->unpacked ? &p->unpacked[i] : NULL,
	};
	int rc = flush(p, e);

	if (rc == 0)
		rc = want_batch(p, e);
	if (rc < 0)
		return rc;
	a.archive = pull_archive_new(p->batch, &p->files, &form);
	rc = get_blob(p, &b, e);
	if (rc == 0) {
		rc = pull_archive_end(a.archive, &l->digest, e);
		if (rc == -ERR_DIGEST)
			rc = wrong_digest(p, name, e);
	}
	pull_archive_free(a.archive);
	if (rc < 0 && form.is_gzip && rc != -ERR_DIGEST)
		(void)err_prefix(e, "%s", name);
	if (rc == 0) {
		p->fetched += l->size;
		return flush(p, e);
	}
	blob_batch_free(p->batch); /* unfinished: nothing of it stays */
	p->batch = NULL;
	return rc;
}

/* --- all of it --- */

/* Before a byte is fetched: what is known already to be no version. */
static int
check_paths(const struct pull *p, struct err *e)
{
	struct manifest known = { 0 };
	int rc;

	for (size_t i = 0; i < p->there.n; i++) {
		const struct oci_layer *const l = &p->there.layers[i];
		if (l->path)
			manifest_add(&known, l->path, l->size, &l->digest);
	}
	rc = import_check_paths(&known, p->ref.repo, e);
	manifest_fini(&known);
	return rc;
}

/* What is here already of a file that is to be fetched. */
static uint64_t
part_of(const struct pull *p, const struct oci_layer *l)
{
	const uint64_t n = l->kind == OCI_FILE ? blob_part_size(p->r->blobs, &l->digest) : 0;

	return n < l->size ? n : l->size;
}

/* Before a byte is fetched too: a disk that fills up is in everybody's way. */
static int
check_room(const struct pull *p, struct err *e)
{
	const uint64_t room = registry_room(p->r);
	char want[16], have[16];
	uint64_t need = 0, size;

	for (size_t i = 0; i < p->there.n; i++) {
		const struct oci_layer *const l = &p->there.layers[i];
		if (!blob_exists(p->r->blobs, &l->digest, &size) || size != l->size)
			need += l->size - part_of(p, l);
	}
	if (need <= room)
		return 0;
	text_size(want, need);
	text_size(have, room);
	return err_set(e, ERR_NO_SPACE, "%s are to be fetched, and the registry has room for %s",
	               want, have);
}

static int
take_text(void *arg, const void *bytes, size_t n, struct err *e)
{
	(void)e;
	buf_add(arg, bytes, n); /* no more than was asked for */
	return 0;
}

/* What packed layers are unpacked is said by the document that the manifest names. */
static int
fetch_config(struct pull *p, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	const struct oci_blob b = { .name = "its config",
		                    .digest = p->there.config,
		                    .size = p->there.config_size,
		                    .take = take_text,
		                    .arg = &text };
	struct digest got;
	int rc;

	if (!p->there.has_packed)
		return 0;
	rc = get_blob(p, &b, e);
	if (rc < 0)
		return rc;
	digest_small(text.p ? text.p : "", text.n, &got);
	if (!digest_eq(&got, &p->there.config)) {
		(void)err_set(e, ERR_DIGEST, "another config");
		return wrong_digest(p, b.name, e);
	}
	return oci_config_diffs(buf_str(&text), &p->there, &p->unpacked, e);
}

static int
fetch(struct pull *p, struct err *e)
{
	int rc = 0;

	p->progress.total = p->there.bytes;
	for (size_t i = 0; rc == 0 && i < p->there.n; i++) {
		const struct oci_layer *const l = &p->there.layers[i];

		rc = l->kind == OCI_FILE ? file_layer(p, l, e) : archive_layer(p, l, i, e);
	}
	if (rc < 0) {
		struct err ignored = { 0 };

		(void)flush(p, &ignored); /* whole files need not come twice */
		return rc;
	}
	if (p->files.n > 0)
		return want_batch(p, e);
	err_set(e, ERR_USAGE, "there is no file in it");
	return p->there.is_image ? err_hint(e, "of an image what lies below /models is taken")
	                         : -(int)e->code;
}

/* What was pushed from a registry like ours has the digest that it had there. */
static int
check_version(const struct pull *p, struct err *e)
{
	struct err ignored = { 0 };
	struct manifest native = { 0 };
	const bool is_native = manifest_parse(buf_str(&p->text), &native, &ignored) == 0;

	manifest_fini(&native);
	if ((!is_native || digest_eq(&p->version, &p->digest)) &&
	    (digest_is_zero(&p->there.version) || digest_eq(&p->version, &p->there.version)))
		return 0;
	return err_set(e, ERR_DIGEST,
	               "the files in it are not those of the version that it says it is");
}

static int
take_in(struct pull *p, struct err *e)
{
	int rc = p->is_layout ? oci_layout_manifest(&p->layout, &p->text, &p->digest, e)
	                      : oci_get_manifest(&p->oci, &p->ref, &p->text, &p->digest, e);

	if (rc == 0)
		rc = oci_manifest_parse(buf_str(&p->text), &p->there, e);
	if (rc == 0)
		rc = check_paths(p, e);
	if (rc == 0)
		rc = check_room(p, e);
	if (rc == 0)
		rc = fetch_config(p, e);
	if (rc == 0)
		rc = fetch(p, e);
	if (rc == 0)
		rc = import_files(p->batch, &p->files, p->ref.repo, &p->version, e);
	if (rc < 0)
		return rc;
	p->new_bytes += blob_batch_new_bytes(p->batch);
	return check_version(p, e);
}

static void
answer(const struct pull *p, json_t **ret)
{
	const char *const tag = p->is_layout || p->ref.has_digest ? NULL
	                        : p->ref.tag[0]                   ? p->ref.tag
	                                                          : "latest";
	cleanup_free char *name = xasprintf("%s%s%s%s%s", p->ref.host, p->is_layout ? "@" : "/",
	                                    p->ref.repo, tag ? ":" : "", tag ? tag : "");

	*ret = json_object();
	json_object_set_new(*ret, "version", json_from_digest(&p->version));
	json_object_set_new(*ret, "name", json_string(name));
	json_object_set_new(*ret, "manifest", json_from_digest(&p->digest));
	json_object_set_new(*ret, "fetched", json_integer((json_int_t)p->fetched));
	json_object_set_new(*ret, "present", json_integer((json_int_t)p->present));
	json_object_set_new(*ret, "new", json_integer((json_int_t)p->new_bytes));
}

/* Where it came from is its last folder and the name in it: a path of this machine says nothing
 * elsewhere. */
static int
pull_layout(struct pull *p, const char *address, json_t **ret, struct err *e)
{
	const char *slash;
	int rc = oci_layout_open(address, &p->layout, e);

	if (rc < 0)
		return rc;
	p->is_layout = true;
	slash = strrchr(p->layout.path, '/');
	p->ref.host = xstrdup(slash && slash[1] ? slash + 1 : p->layout.path);
	p->ref.repo = xstrdup(p->layout.name);
	rc = take_in(p, e);
	if (rc == 0)
		answer(p, ret);
	oci_layout_close(&p->layout);
	return rc;
}

static int
pull(struct pull *p, const json_t *request, json_t **ret, struct err *e)
{
	const char *address;
	int rc = json_get_string(request, "remote", "request", &address, e);

	if (rc == 0 && has_prefix(address, OCI_LAYOUT_PREFIX))
		return pull_layout(p, address, ret, e);
	if (rc == 0)
		rc = oci_reference_parse(address, &p->ref, e);
	if (rc < 0)
		return rc;
	rc = oci_connect(&p->oci, p->ref.host, p->ref.repo, &p->o, e);
	if (rc == 0)
		rc = oci_use(&p->oci, p->ref.repo, e);
	if (rc == 0)
		rc = take_in(p, e);
	if (rc == 0)
		answer(p, ret);
	oci_disconnect(&p->oci);
	return rc;
}

int
agent_pull(const json_t *request, json_t **ret, struct err *e)
{
	struct pull p = { .deadline_ms = agent_deadline_of(request),
		          .progress = agent_progress_of(request) };
	int rc = agent_open_requested(request, &p.r, e);

	p.o = (struct remote_options){
		.ca_file = json_opt_string(request, "ca"),
		.allow_plain = json_is_true(json_object_get(request, "plain")),
		.credentials = json_opt_string(request, "credentials"),
		.check = check_time,
		.arg = &p,
	};
	if (rc == 0)
		rc = pull(&p, request, ret, e);
	blob_batch_free(p.batch);
	oci_reference_fini(&p.ref);
	oci_manifest_fini(&p.there);
	free(p.unpacked);
	manifest_fini(&p.files);
	buf_fini(&p.text);
	registry_close(p.r);
	return rc;
}
