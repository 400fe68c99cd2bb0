/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are registry.json: one that is read can be written, and is read as the same. */
#include "tests/fuzz/scratch.h"

#include <string.h>

#include "registry/base/fs.h"
#include "registry/identity.h"

static int rootfd = -1;

static void
promise_identity(const struct identity *i)
{
	PROMISE(i->ids_n > 0 && i->ids_n <= INCARNATIONS_MAX);
	for (size_t k = 0; k < i->ids_n; k++)
		PROMISE(strlen(i->ids[k]) == REGISTRY_ID_SIZE - 1 && identity_has(i, k, i->ids[k]));
	PROMISE(!identity_has(i, i->ids_n, i->id) && streq(i->ids[i->ids_n - 1], i->id));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct identity i, again;
	struct err e = { 0 };
	int rc = identity_parse(input(p, n), &i, &e);

	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	promise_identity(&i);
	if (rootfd < 0)
		PROMISE(fs_open_dir(AT_FDCWD, scratch(), &rootfd, &e) == 0);
	PROMISE(identity_write(rootfd, &i, false, &e) == 0);
	PROMISE(identity_read(rootfd, &again, &e) == 0);
	PROMISE(again.created_s == i.created_s && again.log_inode == i.log_inode);
	PROMISE(again.ids_n == i.ids_n && streq(again.id, i.id));
	PROMISE(memcmp(again.ids, i.ids, sizeof i.ids) == 0);
	return 0;
}
