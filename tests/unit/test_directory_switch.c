/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory target while it switches: what a server finds, and that a crash after any step is
 * mended by the same call again. Renames are counted here, so that a child can die right before or
 * right after the n-th.
 */
#include "deploy/driver.h"

#include "directory_fixture.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CRASHED 99

static unsigned crash_at; /* 0: never; odd: before a rename, even: after it */
static unsigned crash_step;

static void
crash_point(void)
{
	if (crash_at > 0 && ++crash_step == crash_at)
		_exit(CRASHED);
}

/* These two take the place of libc's. */
int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	crash_point();
	const long rc = syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);

	crash_point();
	return (int)rc;
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

static const struct {
	const char *what;
	char act;
	uint64_t before, from, to, after; /* before: published by OLD_PLAN at the start */
	bool applied;                     /* from -> to was applied before the act */
	const char *damage;
} crashes[] = {
	{ "first promotion", 'a', 0, 0, 1, 1, false, NULL },
	{ "promotion", 'a', 1, 1, 2, 2, false, NULL },
	{ "downwards", 'a', 2, 2, 1, 1, false, NULL },
	{ "unpublish", 'a', 1, 1, 0, 0, false, NULL },
	{ "repair", 'a', 1, 1, 1, 1, false, "risk__m/1/config.json" },
	{ "abort of a promotion", 'b', 1, 1, 2, 1, true, NULL },
	{ "abort of the first", 'b', 0, 0, 1, 0, true, NULL },
	{ "abort of going down", 'b', 2, 2, 1, 2, true, NULL },
	{ "rollback", 'r', 2, 2, 1, 1, false, NULL },
	{ "rollback to nothing", 'r', 1, 1, 0, 0, false, NULL },
};

static int
crash_act(struct world *w, size_t i, struct err *e)
{
	switch (crashes[i].act) {
	case 'a':
		return act_apply(w, crashes[i].from, crashes[i].to, PLAN, e);
	case 'b':
		return act_abort(w, crashes[i].from, crashes[i].to, PLAN, e);
	default:
		return act_rollback(w, crashes[i].from, crashes[i].to, PLAN, e);
	}
}

/* Dies at step n of case i, then does the same again; false when it came to its end before step n.
 */
static bool
crash_once(size_t i, unsigned n)
{
	struct world w;
	struct err e = { 0 };
	char what[96], names[256];
	int status;

	world_make(&w);
	snprintf(what, sizeof(what), "%s, crash point %u", crashes[i].what, n);
	if (crashes[i].before > 0)
		cr_assert_eq(act_apply(&w, 0, crashes[i].before, OLD_PLAN, &e), 0, "%s", e.msg);
	if (crashes[i].applied)
		cr_assert_eq(act_apply(&w, crashes[i].from, crashes[i].to, PLAN, &e), 0, "%s",
		             e.msg);
	if (crashes[i].damage)
		site_write(&w.site, crashes[i].damage, "!!");

	const pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		crash_at = n;
		_exit(crash_act(&w, i, &e) == 0 ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_neq(WEXITSTATUS(status), 1, "%s: the act itself failed", what);

	/* whatever was served before is served still, unless the act was over with it */
	if (crashes[i].before > 0 && crashes[i].after > 0)
		cr_expect(listing(&w, names)[0] == '1' || listing(&w, names)[0] == '2',
		          "%s: none in \"%s\"", what, listing(&w, names));
	cr_assert_eq(crash_act(&w, i, &e), 0, "%s: again: %s", what, e.msg);
	expect_state(&w, crashes[i].after, what);
	world_remove(&w);
	return WEXITSTATUS(status) == CRASHED;
}

Test(directory_switch, a_crash_at_any_step_is_mended_by_the_same_call, .timeout = 0)
{
	for (size_t i = 0; i < COUNT(crashes); i++) {
		unsigned n = 1;

		while (crash_once(i, n))
			n++;
		cr_expect_gt(n, 2, "%s: never crashed", crashes[i].what);
	}
}

Test(directory_switch, a_crashed_promotion_can_be_aborted)
{
	for (unsigned n = 1; n <= 8; n++) {
		struct world w;
		struct err e = { 0 };

		world_make(&w);
		cr_assert_eq(act_apply(&w, 0, 1, OLD_PLAN, &e), 0, "%s", e.msg);
		const pid_t pid = fork();
		cr_assert_geq(pid, 0);
		if (pid == 0) {
			crash_at = n;
			_exit(act_apply(&w, 1, 2, PLAN, &e) == 0 ? 0 : 1);
		}
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		cr_assert_eq(act_abort(&w, 1, 2, PLAN, &e), 0, "crash point %u: %s", n, e.msg);
		expect_state(&w, 1, "aborted");
		world_remove(&w);
	}
}

/* What the reader saw; shared with the process that switches. */
struct sightings {
	atomic_bool stop;
	atomic_uint scans, none, incomplete, moved, ones, twos;
};

/* TensorFlow Serving takes any name that parses as a number, Triton none with a leading zero. */
static uint64_t
choose(int fd, bool as_triton)
{
	DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	uint64_t best = 0, number;

	if (!dir)
		return 0;
	for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		const char *name = d->d_name;

		if (!as_triton)
			name += strspn(name, "0");
		if (parse_u64(name, UINT64_MAX, &number) == 0 && number > best)
			best = number;
	}
	closedir(dir);
	return best;
}

