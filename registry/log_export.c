/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines leave as they are, and come back through the log's own reader. The tree before the first of
 * them is given by its edge, which nobody need believe: only the true one leads to the root that
 * the log's key has signed.
 */
#include "registry/log_export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "registry/base/fs.h"
#include "registry/proof_private.h"

#define INDEX      "export.json"
#define CHECKPOINT "checkpoint"
#define FLUSH_AT   (1u << 20)

/* --- writing --- */

struct writer {
	int dirfd; /* of log/ */
	int fd;
	uint32_t segment;
	uint64_t written; /* into this segment, with what waits in out */
	struct buf out;
};

static int
flush(struct writer *w, struct err *e)
{
	if (w->out.n > 0 && fs_write_all(w->fd, w->out.p, w->out.n) < 0)
		return err_sys(e, "write the exported log");
	buf_clear(&w->out);
	return 0;
}

static int
finish_segment(struct writer *w, struct err *e)
{
	int rc = w->fd < 0 ? 0 : flush(w, e);

	if (rc == 0 && w->fd >= 0 && fdatasync(w->fd) < 0)
		rc = err_sys(e, "write the exported log");
	close_quietly(steal_fd(&w->fd));
	return rc;
}

static int
next_segment(struct writer *w, struct err *e)
{
	char name[16];
	int rc = finish_segment(w, e);

	if (rc < 0)
		return rc;
	(void)snprintf(name, sizeof name, "%08" PRIu32 ".log", ++w->segment);
	w->written = 0;
	w->fd = openat(w->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return w->fd < 0 ? err_sys(e, "make \"%s\"", name) : 0;
}

static int
write_line(void *arg, const struct log_line *line, struct err *e)
{
	struct writer *const w = arg;
	struct digest leaf;
	int rc = 0;

	if (w->written + line->length > LOG_SEGMENT_MAX)
		rc = next_segment(w, e);
	if (rc == 0)
		rc = log_format(line->seq, line->json, &w->out, &leaf, e);
	w->written += line->length;
	return rc == 0 && w->out.n >= FLUSH_AT ? flush(w, e) : rc;
}

static json_t *
edge_json(const struct merkle_edge *m)
{
	json_t *const array = json_array();
	char hex[DIGEST_HEX_SIZE];

	for (unsigned i = 0; i < merkle_edge_count(m); i++) {
		digest_hex(&m->node[i], hex);
		json_array_append_new(array, json_string(hex));
	}
	return array;
}

static int
write_index(const struct proof_making *m, int dirfd, struct str checkpoint, struct err *e)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	int rc = fs_create_at(dirfd, CHECKPOINT, checkpoint.p, checkpoint.n, 0644, e);

	if (rc < 0)
		return rc;
	json_object_set_new(o, "edge", edge_json(&m->g.begin));
	json_object_set_new(o, "since", json_integer((json_int_t)m->g.since));
	proof_making_text(m, o, PROOF_KIND_EXPORT, checkpoint, &text);
	return fs_create_at(dirfd, INDEX, text.p, text.n, 0644, e);
}

static int
write_folder(struct proof_making *m, struct writer *w, const char *dir, struct str checkpoint,
             struct err *e)
{
	cleanup_close int dirfd = -1;
	int rc;

	if (mkdir(dir, 0755) < 0)
		return errno == EEXIST ? err_set(e, ERR_EXISTS, "\"%s\" is there already", dir)
		                       : err_sys(e, "make folder \"%s\"", dir);
	rc = fs_open_dir(AT_FDCWD, dir, &dirfd, e);
	if (rc == 0 && mkdirat(dirfd, "log", 0755) < 0)
		rc = err_sys(e, "make folder \"%s/log\"", dir);
	if (rc == 0)
		rc = fs_open_dir(dirfd, "log", &w->dirfd, e);
	if (rc == 0)
		rc = next_segment(w, e);
	if (rc == 0)
		rc = proof_gather_run(&m->g, m->r->log, &m->head.root, e);
	if (rc == 0)
		rc = finish_segment(w, e);
	if (rc == 0)
		rc = fs_sync_dir(w->dirfd, e);
	return rc < 0 ? rc : write_index(m, dirfd, checkpoint, e);
}

int
log_export(struct registry *r, const struct ledger *l, uint64_t since, struct str checkpoint,
           const char *dir, struct err *e)
{
	struct proof_making m = { .r = r, .l = l };
	struct writer w = { .dirfd = -1, .fd = -1 };
	int rc = proof_making_begin(&m, checkpoint, e);

	m.g.since = since;
	m.g.fn = write_line;
	m.g.arg = &w;
	if (rc == 0 && since >= m.head.size)
		rc = err_set(e, ERR_NOT_FOUND, "the checkpoint has %" PRIu64 " entries only",
		             m.head.size);
	if (rc == 0)
		rc = write_folder(&m, &w, dir, checkpoint, e);
	close_quietly(w.fd);
	close_quietly(w.dirfd);
	buf_fini(&w.out);
	proof_making_fini(&m);
	return rc;
}

