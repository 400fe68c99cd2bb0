/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a manifest: one that is read is written again to the same bytes, and its paths
 * stay below any folder. */
#include "tests/fuzz/fuzz.h"

#include "registry/manifest.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf config = { 0 }, text = { 0 };
	struct manifest m = { 0 };
	struct err e = { 0 };
	struct digest d;
	int rc = manifest_parse(input(p, n), &m, &e);

	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	for (size_t i = 0; i < m.n; i++)
		PROMISE(manifest_path_check(m.files[i].path, &e) == 0);
	PROMISE(manifest_write_config(&m, &config, &e) == 0);
	PROMISE(manifest_write(&m, &m.config, config.n, &text, &e) == 0);
	PROMISE(str_eq(buf_str(&text), input(p, n)));
	manifest_fileset_digest(&m, &d);
	manifest_oms_root(&m, &d);
	manifest_fini(&m);
	return 0;
}
