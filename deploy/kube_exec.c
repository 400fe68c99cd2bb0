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
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/kube_auth.h"
#include "deploy/kube_look.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define WORDS_MAX ((size_t)4096) /* of stderr */
#define FIRST_FD  3

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
	if (c->exec->provide_cluster_info) {
		json_t *const cluster = json_object();
		json_object_set_new(cluster, "server", json_string(c->server));
		if (c->server_name)
			json_object_set_new(cluster, "tls-server-name",
			                    json_string(c->server_name));
		json_object_set_new(spec, "cluster", cluster);
	}
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

/* Both pipes until both have ended. -1: too much, or not in time. */
static int
collect(int out, int err, struct buf *said, struct buf *words)
{
	const uint64_t end_ms = clock_mono_ms() + KUBE_EXEC_MS;
	struct pollfd p[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	char piece[4096];

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		const uint64_t now_ms = clock_mono_ms();
		if (now_ms >= end_ms)
			return -1;
		if (poll(p, 2, (int)(end_ms - now_ms)) < 0 && errno != EINTR)
			return -1;
		for (size_t i = 0; i < 2; i++) {
			struct buf *const b = i == 0 ? said : words;
			const size_t max = i == 0 ? KUBE_EXEC_OUTPUT : WORDS_MAX;
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, piece, sizeof piece);
			if (n <= 0 && !(n < 0 && errno == EINTR))
				p[i].fd = -1;
			if (n <= 0)
				continue;
			if (i == 0 && (size_t)n > max - b->n)
				return -1;
			buf_add(b, piece, (size_t)n < max - b->n ? (size_t)n : max - b->n);
		}
	}
	explicit_bzero(piece, sizeof piece);
	return 0;
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
run(const struct kubeconfig *c, struct buf *said, struct buf *words, struct err *e)
{
	const struct kube_exec *const x = c->exec;
	int out[2], err[2], status = 0, rc;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	if (pipe2(err, O_CLOEXEC) < 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return err_sys(e, "cannot make a pipe");
	}
	rc = start(c, out[1], err[1], &pid);
	(void)close(out[1]);
	(void)close(err[1]);
	if (rc == 0 && collect(out[0], err[0], said, words) < 0) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		rc = -1;
	}
	(void)close(out[0]);
	(void)close(err[0]);
	if (rc > 0) {
		errno = rc;
		err_sys(e, "cannot run the credential plugin \"%s\"", x->command);
		e->code = ERR_DENIED;
		return x->install_hint ? err_hint(e, "%s", x->install_hint) : -ERR_DENIED;
	}
	if (rc < 0)
		return err_set(e, ERR_UNREACHABLE,
		               "the credential plugin \"%s\" did not end, or said too much",
		               x->command);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(x, status, words, e);
}

int
kube_exec_run(const struct kubeconfig *c, struct kube_exec_word *ret, struct err *e)
{
	struct buf said = { 0 };
	cleanup_buf struct buf words = { 0 };
	int rc = run(c, &said, &words, e);

	*ret = (struct kube_exec_word){ 0 };
	if (rc == 0) {
		rc = kube_exec_parse(buf_str(&said), c->exec->api_version, ret, e);
		if (rc < 0)
			err_prefix(e, "credential plugin \"%s\"", c->exec->command);
	}
	if (said.p)
		explicit_bzero(said.p, said.cap);
	buf_fini(&said);
	return rc;
}
