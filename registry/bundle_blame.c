/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of a bundle is to be brought again: words alone, nothing is read. */
#include "registry/bundle_source.h"

#include <string.h>

int
bundle_source_blame(const struct bundle_source *s, uint64_t offset, struct err *e)
{
	return err_prefix(e, "\"%s\"", bundle_source_at(s, offset, NULL));
}

int
bundle_source_damaged(const struct bundle_source *s, const struct bundle_blob *x, uint64_t offset,
                      struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	unsigned first, last;

	digest_hex(&x->digest, hex);
	(void)bundle_source_at(s, offset + (x->size > 0 ? x->size - 1 : 0), &last);
	(void)err_set(e, ERR_DIGEST, "\"%s\": blob %.12s has other bytes than were signed",
	              bundle_source_at(s, offset, &first), hex);
	if (bundle_source_parts(s) == 1)
		return err_hint(e, "the file is damaged: bring it again");
	if (first == last)
		return err_hint(e, "part %u is damaged, or of another bundle: bring it again",
		                first);
	/* a hash is of the whole blob */
	return err_hint(e,
	                "one of the parts %u to %u, in which it lies, is damaged or of another "
	                "bundle: bring them again",
	                first, last);
}

/* RFC 8878, 3.1.1: how zstd begins. Other carriers of images compress with it. */
int
bundle_source_other(const uint8_t *p, struct err *e)
{
	static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (memcmp(p, zstd, sizeof zstd) != 0)
		return -ERR_MALFORMED;
	return err_hint(e, "a package of Zarf or Hauler? tar --zstd -xf FILE -C DIR; slipway pull "
	                   "layout:DIR@NAME --as MODEL");
}