/* --- checking --- */

struct reading {
	const struct proof *p;
	check_fn *fn;
	void *arg;
	struct log_export_result *ret;
	struct merkle_edge edge;
};

static int
begin_tree(struct reading *v, struct err *e)
{
	size_t n = COUNT(v->edge.node);
	int rc = proof_hashes(v->p->edge, v->edge.node, &n, e);

	v->edge.size = v->p->since;
	if (rc == 0 && n != merkle_edge_count(&v->edge))
		rc = err_set(e, ERR_MALFORMED, "export: an edge that does not fit its place");
	return rc;
}

static void
look(struct reading *v, const struct log_line *line)
{
	struct audit_who who = { 0 };
	struct entry n;

	if (entry_parse(line->json, line->seq, &line->leaf, &n, &who.why) < 0) {
		v->ret->problems++;
		v->fn(v->arg, "log", &who.why);
		return;
	}
	audit_who(&v->p->chain, v->p->registry_id, &n, &who);
	v->ret->statements += who.signature == AUDIT_GOOD;
	if (who.signature == AUDIT_REFUSED) {
		if (strncmp(who.why.msg, "log entry ", 10) != 0)
			(void)err_prefix(&who.why, "log entry %" PRIu64 " (%s)", n.seq, n.type);
		v->ret->problems++;
		v->fn(v->arg, n.model ? n.model : "log", &who.why);
	}
	entry_fini(&n);
}

static int
read_lines(struct reading *v, struct log_reader *rd, struct err *e)
{
	const struct tree_head *const head = &v->ret->proof.head;
	struct digest is;
	int rc = 0;

	while (rc == 0) {
		struct log_line line;
		enum log_step step;

		rc = log_next(rd, &step, &line, e);
		if (rc < 0)
			return rc;
		if (step == LOG_TORN)
			return err_set(e, ERR_DIGEST, "export: an unfinished last line");
		if (step != LOG_LINE)
			break;
		merkle_append(&v->edge, &line.leaf);
		look(v, &line);
	}
	merkle_root(&v->edge, &is);
	if (v->edge.size == head->size && digest_eq(&is, &head->root))
		return 0;
	return err_set(e, ERR_DIGEST,
	               "export: its %" PRIu64 " entries are not those of the checkpoint's %" PRIu64,
	               v->edge.size, head->size);
}

static int
read_log(struct reading *v, int dirfd, struct err *e)
{
	struct log_reader *rd;
	struct log *l;
	int rc = log_open(dirfd, &l, e);

	if (rc < 0)
		return rc;
	rc = log_reader_new(l, (struct log_pos){ 1, 0 }, v->p->since, &rd, e);
	if (rc == 0) {
		rc = read_lines(v, rd, e);
		log_reader_free(rd);
	}
	log_close(l);
	return rc;
}

static int
check_folder(int dirfd, struct proof *p, const struct digest *root, struct reading *v,
             struct err *e)
{
	cleanup_buf struct buf note = { 0 };
	int rc = fs_read_at(dirfd, CHECKPOINT, TREE_HEAD_MAX, &note, e);

	if (rc == 0 && (p->kind != PROOF_EXPORT || !str_eq(buf_str(&note), p->checkpoint)))
		rc = err_set(e, ERR_MALFORMED, "export: " INDEX " belongs to another " CHECKPOINT);
	if (rc == 0)
		rc = proof_trust(p, root, &v->ret->proof, e);
	if (rc == 0)
		rc = begin_tree(v, e);
	return rc < 0 ? rc : read_log(v, dirfd, e);
}

int
log_export_check(const char *dir, const struct digest *root, check_fn *fn, void *arg,
                 struct log_export_result *ret, struct err *e)
{
	cleanup_close int dirfd = -1;
	cleanup_buf struct buf text = { 0 };
	struct proof p = { 0 };
	struct reading v = { .p = &p, .fn = fn, .arg = arg, .ret = ret };
	int rc = fs_open_dir(AT_FDCWD, dir, &dirfd, e);

	*ret = (struct log_export_result){ 0 };
	if (rc == 0)
		rc = fs_read_at(dirfd, INDEX, PROOF_MAX, &text, e);
	if (rc == 0)
		rc = proof_file_parse(buf_str(&text), &p, e);
	if (rc < 0)
		return rc;
	ret->since = p.since;
	rc = check_folder(dirfd, &p, root, &v, e);
	proof_fini(&p);
	return rc;
}
