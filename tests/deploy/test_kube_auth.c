/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are at a cluster: tokens of files, credential plugins, impersonation, against a scripted
 * API server.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/kube_exec.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "tests/deploy/kube_lab.h"

TestSuite(kube_auth);

static char *
temp_file(const char *text, mode_t mode)
{
	char *path = xstrdup("/tmp/slipway-kube-XXXXXX");
	const int fd = mkstemp(path);

	cr_assert(fd >= 0 && fs_write_all(fd, text, strlen(text)) == 0);
	(void)fchmod(fd, mode);
	(void)close(fd);
	return path;
}

#define GET_N(token, status_)                                                               \
	{                                                                                   \
		.request = "GET /n", .headers = JSON "Authorization: Bearer " token "\r\n", \
		.status = status_, .reply = "{}"                                            \
	}

Test(kube_auth, a_token_file_is_read_again_when_it_is_refused)
{
	static const struct step steps[] = { GET_N("one", 200), GET_N("one", 401),
		                             GET_N("two", 200), GET_N("two", 401) };
	cleanup_free char *path = temp_file("  one\n", 0600);
	struct err e = { 0 };
	struct lab l;
	json_t *j = NULL;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ .token_file = path });
	cr_assert_eq(kube_get(l.k, "/n", &j, &l.e), 0, "%s", l.e.msg);
	json_decref(j);
	cr_assert_eq(fs_write_at(AT_FDCWD, path, "two", 3, 0600, &e), 0);
	cr_assert_eq(kube_get(l.k, "/n", &j, &l.e), 0, "%s", l.e.msg);
	json_decref(j);
	/* the same again is not shown twice */
	cr_expect_eq(kube_get(l.k, "/n", &j, &l.e), -ERR_DENIED, "%s", l.e.msg);
	lab_close(&l);
	(void)unlink(path);
}

Test(kube_auth, a_plugin_is_run_and_run_once_more_when_it_is_refused)
{
	static const struct step steps[] = { GET_N("x1", 401), GET_N("x2", 200) };
	cleanup_free char *count = temp_file("", 0600);
	cleanup_free char *script = xasprintf(
	        "#!/bin/sh\nprintf x >> %s\nn=$(wc -c < %s)\n"
	        "case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) ;; *) exit 9;; esac\n"
	        "test \"$MORE\" = yes || exit 8\ncat >/dev/null\n"
	        "echo "
	        "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
	        "\"status\":{\"token\":\"x'$n'\"}}'\n",
	        count, count);
	cleanup_free char *path = temp_file(script, 0700);
	char *env[] = { TEXT("MORE=yes"), NULL };
	struct kube_exec x = { .command = path,
		               .env = env,
		               .api_version = TEXT("client.authentication.k8s.io/v1") };
	struct lab l;
	json_t *j = NULL;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ .exec = &x });
	cr_assert_eq(kube_get(l.k, "/n", &j, &l.e), 0, "%s", l.e.msg);
	json_decref(j);
	lab_close(&l);
	(void)unlink(path);
	(void)unlink(count);
}

/* A word that has expired already, or by our clock alone, is not asked for at each request. */
Test(kube_auth, an_expired_word_is_not_asked_for_at_each_request)
{
	static const struct step steps[] = { GET_N("x1", 200), GET_N("x1", 200), GET_N("x1", 401),
		                             GET_N("x2", 200) };
	cleanup_free char *count = temp_file("", 0600);
	cleanup_free char *script = xasprintf(
	        "#!/bin/sh\nprintf x >> %s\nn=$(wc -c < %s)\necho "
	        "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
	        "\"status\":{\"token\":\"x'$n'\",\"expirationTimestamp\":"
	        "\"2001-01-01T02:00:00+02:00\"}}'\n",
	        count, count);
	cleanup_free char *path = temp_file(script, 0700);
	struct kube_exec x = { .command = path,
		               .api_version = TEXT("client.authentication.k8s.io/v1") };
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ .exec = &x });
	for (int i = 0; i < 3; i++) {
		json_t *j = NULL;

		cr_assert_eq(kube_get(l.k, "/n", &j, &l.e), 0, "%d: %s", i, l.e.msg);
		json_decref(j);
	}
	lab_close(&l);
	(void)unlink(path);
	(void)unlink(count);
}

