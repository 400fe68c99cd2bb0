/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where this process runs is what its control group says; the environment may come from another
 * login (su, sudo). Who lingers is what logind keeps in a folder. Only whether it ends processes
 * must be asked, by its own program, so that no bus is spoken here.
 */
#include "tui/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/fs.h"

#define LOGINCTL     "/usr/bin/loginctl"
#define SYSTEMD_RUN  "/usr/bin/systemd-run"
#define LINGER_DIR   "/var/lib/systemd/linger"
#define SAID_MAX     ((size_t)65536)
#define SAID_WAIT_MS 5000

/* --- what is said --- */

/* The rest of the first line of *from, which goes on behind it. */
static struct str
next_line(struct str *from)
{
	const char *const end = memchr(from->p, '\n', from->n);
	const struct str line = { from->p, end ? (size_t)(end - from->p) : from->n };
	const size_t used = line.n + (end != NULL);

	*from = (struct str){ from->p + used, from->n - used };
	return line;
}

static bool
skip(struct str *s, const char *text)
{
	const size_t n = strlen(text);

	if (s->n < n || memcmp(s->p, text, n) != 0)
		return false;
	*s = (struct str){ s->p + n, s->n - n };
	return true;
}

/* PATH/user.slice/user-UID.slice/session-N.scope, or /user@UID.service and what is below */
static enum session_place
place_in(struct str path, uid_t *ret_uid)
{
	static const char slice[] = "/user.slice/user-";
	const char *const at = memmem(path.p, path.n, slice, sizeof slice - 1);
	uint64_t uid;
	size_t n = 0;

	if (!at)
		return SESSION_OUTSIDE;
	path.n -= (size_t)(at - path.p) + sizeof slice - 1;
	path.p = at + sizeof slice - 1;
	while (n < path.n && path.p[n] >= '0' && path.p[n] <= '9')
		n++;
	if (parse_u64_n(path.p, n, UINT32_MAX - 1, &uid) < 0)
		return SESSION_OUTSIDE;
	path = (struct str){ path.p + n, path.n - n };
	if (!skip(&path, ".slice/"))
		return SESSION_OUTSIDE;
	*ret_uid = (uid_t)uid;
	if (skip(&path, "session-"))
		return SESSION_SCOPE;
	return skip(&path, "user@") ? SESSION_MANAGER : SESSION_OUTSIDE;
}

enum session_place
session_place(struct str cgroups, uid_t *ret_uid)
{
	while (cgroups.n > 0) {
		struct str line = next_line(&cgroups);
		enum session_place place;

		/* the one hierarchy, or systemd's own of several: "0::PATH", "1:name=systemd:PATH"
		 */
		if (!skip(&line, "0::")) {
			const char *const colon = memchr(line.p, ':', line.n);

			if (!colon)
				continue;
			line = (struct str){ colon, line.n - (size_t)(colon - line.p) };
			if (!skip(&line, ":name=systemd:"))
				continue;
		}
		place = place_in(line, ret_uid);
		if (place != SESSION_OUTSIDE)
			return place;
	}
	return SESSION_OUTSIDE;
}

static bool
has_word(struct str words, const char *word)
{
	const size_t n = strlen(word);

	for (size_t i = 0; i < words.n; i++) {
		const size_t from = i;

		while (i < words.n && words.p[i] != ' ')
			i++;
		if (i - from == n && memcmp(words.p + from, word, n) == 0)
			return true;
	}
	return false;
}

/* As logind decides it (logind.conf(5)). */
int
session_kills(struct str said, const char *user)
{
	struct str only = { 0 }, exclude = { 0 };
	int kills = -1;

	while (said.n > 0) {
		struct str line = next_line(&said);

		if (skip(&line, "KillUserProcesses="))
			kills = str_is(line, "yes") ? 1 : str_is(line, "no") ? 0 : -1;
		else if (skip(&line, "KillOnlyUsers="))
			only = line;
		else if (skip(&line, "KillExcludeUsers="))
			exclude = line;
	}
	if (kills <= 0)
		return kills;
	if (has_word(exclude, user))
		return 0;
	return only.n == 0 || has_word(only, user);
}

enum session_end
session_end(const struct session *s)
{
	if (s->place == SESSION_OUTSIDE)
		return SESSION_NONE;
	if (s->has_manager && s->lingers)
		return SESSION_LINGERS;
	if (s->place == SESSION_MANAGER || s->kills > 0)
		return SESSION_ENDED;
	return s->kills == 0 ? SESSION_KEPT : SESSION_UNKNOWN;
}

bool
session_wants_scope(const struct session *s)
{
	const enum session_end end = session_end(s);

	return s->has_manager && (end == SESSION_LINGERS || end == SESSION_ENDED);
}

/* --- this process --- */

static int
spawn_loginctl(int out, pid_t *ret)
{
	static char path[] = LOGINCTL, show[] = "show-session", p[] = "-p",
	            kill_word[] = "KillUserProcesses", only[] = "KillOnlyUsers",
	            exclude[] = "KillExcludeUsers";
	char *const argv[] = { path, show, p, kill_word, p, only, p, exclude, NULL };
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0)
		return rc;
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
		                                      O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn(ret, path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static void
read_said(int fd, struct buf *ret)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const int ready = poll(&p, 1, SAID_WAIT_MS);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || ret->n >= SAID_MAX)
			return;
		n = read(fd, buf_reserve(ret, 4096), 4096);
		if (n <= 0)
			return;
		ret->n += (size_t)n;
	}
}

static int
ask_kills(const char *user)
{
	cleanup_buf struct buf said = { 0 };
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	const int rc = spawn_loginctl(fds[1], &pid);
	close_quietly(fds[1]);
	if (rc == 0) {
		read_said(fds[0], &said);
		(void)kill(pid, SIGKILL); /* it has spoken, or will not */
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_quietly(fds[0]);
	return session_kills(buf_str(&said), user);
}

static bool
name_of(uid_t uid, char *ret, size_t size)
{
	struct passwd p, *found = NULL;
	char room[4096];

	return getpwuid_r(uid, &p, room, sizeof(room), &found) == 0 && found &&
	       str_copy(ret, size, p.pw_name) == 0;
}

static bool
lingers(uid_t uid)
{
	cleanup_free char *path = NULL;
	char name[256];

	if (!name_of(uid, name, sizeof(name)) || strchr(name, '/'))
		return false;
	path = xasprintf(LINGER_DIR "/%s", name);
	return access(path, F_OK) == 0;
}

static bool
manager_listens(void)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const char *const run = getenv("XDG_RUNTIME_DIR");
	cleanup_free char *path = xasprintf("%s/systemd/private", run ? run : "");
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!run || fd < 0 || access(SYSTEMD_RUN, X_OK) < 0 ||
	    str_copy(a.sun_path, sizeof a.sun_path, path) < 0)
		return false;
	return connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
}

void
session_look(struct session *ret)
{
	cleanup_buf struct buf cgroups = { 0 };
	struct err ignored = { 0 };
	char name[256];

	*ret = (struct session){ .place = SESSION_OUTSIDE, .kills = -1 };
	if (fs_read_at(AT_FDCWD, "/proc/self/cgroup", SAID_MAX, &cgroups, &ignored) == 0)
		ret->place = session_place(buf_str(&cgroups), &ret->uid);
	if (ret->place == SESSION_OUTSIDE)
		return;
	ret->has_manager = manager_listens();
	ret->lingers = lingers(geteuid());
	if (!(ret->has_manager && ret->lingers) && ret->place == SESSION_SCOPE &&
	    name_of(ret->uid, name, sizeof(name)))
		ret->kills = ask_kills(name);
}
