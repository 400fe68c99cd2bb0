/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the doctor finds outside of any registry: the program's own parts, the person's settings,
 * hooks and keys, the session and its terminal. Opens no key: modes and owners are what can be
 * seen.
 */
#include "tui/cmd/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sshagent.h"
#include "registry/base/fs.h"
#include "registry/hook.h"
#include "registry/keyring.h"
#include "tui/session.h"

#define AGENT_TIMEOUT_MS 2000
#define MEMLOCK_WANTED   ((rlim_t)1 << 20)
#define FILES_WANTED     ((rlim_t)256)
#define COLUMNS_WANTED   80
#define LINES_WANTED     24

/* --- the program --- */

static void
parts(struct doctor *d)
{
	static const char *const names[] = { "slipway-agent", "slipway-hash.so",
		                             "slipway-console.so" };
	cleanup_free char *first = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(names); i++) {
		cleanup_free char *path = NULL;
		if (fs_sibling(names[i], &path, &e) < 0) {
			doctor_say_err(d, "programs", DOCTOR_BAD, &e);
			return;
		}
		if (access(path, i == 0 ? X_OK : R_OK) < 0) {
			doctor_say(d, "programs", DOCTOR_BAD, "install slipway again",
			           "\"%s\" cannot be used by you", path);
			return;
		}
		if (!first)
			first = steal(&path);
	}
	doctor_say(d, "programs", DOCTOR_OK, NULL,
	           "slipway " SLIPWAY_VERSION ", its agent \"%s\" and its modules are there",
	           first);
}

static void
settings(struct doctor *d, struct conf *ret)
{
	struct err e = { 0 };

	if (conf_load(ret, &e) < 0) {
		doctor_say(d, "settings", DOCTOR_BAD,
		           "mend that line, or `slipway config unset KEY`", "%s", e.msg);
		return;
	}
	if (ret->odd.n > 0)
		doctor_say(d, "settings", DOCTOR_WARN, "`slipway config list` shows the keys",
		           "%s: unknown key \"%s\"", ret->odd.v[0].where, ret->odd.v[0].key);
	else
		doctor_say(d, "settings", DOCTOR_OK, NULL, "readable, no unknown key");
}

static bool
hook_is_bad(struct doctor *d, enum conf_hook event, const char *program)
{
	struct stat st;

	if (stat(program, &st) < 0 || !S_ISREG(st.st_mode) || access(program, X_OK) < 0) {
		doctor_say(d, "hooks", DOCTOR_BAD,
		           "make it executable, or take it out of the "
		           "settings",
		           "hook.%s: \"%s\" is no program that you can run", hook_name(event),
		           program);
		return true;
	}
	if (!(st.st_mode & 022) && (st.st_uid == geteuid() || st.st_uid == 0))
		return false;
	doctor_say(d, "hooks", DOCTOR_WARN, "chmod go-w it, and own it",
	           "hook.%s: \"%s\" can be changed by others and runs as you", hook_name(event),
	           program);
	return true;
}

static void
hooks(struct doctor *d, const struct conf *c)
{
	unsigned set = 0, bad = 0;

	for (size_t i = 0; i < CONF_HOOKS; i++) {
		set += c->hooks[i] != NULL;
		bad += c->hooks[i] && hook_is_bad(d, (enum conf_hook)i, c->hooks[i]);
	}
	if (bad == 0)
		doctor_say(d, "hooks", set ? DOCTOR_OK : DOCTOR_NONE, NULL,
		           set ? "%u set, each a program" : "none set", set);
}

void
doctor_program(struct doctor *d)
{
	struct conf c = { 0 };

	parts(d);
	settings(d, &c);
	hooks(d, &c);
	conf_fini(&c);
}

/* --- keys --- */

/* NULL: nothing is wrong with it. */
static const char *
key_problem(int dirfd, const char *file)
{
	struct stat st;

	if (fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "cannot be looked at";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != geteuid())
		return "is owned by somebody else";
	return st.st_mode & 077 ? "may be read by others" : NULL;
}

