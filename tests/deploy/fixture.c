/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the modelrepo driver share; nothing here asks the driver to judge itself. */
#include "tests/deploy/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define MODEL "digits"

void
fixture_write(const struct fixture *f, const char *path, const char *text)
{
	char *full = xasprintf("%s/%s", f->dir, path);
	char *slash = strrchr(full, '/');
	struct err e = { 0 };

	*slash = '\0';
	cr_assert_eq(fs_mkdirs(full, 0755, &e), 0, "%s", e.msg);
	*slash = '/';
	cr_assert_eq(fs_write_at(AT_FDCWD, full, text, strlen(text), 0644, &e), 0, "%s", e.msg);
	free(full);
}

static void
open_driver(struct fixture *f)
{
	struct err e = { 0 };

	f->t = (struct target){ .name = "prod", .driver = "modelrepo", .url = f->url,
	                        .path = f->repo };
	f->d = deploy_driver_find("modelrepo");
	cr_assert_not_null(f->d);
	f->st = xcalloc(1, f->d->state_size);
	cr_assert_eq(f->d->open(f->st, &f->t, &e), 0, "%s", e.msg);
}

void
fixture_server(struct fixture *f, const struct step *steps, size_t n)
{
	f->d->close(f->st);
	free(f->st);
	f->server = server_start(steps, n);
	(void)snprintf(f->url, sizeof(f->url), "%s", server_url(f->server));
	open_driver(f);
}

void
fixture_begin(struct fixture *f, const struct step *steps, size_t n)
{
	static const char *const bytes[] = { "", "one", "two and more" };
	struct err e = { 0 };

	*f = (struct fixture){ .dir = "/tmp/slipway-test-XXXXXX" };
	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(f->dir));
	(void)snprintf(f->repo, sizeof(f->repo), "%s/repo", f->dir);
	fixture_write(f, "repo/" MODEL "/config.pbtxt", "name: \"digits\"\n");
	for (uint64_t i = 1; i <= 2; i++) {
		cleanup_free char *file = xasprintf("v%" PRIu64 "/model.onnx", i);
		cleanup_free char *dir = xasprintf("%s/v%" PRIu64, f->dir, i);

		fixture_write(f, file, bytes[i]);
		cr_assert_eq(version_dir_open(dir, &f->v[i], &e), 0, "%s", e.msg);
	}
	if (n > 0) {
		f->server = server_start(steps, n);
		(void)snprintf(f->url, sizeof(f->url), "%s", server_url(f->server));
	} else {
		server_nobody(f->url, sizeof(f->url));
	}
	open_driver(f);
}

const char *
fixture_complaint(struct fixture *f)
{
	static char complaint[1024];

	complaint[0] = '\0';
	if (f->server)
		server_end(f->server, complaint, sizeof(complaint));
	f->server = NULL;
	return complaint;
}

static int
unlink_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void
fixture_end(struct fixture *f)
{
	(void)fixture_complaint(f);
	f->d->close(f->st);
	free(f->st);
	version_dir_free(f->v[1]);
	version_dir_free(f->v[2]);
	(void)nftw(f->dir, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

void
fixture_publish(struct fixture *f, uint64_t number)
{
	struct folder_stamp stamp = { .registry_id = "r1", .plan_id = PLAN_OLD, .number = number };
	struct folder *folder = NULL;
	struct err e = { 0 };

	cr_assert_eq(folder_open(f->repo, MODEL, true, &folder, &e), 0, "%s", e.msg);
	if (number > 0) {
		stamp.version = f->v[number]->version;
		cr_assert_eq(folder_hold(folder, number, &f->v[number]->source, &e), 0, "%s",
		             e.msg);
		cr_assert_eq(folder_publish(folder, number, &e), 0, "%s", e.msg);
	}
	cr_assert_eq(folder_stamp_write(folder, &stamp, &e), 0, "%s", e.msg);
	folder_close(folder);
}

const char *
fixture_tree(const struct fixture *f)
{
	static char text[512];
	cleanup_free char *dir = xasprintf("%s/" MODEL, f->repo);
	struct folder_stamp stamp = { 0 };
	struct folder *folder = NULL;
	struct dirent **names = NULL;
	struct buf b = { 0 };
	struct err e = { 0 };
	const int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.' && !streq(names[i]->d_name, "config.pbtxt"))
			buf_addf(&b, "%s ", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	cr_assert_eq(folder_open(f->repo, MODEL, false, &folder, &e), 0, "%s", e.msg);
	cr_assert_eq(folder_stamp_read(folder, &stamp, &e), 0, "%s", e.msg);
	folder_close(folder);
	if (stamp.exists)
		buf_addf(&b, "| %" PRIu64 " %.1s", stamp.number,
		         stamp.plan_id[0] ? stamp.plan_id : "-");
	else
		buf_adds(&b, "| none");
	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&b));
	buf_fini(&b);
	return text;
}

struct rollout
fixture_rollout(const struct fixture *f, uint64_t number)
{
	struct rollout q = { .registry_id = "r1", .model = MODEL, .plan_id = PLAN_NEW,
	                     .job_id = "j1",
		             .number = number, .empty = number == 0 };

	if (number > 0) {
		q.version = f->v[number]->version;
		q.files = &f->v[number]->source;
	}
	return q;
}

struct precondition
fixture_precondition(const struct fixture *f, uint64_t number)
{
	struct precondition p = { .empty = number == 0, .number = number, .plan_id = PLAN_NEW };

	if (number > 0)
		p.version = f->v[number]->version;
	return p;
}

int
fixture_apply(struct fixture *f, const struct rollout *q, const struct precondition *p,
              struct err *e)
{
	struct buf rendered = { 0 };
	int rc;

	rc = f->d->render(&f->t, q, &rendered, e);
	if (rc == 0)
		rc = f->d->apply(f->st, q, buf_str(&rendered), p, e);
	buf_fini(&rendered);
	return rc;
}
