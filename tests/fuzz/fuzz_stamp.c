/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are the stamp in a folder of a target, which whoever can write there puts there: one
 * that is read can be written and is read as the same, and no other is taken for one.
 */
#include "tests/fuzz/scratch.h"

#include <string.h>
#include <sys/stat.h>

#include "deploy/folder.h"
#include "registry/base/fs.h"

#define STAMP "m/.slipway.json"

static struct folder *folder;
static int rootfd = -1;

static void
make_folder(void)
{
	struct err e = { 0 };

	PROMISE(fs_open_dir(AT_FDCWD, scratch(), &rootfd, &e) == 0);
	PROMISE(folder_open(scratch(), "m", true, &folder, &e) == 0);
}

static void
put_stamp(struct str bytes)
{
	cleanup_close int fd =
	        openat(rootfd, STAMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	PROMISE(fd >= 0 && fs_write_all(fd, bytes.p, bytes.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct folder_stamp s, again;
	struct err e = { 0 };
	int rc;

	if (!folder)
		make_folder();
	put_stamp(input(p, n));
	rc = folder_stamp_read(folder, &s, &e);
	promise_err(rc, &e);
	PROMISE(s.exists == (rc == 0));
	if (rc < 0)
		return 0;
	PROMISE(memchr(s.registry_id, '\0', sizeof s.registry_id));
	PROMISE(memchr(s.plan_id, '\0', sizeof s.plan_id));
	PROMISE(folder_stamp_write(folder, &s, &e) == 0);
	PROMISE(folder_stamp_read(folder, &again, &e) == 0 && again.exists);
	PROMISE(again.number == s.number && digest_eq(&again.version, &s.version));
	PROMISE(streq(again.registry_id, s.registry_id) && streq(again.plan_id, s.plan_id));
	return 0;
}
