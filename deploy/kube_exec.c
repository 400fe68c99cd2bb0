/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a credential plugin. Its environment is ours, what the kubeconfig adds, and one variable
 * that says what is asked; no secret is handed to it. Whether it may run at all is decided before.
 */
#include "deploy/kube_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deploy/kube_auth.h"
#include "deploy/kube_look.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define WORDS_MAX ((size_t)4096) /* of stderr */
#define FIRST_FD  3
#define LOOK_MS   200 /* whether to go on */

static void
wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void
kube_exec_word_fini(struct kube_exec_word *w)
{
	wipe(&w->token);
	wipe(&w->cert_pem);
	wipe(&w->key_pem);
	w->expires_s = 0;
}

/* --- what it says --- */

static int
take_text(const json_t *status, const char *key, char **ret, struct err *e)
{
	const json_t *const v = json_object_get(status, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no text", key);
	if (json_string_length(v) > 0)
		*ret = xstrdup(json_string_value(v));
	return 0;
}

/* A header holds it: no blanks, no controls. */
static bool
is_token(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s > '~')
			return false;
	}
	return true;
}

static int
take_status(const json_t *status, struct kube_exec_word *ret, struct err *e)
{
	const char *const when = json_opt_string(status, "expirationTimestamp");
	int rc = take_text(status, "token", &ret->token, e);

	if (rc == 0)
		rc = take_text(status, "clientCertificateData", &ret->cert_pem, e);
	if (rc == 0)
		rc = take_text(status, "clientKeyData", &ret->key_pem, e);
	if (rc < 0)
		return rc;
	if (!ret->cert_pem != !ret->key_pem)
		return err_set(e, ERR_MALFORMED, "it gives a certificate or a key, not both");
	if (!ret->token && !ret->cert_pem)
		return err_set(e, ERR_MALFORMED, "it gives neither token nor certificate");
	if (ret->token && !is_token(ret->token))
		return err_set(e, ERR_MALFORMED, "what it gives is no token");
	if (!when)
		return 0;
	ret->expires_s = kube_time(status, "expirationTimestamp");
	if (ret->expires_s == 0)
		return err_set(e, ERR_MALFORMED, "\"%.40s\" is no time", when);
	return 0;
}

int
kube_exec_parse(struct str text, const char *api_version, struct kube_exec_word *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const char *version;
	int rc;

	*ret = (struct kube_exec_word){ 0 };
	/* no position and no piece of it in a message: it is a secret */
	if (json_parse(text, "it", &j, e) < 0) {
		err_clear(e);
		return err_set(e, ERR_MALFORMED, "its output is no JSON");
	}
	version = json_opt_string(j, "apiVersion");
	if (!json_opt_string(j, "kind") || !streq(json_opt_string(j, "kind"), "ExecCredential") ||
	    !version)
		return err_set(e, ERR_MALFORMED, "its output is no ExecCredential");
	if (!streq(version, api_version))
		return err_set(e, ERR_MALFORMED, "it answers as \"%.60s\", asked was \"%s\"",
		               version, api_version);
	rc = take_status(json_object_get(j, "status"), ret, e);
	if (rc < 0)
		kube_exec_word_fini(ret);
	return rc;
}

/* --- running it --- */

/* As a kubeconfig has it. No proxy: its address may hold a password, and this is an environment. */
static json_t *
cluster_info(const struct kubeconfig *c)
{
	json_t *const cluster = json_object();

	json_object_set_new(cluster, "server", json_string(c->server));
	if (c->server_name)
		json_object_set_new(cluster, "tls-server-name", json_string(c->server_name));
	if (c->skip_verify)
		json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
	if (c->ca_pem) {
		const size_t n = strlen(c->ca_pem);
		const size_t size = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
		cleanup_free char *text = xcalloc(1, size);

		(void)sodium_bin2base64(text, size, (const unsigned char *)c->ca_pem, n,
		                        sodium_base64_VARIANT_ORIGINAL);
		json_object_set_new(cluster, "certificate-authority-data", json_string(text));
	}
	return cluster;
}