static unsigned
look_at_keys(struct doctor *d, DIR *dir, const char *path, unsigned *ret_bad)
{
	const struct dirent *n;
	unsigned found = 0;

	while ((n = readdir(dir)) != NULL) {
		if (n->d_name[0] == '.' || !has_suffix(n->d_name, ".key"))
			continue;
		const char *const why = key_problem(dirfd(dir), n->d_name);
		found++;
		if (!why)
			continue;
		++*ret_bad;
		doctor_say(d, "keys", DOCTOR_BAD,
		           "chmod 600 it; if others may have read it, make a new key",
		           "\"%s/%s\" %s", path, n->d_name, why);
	}
	return found;
}

static void
keys(struct doctor *d)
{
	cleanup_free char *config = NULL, *path = NULL;
	struct err e = { 0 };
	unsigned found = 0, bad = 0;
	struct stat st;
	DIR *dir;

	if (fs_config_dir(&config, &e) < 0) {
		doctor_say_err(d, "keys", DOCTOR_WARN, &e);
		return;
	}
	path = xasprintf("%s/keys", config);
	dir = opendir(path);
	if (!dir && errno != ENOENT) {
		(void)err_sys(&e, "\"%s\"", path);
		doctor_say_err(d, "keys", DOCTOR_BAD, &e);
		return;
	}
	if (dir && fstat(dirfd(dir), &st) == 0 &&
	    ((st.st_mode & 022) || (st.st_uid != geteuid() && st.st_uid != 0))) {
		bad++;
		doctor_say(d, "keys", DOCTOR_BAD, "chmod 700 it, and own it",
		           "others can put keys into \"%s\"", path);
	}
	if (dir)
		found = look_at_keys(d, dir, path, &bad);
	if (dir)
		(void)closedir(dir);
	if (found == 0)
		doctor_say(d, "keys", DOCTOR_NONE, "`slipway init` makes one",
		           "no key file in \"%s\"", path);
	else if (bad == 0)
		doctor_say(d, "keys", DOCTOR_OK, NULL, "%u key file%s, only you may read %s", found,
		           found == 1 ? "" : "s", found == 1 ? "it" : "them");
}

static const char *
agent_problem(int status)
{
	switch ((enum sshagent_status)status) {
	case SSHAGENT_OK:
		break;
	case SSHAGENT_ABSENT:
		return "nobody listens there";
	case SSHAGENT_REFUSED:
		return "it refuses to list its keys";
	case SSHAGENT_MALFORMED:
		return "what listens there is no ssh-agent";
	case SSHAGENT_TIMEOUT:
		return "it does not answer";
	case SSHAGENT_FOREIGN:
		return "it belongs to somebody else";
	case SSHAGENT_SYSTEM:
		return strerrordesc_np(errno);
	}
	return "it cannot be used";
}

static void
ssh_agent(struct doctor *d)
{
	const char *const path = getenv("SSH_AUTH_SOCK");
	struct sshagent_key *list = NULL;
	struct sshagent *a = NULL;
	size_t n = 0;
	int rc;

	if (!path || !*path) {
		doctor_say(d, "ssh-agent", DOCTOR_NONE, NULL, "SSH_AUTH_SOCK is not set");
		return;
	}
	rc = sshagent_open(path, AGENT_TIMEOUT_MS, &a);
	if (rc == SSHAGENT_OK)
		rc = sshagent_list(a, &list, &n);
	if (rc == SSHAGENT_OK)
		doctor_say(d, "ssh-agent", DOCTOR_OK, NULL, "reachable, %zu key%s", n,
		           n == 1 ? "" : "s");
	else
		doctor_say(d, "ssh-agent", DOCTOR_WARN,
		           "unset SSH_AUTH_SOCK, or start an ssh-agent",
		           "SSH_AUTH_SOCK is \"%s\": %s", path, agent_problem(rc));
	free(list);
	sshagent_close(a);
}

void
doctor_person(struct doctor *d)
{
	keys(d);
	ssh_agent(d);
}

/* --- session --- */

