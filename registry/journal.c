/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job's journal: lines of JSON below jobs/<id>/, appended and synced by its agent, read by
 * everybody else as foreign text. The flock on the journal says that an agent lives; a pid would
 * lie after a reboot.
 */
#include "registry/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/fault.h"
#include "registry/labels.h"

#define LINE_MAX_BYTES 8192u

static const char *const state_names[] = {
#define X(name, text) text,
	JOB_STATES(X)
#undef X
};
_Static_assert(COUNT(state_names) == JOB_STATE_COUNT, "a name for each state");

const char *
job_state_name(enum job_state s)
{
	return (unsigned)s < JOB_STATE_COUNT ? state_names[s] : "unknown";
}

int
job_state_parse(const char *s, enum job_state *ret)
{
	for (size_t i = 0; i < COUNT(state_names); i++)
		if (streq(s, state_names[i])) {
			*ret = (enum job_state)i;
			return 0;
		}
	return -1;
}

bool
job_state_is_final(enum job_state s)
{
	return s == JOB_SUCCEEDED || s == JOB_ABORTED || s == JOB_FAILED || s == JOB_ROLLED_BACK ||
	       s == JOB_ROLLBACK_FAILED || s == JOB_SUPERSEDED;
}

static void
opt_text(const json_t *o, const char *key, char *ret, size_t size)
{
	const char *s = json_opt_string(o, key);

	if (!s || str_copy(ret, size, s) < 0)
		ret[0] = '\0';
}

/* What is none is left out: it is for showing. */
static void
gates_read(const json_t *array, struct journal_line *ret)
{
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o)
	{
		struct journal_reading *const r = &ret->gates[ret->gates_n];
		if (ret->gates_n == JOURNAL_READINGS || !json_is_object(o))
			return;
		opt_text(o, "name", r->name, sizeof r->name);
		opt_text(o, "unit", r->unit, sizeof r->unit);
		r->value = json_opt_u64(o, "value");
		r->limit = json_opt_u64(o, "limit");
		r->requests = json_opt_u64(o, "requests");
		ret->gates_n += r->name[0] != '\0';
	}
}

json_t *
journal_gates_to_json(const struct journal_line *l)
{
	json_t *const ret = json_array();

	for (size_t i = 0; i < l->gates_n; i++) {
		const struct journal_reading *const r = &l->gates[i];
		json_t *const o = json_object();
		json_object_set_new(o, "name", json_string(r->name));
		json_object_set_new(o, "unit", json_string(r->unit));
		json_object_set_new(o, "value", json_integer((json_int_t)r->value));
		json_object_set_new(o, "limit", json_integer((json_int_t)r->limit));
		json_object_set_new(o, "requests", json_integer((json_int_t)r->requests));
		json_array_append_new(ret, o);
	}
	return ret;
}

int
journal_parse(struct str line, struct journal_line *ret, struct err *e)
{
	cleanup_json json_t *o = NULL;
	const char *state, *time;
	int rc;

	*ret = (struct journal_line){ 0 };
	if (line.n > LINE_MAX_BYTES)
		return err_set(e, ERR_TOO_BIG, "a journal line of %zu bytes", line.n);
	rc = json_parse(line, "journal", &o, e);
	if (rc == 0)
		rc = json_get_u64(o, "n", "journal", &ret->n, e);
	if (rc == 0)
		rc = json_get_string(o, "state", "journal", &state, e);
	if (rc == 0)
		rc = json_get_string(o, "time", "journal", &time, e);
	if (rc < 0)
		return rc;
	if (job_state_parse(state, &ret->state) < 0 || clock_parse(time, &ret->time_s) < 0)
		return err_set(e, ERR_MALFORMED, "journal: no such state or no time");
	opt_text(o, "step", ret->step, sizeof ret->step);
	opt_text(o, "target", ret->target, sizeof ret->target);
	opt_text(o, "text", ret->text, sizeof ret->text);
	opt_text(o, "hint", ret->hint, sizeof ret->hint);
	opt_text(o, "code", ret->code, sizeof ret->code);
	ret->has_percent = json_is_integer(json_object_get(o, "percent"));
	ret->percent = (unsigned)json_opt_u64(o, "percent");
	ret->has_wanted = json_is_integer(json_object_get(o, "wanted"));
	ret->wanted = (unsigned)json_opt_u64(o, "wanted");
	time = json_opt_string(o, "until");
	if (!time || clock_parse(time, &ret->until_s) < 0)
		ret->until_s = 0;
	gates_read(json_object_get(o, "gates"), ret);
	ret->done = json_opt_u64(o, "done");
	ret->total = json_opt_u64(o, "total");
	ret->proofs = proofs_from_json(json_object_get(o, "proofs"));
	return 0;
}

/* --- reading --- */

struct journal {
	int fd;
	struct buf rest; /* bytes of a line that is not whole yet */
	off_t at;
};