static char *
info(const struct kubeconfig *c)
{
	cleanup_json json_t *j = json_object();
	json_t *const spec = json_object();
	cleanup_buf struct buf b = { 0 };

	json_object_set_new(j, "apiVersion", json_string(c->exec->api_version));
	json_object_set_new(j, "kind", json_string("ExecCredential"));
	json_object_set_new(j, "spec", spec);
	json_object_set_new(spec, "interactive", json_false());
	if (c->exec->provide_cluster_info)
		json_object_set_new(spec, "cluster", cluster_info(c));
	json_canonical(j, &b);
	return xasprintf("KUBERNETES_EXEC_INFO=%s", buf_cstr(&b));
}

static bool
is_set_again(char *const *more, const char *one)
{
	for (; more && *more; more++) {
		const size_t n = strcspn(*more, "=") + 1;
		if (strncmp(*more, one, n) == 0)
			return true;
	}
	return has_prefix(one, "KUBERNETES_EXEC_INFO=");
}

/* Borrowed texts; the array is the caller's. */
static char **
environment(const struct kube_exec *x, char *said)
{
	VEC(char *) v = { 0 };

	for (char **s = environ; *s; s++) {
		if (!is_set_again(x->env, *s))
			vec_push(&v, *s);
	}
	for (char **s = x->env; s && *s; s++)
		vec_push(&v, *s);
	vec_push(&v, said);
	vec_push(&v, NULL);
	return v.v;
}

static int
start(const struct kubeconfig *c, int out, int err, pid_t *ret)
{
	const struct kube_exec *const x = c->exec;
	cleanup_free char *said = info(c);
	cleanup_free char **envp = environment(x, said);
	posix_spawn_file_actions_t f;
	posix_spawnattr_t a;
	sigset_t none, all;
	VEC(char *) argv = { 0 };
	int rc;

	vec_push(&argv, x->command);
	for (char **s = x->args; s && *s; s++)
		vec_push(&argv, *s);
	vec_push(&argv, NULL);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&f) != 0 || posix_spawnattr_init(&a) != 0)
		abort();
	(void)posix_spawn_file_actions_addopen(&f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&f, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&f, err, STDERR_FILENO);
	(void)posix_spawn_file_actions_addclosefrom_np(&f, FIRST_FD);
	(void)posix_spawnattr_setsigmask(&a, &none);
	(void)posix_spawnattr_setsigdefault(&a, &all);
	(void)posix_spawnattr_setpgroup(&a, 0);
	(void)posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                           POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(ret, x->command, &f, &a, argv.v, envp);
	(void)posix_spawn_file_actions_destroy(&f);
	(void)posix_spawnattr_destroy(&a);
	vec_fini(&argv);
	return rc;
}

/* Between two looks: is there time, and does the caller want to go on? */
static int
may_go_on(const struct kube_options *o, uint64_t end_ms, struct err *e)
{
	if (clock_mono_ms() >= end_ms)
		return err_set(e, ERR_UNREACHABLE, "the credential plugin \"%s\" did not end",
		               o->config->exec->command);
	return o->check ? o->check(o->check_arg, e) : 0;
}

/* What one pipe has now; *fd -1 at its end. More than max is an error of stdout, and cut of
 * stderr. */
static int
take_piece(int *fd, struct buf *b, size_t max, bool cuts)
{
	char piece[4096];
	const ssize_t n = read(*fd, piece, sizeof piece);
	const size_t room = max - b->n;

	if (n <= 0) {
		if (n == 0 || errno != EINTR)
			*fd = -1;
		return 0;
	}
	if ((size_t)n <= room || cuts)
		buf_add(b, piece, (size_t)n < room ? (size_t)n : room);
	explicit_bzero(piece, sizeof piece);
	return (size_t)n <= room || cuts ? 0 : -1;
}

/* Both pipes until both have ended. */
static int
collect(const struct kube_options *o, int out, int err, uint64_t end_ms, struct buf *said,
        struct buf *words, struct err *e)
{
	struct pollfd p[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		int rc = may_go_on(o, end_ms, e);

		if (rc < 0)
			return rc;
		if (poll(p, 2, LOOK_MS) <= 0)
			continue;
		if (p[0].fd >= 0 && p[0].revents &&
		    take_piece(&p[0].fd, said, KUBE_EXEC_OUTPUT, false) < 0)
			return err_set(e, ERR_TOO_BIG, "the credential plugin \"%s\" says too much",
			               o->config->exec->command);
		if (p[1].fd >= 0 && p[1].revents)
			(void)take_piece(&p[1].fd, words, WORDS_MAX, true);
	}
	return 0;
}

