/* SPDX-License-Identifier: Apache-2.0 */
/* A client of a scripted API server. */
#include "tests/deploy/kube_lab.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>

#include "registry/base/fs.h"

void
lab_open(struct lab *l, const struct step *steps, size_t n, struct kubeconfig c)
{
	static char context[] = "lab";

	*l = (struct lab){ .c = c };
	l->s = server_start(steps, n);
	l->c.context = context;
	l->c.server = xstrdup(server_url(l->s));
	const struct kube_options o = { .config = &l->c, .allow_exec = true, .timeout_ms = 5000 };
	cr_assert_eq(kube_open(&o, &l->k, &l->e), 0, "%s", l->e.msg);
}

void
lab_close(struct lab *l)
{
	kube_close(l->k);
	server_end(l->s, l->complaint, sizeof l->complaint);
	cr_expect_str_eq(l->complaint, "");
	free(l->c.server);
}

json_t *
recorded(const char *step)
{
	const char *shared = getenv("SLIPWAY_SHARED");
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	json_t *j = NULL;
	cleanup_free char *path = xasprintf("%s/upstream/kubelab-recorded/%s.json",
	                                    shared ? shared : "../shared", step);

	if (fs_read_at(AT_FDCWD, path, 1u << 20, &text, &e) < 0)
		cr_skip_test("no recorded answers: %s", e.msg);
	cr_assert_eq(json_parse(buf_str(&text), path, &j, &e), 0, "%s", e.msg);
	return j;
}