static unsigned
count_files(int dirfd, unsigned depth)
{
	DIR *dir = fdopendir(dirfd);
	unsigned n = 0;

	if (!dir)
		return 0;
	for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		struct stat st;

		if (streq(d->d_name, ".") || streq(d->d_name, ".."))
			continue;
		if (fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < 4)
			n += count_files(openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY),
			                 depth + 1);
		else
			n++;
	}
	closedir(dir);
	return n;
}

static void
read_as_a_server(int fd, struct sightings *s)
{
	for (unsigned i = 0; !atomic_load(&s->stop); i++) {
		const uint64_t number = choose(fd, i % 2 == 0);
		char name[32];

		atomic_fetch_add(&s->scans, 1);
		if (number == 0) {
			atomic_fetch_add(&s->none, 1);
			continue;
		}
		snprintf(name, sizeof(name), "%llu", (unsigned long long)number);
		const int version = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* renamed away since it was listed: a server lists again */
		if (version < 0) {
			atomic_fetch_add(&s->moved, 1);
			continue;
		}
		atomic_fetch_add(number == 1 ? &s->ones : &s->twos, 1);
		if (count_files(version, 0) != VERSION_FILES)
			atomic_fetch_add(&s->incomplete, 1);
	}
}

Test(directory_switch, a_server_always_finds_a_whole_version, .timeout = 0)
{
	struct world w;
	struct err e = { 0 };
	struct sightings *s =
	        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(s, MAP_FAILED);
	world_make(&w);
	cr_assert_eq(act_apply(&w, 0, 1, OLD_PLAN, &e), 0, "%s", e.msg);
	const int fd = openat(w.site.fd, "risk__m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		read_as_a_server(fd, s);
		_exit(0);
	}
	for (unsigned i = 0; i < 100 && e.code == ERR_OK; i++) {
		if (act_apply(&w, 1, 2, PLAN, &e) == 0)
			(void)act_rollback(&w, 2, 1, OLD_PLAN, &e);
	}
	atomic_store(&s->stop, true);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_expect_eq(e.code, ERR_OK, "%s", e.msg);
	cr_expect_eq(atomic_load(&s->none), 0, "%u of %u listings had no version", s->none,
	             s->scans);
	cr_expect_eq(atomic_load(&s->incomplete), 0, "%u versions were incomplete", s->incomplete);
	cr_expect(s->ones > 0 && s->twos > 0, "saw %u times 1 and %u times 2", s->ones, s->twos);
	cr_expect_gt(s->scans, 400);
	expect_state(&w, 1, "after 200 switches");
	close_quietly(fd);
	world_remove(&w);
	munmap(s, sizeof(*s));
}
