/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First byte 'n': the rest is a signed note, read as a checkpoint of the registry that the first 32
 * bytes name. Else 64 hex digits, a line feed and a proof file, checked by that fingerprint.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "registry/proof.h"

#define ROOT_SIZE 65

static void
read_note(struct str bytes)
{
	char id[REGISTRY_ID_SIZE] = "";
	struct tree_head h = { 0 };
	struct buf trimmed = { 0 };
	struct err e = { 0 };
	struct str note;
	int rc;

	if (bytes.n < sizeof id - 1)
		return;
	memcpy(id, bytes.p, sizeof id - 1);
	note = (struct str){ bytes.p + sizeof id - 1, bytes.n - (sizeof id - 1) };
	rc = tree_head_peek(note, id, &h, &e);
	promise_err(rc, &e);
	e = (struct err){ 0 };
	rc = tree_head_trim(note, id, &trimmed, &e);
	promise_err(rc, &e);
	PROMISE(trimmed.n <= note.n);
	buf_fini(&trimmed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str bytes = input(p, n);
	struct proof_result result = { 0 };
	struct err e = { 0 };
	struct digest root;
	int rc;

	if (n > 0 && p[0] == 'n') {
		read_note((struct str){ bytes.p + 1, n - 1 });
		return 0;
	}
	if (n < ROOT_SIZE || digest_parse(&root, bytes.p, ROOT_SIZE - 1) < 0)
		return 0;
	rc = proof_check((struct str){ bytes.p + ROOT_SIZE, n - ROOT_SIZE }, &root, &result, &e);
	promise_err(rc, &e);
	PROMISE(rc < 0 || (result.head.size > 0 && result.registry_id[0] && result.head.key_id[0]));
	PROMISE(rc == 0 || (!result.approvers && result.head.size == 0));
	proof_result_fini(&result);
	return 0;
}