static int
until(void *arg, struct err *e)
{
	const uint64_t *const end_ms = arg;

	return clock_mono_ms() >= *end_ms ? err_set(e, ERR_CANCELLED, "no more") : 0;
}

/* One that only sleeps, one that says all and does not end, one that says too much. */
Test(kube_auth, a_plugin_is_not_waited_for_longer_than_wanted)
{
	static const struct {
		const char *script;
		bool by_check;
		int rc;
	} cases[] = {
		{ "#!/bin/sh\nsleep 50\n", true, -ERR_CANCELLED },
		{ "#!/bin/sh\nsleep 50\n", false, -ERR_UNREACHABLE },
		{ "#!/bin/sh\nexec >&- 2>&-\nsleep 50\n", true, -ERR_CANCELLED },
		{ "#!/bin/sh\nexec >&- 2>&-\nsleep 50\n", false, -ERR_UNREACHABLE },
		{ "#!/bin/sh\nyes\n", false, -ERR_TOO_BIG },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *path = temp_file(cases[i].script, 0700);
		struct kube_exec x = { .command = path, .api_version = TEXT("v1") };
		struct kubeconfig c = { .exec = &x, .server = TEXT("https://127.0.0.1:1") };
		const uint64_t began_ms = clock_mono_ms();
		uint64_t end_ms = began_ms + 500;
		const struct kube_options o = { .config = &c,
			                        .allow_exec = true,
			                        .deadline_ms = cases[i].by_check ? NULL : &end_ms,
			                        .check = cases[i].by_check ? until : NULL,
			                        .check_arg = &end_ms };
		struct kube_exec_word w;
		struct err e = { 0 };

		cr_expect_eq(kube_exec_run(&o, &w, &e), cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_leq(clock_mono_ms() - began_ms, 1500, "%zu", i);
		kube_exec_word_fini(&w);
		(void)unlink(path);
	}
}

Test(kube_auth, a_plugin_hears_of_its_cluster_and_of_no_proxy)
{
	/* cGVt is "pem" */
	cleanup_free char *path = temp_file(
	        "#!/bin/sh\ncase $KUBERNETES_EXEC_INFO in *s3cret*) exit 9;; "
	        "*'\"certificate-authority-data\":\"cGVt\",\"server\":\"https://127.0.0.1:1\","
	        "\"tls-server-name\":\"n\"'*) ;; *) exit 8;; esac\n"
	        "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"v1\","
	        "\"status\":{\"token\":\"x\"}}'\n",
	        0700);
	struct kube_exec x = { .command = path,
		               .api_version = TEXT("v1"),
		               .provide_cluster_info = true };
	struct kubeconfig c = { .exec = &x,
		                .server = TEXT("https://127.0.0.1:1"),
		                .server_name = TEXT("n"),
		                .ca_pem = TEXT("pem"),
		                .proxy = TEXT("http://me:s3cret@127.0.0.1:1") };
	const struct kube_options o = { .config = &c, .allow_exec = true };
	struct kube_exec_word w;
	struct err e = { 0 };

	cr_expect_eq(kube_exec_run(&o, &w, &e), 0, "%s", e.msg);
	cr_expect(w.token && streq(w.token, "x"));
	kube_exec_word_fini(&w);
	(void)unlink(path);
}

Test(kube_auth, a_plugin_that_is_not_allowed_does_not_run)
{
	struct kube_exec x = { .command = TEXT("/bin/false") };
	struct kubeconfig c = { .exec = &x,
		                .context = TEXT("c"),
		                .server = TEXT("https://127.0.0.1:1") };
	struct kube_options o = { .config = &c };
	struct kube *k = NULL;
	struct err e = { 0 };

	cr_expect_eq(kube_open(&o, &k, &e), -ERR_DENIED);
	cr_expect(strstr(e.hint, "--allow-exec"), "%s", e.hint);
	o.allow_exec = true;
	x.interactive = KUBE_EXEC_ALWAYS;
	cr_expect_eq(kube_open(&o, &k, &e), -ERR_DENIED);
	/* a token beside it, and nobody runs it */
	c.token = TEXT("t");
	o.allow_exec = false;
	cr_assert_eq(kube_open(&o, &k, &e), 0, "%s", e.msg);
	kube_close(k);
}

Test(kube_auth, what_plugins_say)
{
#define V1 "client.authentication.k8s.io/v1"
#define SAYS(v, status) \
	"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" v "\",\"status\":" status "}"
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ SAYS(V1, "{\"token\":\"a\",\"expirationTimestamp\":\"2026-08-01T10:00:00Z\"}"),
		  0 },
		{ SAYS(V1, "{\"token\":\"a\",\"expirationTimestamp\":"
		           "\"2026-08-01T10:00:00.25-05:30\"}"),
		  0 },
		{ SAYS(V1, "{\"token\":\"a\",\"expirationTimestamp\":"
		           "\"2026-08-01T10:00:00+2\"}"),
		  -ERR_MALFORMED },
		{ SAYS(V1, "{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}"), 0 },
		{ SAYS(V1, "{\"clientCertificateData\":\"c\"}"), -ERR_MALFORMED },
		{ SAYS(V1, "{}"), -ERR_MALFORMED },
		{ SAYS(V1, "{\"token\":7}"), -ERR_MALFORMED },
		{ SAYS(V1, "{\"token\":\"a\\r\\nX: y\"}"), -ERR_MALFORMED },
		{ SAYS(V1, "{\"token\":\"a\",\"expirationTimestamp\":\"soon\"}"), -ERR_MALFORMED },
		{ SAYS(V1 "beta1", "{\"token\":\"a\"}"), -ERR_MALFORMED },
		{ "{\"kind\":\"Status\",\"apiVersion\":\"" V1 "\"}", -ERR_MALFORMED },
		{ "token=s3cret", -ERR_MALFORMED },
		{ "", -ERR_MALFORMED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kube_exec_word w;
		struct err e = { 0 };
		cr_expect_eq(kube_exec_parse(str_of(cases[i].text), V1, &w, &e), cases[i].rc,
		             "%s: %s", cases[i].text, e.msg);
		cr_expect_null(strstr(e.msg, "s3cret"));
		kube_exec_word_fini(&w);
	}
}

Test(kube_auth, impersonation_and_basic)
{
	static const struct step steps[] = {
		{ .request = "GET /n",
		  .headers = JSON "Authorization: Basic YW5hOnB3\r\nImpersonate-User: bo\r\n"
		                  "Impersonate-Group: g1\r\nImpersonate-Group: g2\r\n"
		                  "Impersonate-Extra-a%2Fb: v\r\n",
		  .status = 200,
		  .reply = "{}" },
	};
	char *groups[] = { TEXT("g1"), TEXT("g2"), NULL }, *extra[] = { TEXT("A/b=v"), NULL };
	struct lab l;
	json_t *j = NULL;

	lab_open(&l, steps, COUNT(steps),
	         (struct kubeconfig){ .username = TEXT("ana"),
	                              .password = TEXT("pw"),
	                              .as = TEXT("bo"),
	                              .as_groups = groups,
	                              .as_extra = extra });
	cr_assert_eq(kube_get(l.k, "/n", &j, &l.e), 0, "%s", l.e.msg);
	json_decref(j);
	lab_close(&l);
}