/* It may close what it writes to and go on. */
static int
wait_for(const struct kube_options *o, pid_t pid, uint64_t end_ms, int *ret_status, struct err *e)
{
	long pause_ms = 1;

	for (;;) {
		const struct timespec t = { .tv_nsec = pause_ms * 1000000 };
		const pid_t got = waitpid(pid, ret_status, WNOHANG);
		int rc;

		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return err_sys(e, "cannot wait for the credential plugin");
		rc = may_go_on(o, end_ms, e);
		if (rc < 0)
			return rc;
		(void)nanosleep(&t, NULL);
		pause_ms = pause_ms * 2 < LOOK_MS ? pause_ms * 2 : LOOK_MS;
	}
}

/* The last line that it wrote to stderr. */
static void
last_words(const struct buf *words, char ret[200])
{
	size_t n = words->n, from;

	while (n > 0 && strchr("\r\n", words->p[n - 1]))
		n--;
	for (from = n; from > 0 && words->p[from - 1] != '\n'; from--)
		;
	(void)snprintf(ret, 200, "%.*s", (int)(n - from < 199 ? n - from : 199),
	               words->p ? words->p + from : "");
}

static int
judge(const struct kube_exec *x, int status, const struct buf *words, struct err *e)
{
	char said[200];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	last_words(words, said);
	err_set(e, ERR_DENIED, "the credential plugin \"%s\" ended with %s %d%s%s", x->command,
	        WIFSIGNALED(status) ? "signal" : "status",
	        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), said[0] ? ": " : "",
	        said);
	if (x->install_hint)
		return err_hint(e, "%s", x->install_hint);
	return -ERR_DENIED;
}

static int
not_run(const struct kube_exec *x, int why, struct err *e)
{
	errno = why;
	err_sys(e, "cannot run the credential plugin \"%s\"", x->command);
	e->code = ERR_DENIED;
	return x->install_hint ? err_hint(e, "%s", x->install_hint) : -ERR_DENIED;
}

static uint64_t
end_of(const struct kube_options *o)
{
	const uint64_t end_ms = clock_mono_ms() + KUBE_EXEC_MS;

	return o->deadline_ms && *o->deadline_ms && *o->deadline_ms < end_ms ? *o->deadline_ms
	                                                                     : end_ms;
}

static int
run(const struct kube_options *o, struct buf *said, struct buf *words, struct err *e)
{
	const uint64_t end_ms = end_of(o);
	int out[2], err[2], status = 0, rc;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	if (pipe2(err, O_CLOEXEC) < 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return err_sys(e, "cannot make a pipe");
	}
	rc = start(o->config, out[1], err[1], &pid);
	(void)close(out[1]);
	(void)close(err[1]);
	if (rc != 0) {
		rc = not_run(o->config->exec, rc, e);
	} else {
		rc = collect(o, out[0], err[0], end_ms, said, words, e);
		if (rc == 0)
			rc = wait_for(o, pid, end_ms, &status, e);
		if (rc < 0) {
			(void)kill(-pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
	}
	(void)close(out[0]);
	(void)close(err[0]);
	return rc < 0 ? rc : judge(o->config->exec, status, words, e);
}

int
kube_exec_run(const struct kube_options *o, struct kube_exec_word *ret, struct err *e)
{
	struct buf said = { 0 };
	cleanup_buf struct buf words = { 0 };
	int rc = run(o, &said, &words, e);

	*ret = (struct kube_exec_word){ 0 };
	if (rc == 0) {
		rc = kube_exec_parse(buf_str(&said), o->config->exec->api_version, ret, e);
		if (rc < 0)
			err_prefix(e, "credential plugin \"%s\"", o->config->exec->command);
	}
	if (said.p)
		explicit_bzero(said.p, said.cap);
	buf_fini(&said);
	return rc;
}