static int
check_id(const char *id, struct err *e)
{
	if (strlen(id) == JOB_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == JOB_ID_SIZE - 1)
		return 0;
	err_set(e, ERR_USAGE, "\"%s\" is no job id", id);
	return err_hint(e, "a job id is 16 hex digits; `slipway job list` shows them");
}

int
journal_open(int rootfd, const char *job_id, struct journal **ret, struct err *e)
{
	cleanup_free char *path = xasprintf("jobs/%s/journal", job_id);
	int rc = check_id(job_id, e), fd;

	if (rc < 0)
		return rc;
	fd = fs_open_file_beneath(rootfd, path);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "job %s has no journal here", job_id);
	if (fd < 0)
		return err_sys(e, "open the journal of job %s", job_id);
	struct journal *j = xcalloc(1, sizeof *j);
	j->fd = fd;
	*ret = j;
	return 0;
}

void
journal_close(struct journal *j)
{
	if (!j)
		return;
	close_quietly(j->fd);
	buf_fini(&j->rest);
	free(j);
}

int
journal_next(struct journal *j, struct journal_line *ret, bool *ret_has, struct err *e)
{
	const char *lf;
	ssize_t n;

	*ret_has = false;
	for (;;) {
		lf = j->rest.n ? memchr(j->rest.p, '\n', j->rest.n) : NULL;
		if (lf)
			break;
		if (j->rest.n > LINE_MAX_BYTES)
			return err_set(e, ERR_TOO_BIG, "a journal line is over %u bytes",
			               LINE_MAX_BYTES);
		n = pread(j->fd, buf_reserve(&j->rest, LINE_MAX_BYTES), LINE_MAX_BYTES, j->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read the journal");
		if (n == 0)
			return 0;
		j->rest.n += (size_t)n;
		j->at += n;
	}
	const size_t len = (size_t)(lf - j->rest.p);
	int rc = journal_parse((struct str){ j->rest.p, len }, ret, e);

	memmove(j->rest.p, j->rest.p + len + 1, j->rest.n - len - 1);
	j->rest.n -= len + 1;
	*ret_has = rc == 0;
	return rc;
}

bool
journal_is_alive(struct journal *j)
{
	if (flock(j->fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	(void)flock(j->fd, LOCK_UN);
	return false;
}

int
journal_newest(int rootfd, const char *job_id, struct journal_line *ret, bool *ret_is_alive,
               struct err *e)
{
	char tail[2 * LINE_MAX_BYTES];
	struct journal *j;
	ssize_t n = -1;
	off_t end;
	int rc = journal_open(rootfd, job_id, &j, e);

	if (rc < 0)
		return rc;
	*ret_is_alive = journal_is_alive(j);
	end = lseek(j->fd, 0, SEEK_END);
	if (end >= 0)
		n = pread(j->fd, tail, sizeof tail,
		          end > (off_t)sizeof tail ? end - (off_t)sizeof tail : 0);
	journal_close(j);
	if (n < 0)
		return err_sys(e, "read the journal");
	while (n > 0 && tail[n - 1] != '\n') /* it is being written */
		n--;
	if (n == 0)
		return err_set(e, ERR_NOT_FOUND, "job %s has no line yet", job_id);
	const char *const before = memrchr(tail, '\n', (size_t)n - 1);
	const char *const line = before ? before + 1 : tail;

	return journal_parse((struct str){ line, (size_t)(tail + n - 1 - line) }, ret, e);
}

int
journal_fd(const struct journal *j)
{
	return j->fd;
}

/* --- writing --- */

struct journal_writer {
	int fd;
	pthread_mutex_t lock, sync;
	uint64_t n;      /* lines written; under lock */
	uint64_t synced; /* of these are durable; under sync */
};

static int
make_job_dir(int rootfd, const char *job_id, struct err *e)
{
	cleanup_close int jobs = -1, job = -1;
	int rc = fs_open_dir_beneath(rootfd, "jobs", &jobs, e);

	if (rc < 0)
		return rc;
	if (mkdirat(jobs, job_id, 0700) < 0)
		return err_sys(e, "make the folder of job %s", job_id);
	rc = fs_open_dir_beneath(jobs, job_id, &job, e);
	if (rc == 0)
		fs_take_mode(job, jobs);
	return rc;
}

static int
sync_job_dir(int rootfd, const char *job_id, struct err *e)
{
	cleanup_free char *path = xasprintf("jobs/%s", job_id);
	cleanup_close int dirfd = -1, jobsfd = -1;
	int rc = fs_open_dir_beneath(rootfd, path, &dirfd, e);

	if (rc == 0)
		rc = fs_sync_dir(dirfd, e);
	if (rc == 0)
		rc = fs_open_dir_beneath(rootfd, "jobs", &jobsfd, e);
	return rc < 0 ? rc : fs_sync_dir(jobsfd, e);
}

/* The next number, and an unfinished last line cut off: what was not whole was not acted on. */
static int
find_end(int fd, uint64_t *ret_n, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	size_t whole;
	int rc = fs_read_fd(fd, "journal", 64u << 20, &text, e);

	if (rc < 0)
		return rc;
	for (whole = text.n; whole > 0 && text.p[whole - 1] != '\n'; whole--)
		;
	for (size_t i = 0; i < whole; i++)
		*ret_n += text.p[i] == '\n';
	if (whole < text.n && ftruncate(fd, (off_t)whole) < 0)
		return err_sys(e, "cut the journal");
	return lseek(fd, 0, SEEK_END) < 0 ? err_sys(e, "seek in the journal") : 0;
}

int
journal_write_open(int rootfd, const char *job_id, bool create, struct journal_writer **ret,
                   struct err *e)
{
	cleanup_free char *path = xasprintf("jobs/%s/journal", job_id);
	cleanup_close int fd = -1;
	uint64_t n = 0;
	int rc = check_id(job_id, e);

	if (rc == 0 && create)
		rc = make_job_dir(rootfd, job_id, e);
	if (rc < 0)
		return rc;
	fd = fs_open_beneath(rootfd, path, O_RDWR | O_APPEND | (create ? O_CREAT | O_EXCL : 0),
	                     0660);
	if (fd < 0)
		return err_sys(e, "open the journal of job %s", job_id);
	if (create)
		fs_take_mode(fd, rootfd);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err_set(e, ERR_LOCKED, "job %s is running", job_id);
		return err_hint(e, "slipway job follow %s", job_id);
	}
	rc = create ? sync_job_dir(rootfd, job_id, e) : find_end(fd, &n, e);
	if (rc < 0)
		return rc;
	struct journal_writer *w = xcalloc(1, sizeof *w);
	w->fd = steal_fd(&fd);
	w->n = w->synced = n;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutex_init(&w->sync, NULL);
	*ret = w;
	return 0;
}

static void
opt_member(json_t *o, const char *key, const char *s)
{
	json_t *v = s[0] ? json_from_str(str_of(s)) : NULL;

	if (v)
		json_object_set_new(o, key, v);
}

static void
line_text(const struct journal_line *l, uint64_t n, struct buf *ret)
{
	cleanup_json json_t *o = json_object();
	char now[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	clock_text(now, clock_now_s());
	json_object_set_new(o, "n", json_integer((json_int_t)n));
	json_object_set_new(o, "time", json_string(now));
	json_object_set_new(o, "state", json_string(job_state_name(l->state)));
	opt_member(o, "step", l->step);
	opt_member(o, "target", l->target);
	opt_member(o, "text", l->text);
	opt_member(o, "hint", l->hint);
	opt_member(o, "code", l->code);
	if (l->has_percent)
		json_object_set_new(o, "percent", json_integer((json_int_t)l->percent));
	if (l->has_wanted)
		json_object_set_new(o, "wanted", json_integer((json_int_t)l->wanted));
	if (l->until_s > 0) {
		clock_text(until, l->until_s);
		json_object_set_new(o, "until", json_string(until));
	}
	if (l->total > 0) {
		json_object_set_new(o, "done", json_integer((json_int_t)l->done));
		json_object_set_new(o, "total", json_integer((json_int_t)l->total));
	}
	if (l->gates_n > 0)
		json_object_set_new(o, "gates", journal_gates_to_json(l));
	if (l->proofs)
		json_object_set_new(o, "proofs", proofs_to_json(l->proofs));
	json_canonical(o, ret);
	buf_addc(ret, '\n');
}

/* Lines of several targets that come at the same moment become durable by one call. */
static int
make_durable(struct journal_writer *w, uint64_t line, struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(&w->sync);
	if (w->synced < line) {
		uint64_t written;

		(void)pthread_mutex_lock(&w->lock);
		written = w->n;
		(void)pthread_mutex_unlock(&w->lock);
		if (fdatasync(w->fd) < 0)
			rc = err_sys(e, "write the job's journal");
		else
			w->synced = written;
	}
	(void)pthread_mutex_unlock(&w->sync);
	return rc;
}

int
journal_write(struct journal_writer *w, const struct journal_line *l, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	uint64_t line = 0;
	int rc = 0;

	fault_point("before-line");
	(void)pthread_mutex_lock(&w->lock);
	line_text(l, w->n + 1, &text);
	if (fs_write_all(w->fd, text.p, text.n) < 0)
		rc = err_sys(e, "write the job's journal");
	else
		line = ++w->n;
	(void)pthread_mutex_unlock(&w->lock);
	if (rc == 0)
		rc = make_durable(w, line, e);
	fault_point("after-line");
	return rc;
}

void
journal_write_close(struct journal_writer *w)
{
	if (!w)
		return;
	close_quietly(w->fd);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_mutex_destroy(&w->sync);
	free(w);
}