/* As tui/agent.c decides how a job is started. */
static void
jobs(struct doctor *d)
{
	static const char next[] = "`loginctl enable-linger`, or start jobs outside of the session";
	struct session s;

	session_look(&s);
	switch (session_end(&s)) {
	case SESSION_NONE:
		doctor_say(d, "jobs", DOCTOR_OK, NULL,
		           "no logind session: a job's session of its own outlives the terminal");
		break;
	case SESSION_KEPT:
		doctor_say(d, "jobs", DOCTOR_OK, NULL,
		           "logind leaves your processes alone: a job outlives this session");
		break;
	case SESSION_LINGERS:
		doctor_say(d, "jobs", DOCTOR_OK, NULL,
		           "systemd-run --user, and you linger: a job outlives this session");
		break;
	case SESSION_ENDED:
		doctor_say(d, "jobs", DOCTOR_WARN, next,
		           "logind ends your processes when you have logged out, jobs too");
		break;
	case SESSION_UNKNOWN:
		doctor_say(d, "jobs", DOCTOR_WARN, next,
		           "logind does not say whether jobs end with this session");
		break;
	}
}

static bool
has_utf8(void)
{
	const locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is_utf8;

	if (l == (locale_t)0)
		return false;
	is_utf8 = streq(nl_langinfo_l(CODESET, l), "UTF-8");
	freelocale(l);
	return is_utf8;
}

static const char *
colours(const char *term)
{
	const char *const no = getenv("NO_COLOR"), *const more = getenv("COLORTERM");

	if (no && *no)
		return "no colours (NO_COLOR)";
	if (more && (streq(more, "truecolor") || streq(more, "24bit")))
		return "true colour";
	return strstr(term, "256color") ? "256 colours" : "colours by terminfo";
}

static void
terminal(struct doctor *d)
{
	const char *const term = getenv("TERM");
	const bool is_utf8 = has_utf8();
	struct winsize ws = { 0 };

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0) {
		doctor_say(d, "terminal", DOCTOR_NONE, NULL, "stdout is none: not looked at");
		return;
	}
	if (!term || !*term || streq(term, "dumb"))
		doctor_say(
		        d, "terminal", DOCTOR_WARN, "set TERM, or use `slipway console --linear`",
		        "TERM is \"%s\": the console has its linear mode only", term ? term : "");
	else if (!is_utf8)
		doctor_say(d, "terminal", DOCTOR_WARN, "set LC_ALL=C.UTF-8",
		           "%s, %ux%u, not UTF-8: lines and names are shown in ASCII", term,
		           ws.ws_col, ws.ws_row);
	else if (ws.ws_col > 0 && (ws.ws_col < COLUMNS_WANTED || ws.ws_row < LINES_WANTED))
		doctor_say(d, "terminal", DOCTOR_WARN, "make it 80x24 or larger",
		           "%s, only %ux%u: screens leave things out", term, ws.ws_col, ws.ws_row);
	else
		doctor_say(d, "terminal", DOCTOR_OK, NULL, "%s, %ux%u, UTF-8, %s", term, ws.ws_col,
		           ws.ws_row, colours(term));
}

static bool
is_below(int which, rlim_t wanted, rlim_t *ret)
{
	struct rlimit l;

	*ret = 0;
	if (getrlimit((__rlimit_resource_t)which, &l) < 0 || l.rlim_cur == RLIM_INFINITY)
		return false;
	*ret = l.rlim_cur;
	return l.rlim_cur < wanted;
}

static void
limits(struct doctor *d)
{
	rlim_t v;

	if (is_below(RLIMIT_MEMLOCK, MEMLOCK_WANTED, &v))
		doctor_say(d, "limits", DOCTOR_WARN, "ulimit -l 1024",
		           "only %llu KiB of memory may be locked: a key may be swapped out",
		           (unsigned long long)v / 1024);
	else if (is_below(RLIMIT_NOFILE, FILES_WANTED, &v))
		doctor_say(d, "limits", DOCTOR_WARN, "ulimit -n 1024",
		           "only %llu files may be open", (unsigned long long)v);
	else if (is_below(RLIMIT_FSIZE, RLIM_INFINITY, &v))
		doctor_say(d, "limits", DOCTOR_WARN, "ulimit -f unlimited",
		           "files end at %llu bytes: a larger model cannot be imported",
		           (unsigned long long)v);
	else
		doctor_say(d, "limits", DOCTOR_OK, NULL, "locked memory, open files and file size");
}

void
doctor_session(struct doctor *d)
{
	terminal(d);
	jobs(d);
	limits(d);
}
