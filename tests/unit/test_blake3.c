/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE3 at the borders of blocks, chunks and subtrees, with the input of its published vectors:
 * bytes 0, 1, .. 250, 0, .. */
#include "crypto/blake3.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void
hash(const uint8_t *p, size_t n, size_t step, char ret[2 * BLAKE3_SIZE + 1])
{
	uint8_t sum[BLAKE3_SIZE];
	struct blake3 h;

	blake3_init(&h);
	for (size_t at = 0; at < n; at += step)
		blake3_update(&h, p + at, n - at < step ? n - at : step);
	blake3_final(&h, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

Test(blake3, vectors)
{
	static const struct {
		size_t n;
		const char *hex;
	} cases[] = {
		{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
		{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
		{ 63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b" },
		{ 64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98" },
		{ 65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee" },
		{ 1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11" },
		{ 1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
		{ 1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
		{ 2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a" },
		{ 2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030" },
		{ 3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2" },
		{ 4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969" },
		{ 5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833" },
		{ 6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205" },
		{ 8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63" },
		{ 16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4" },
		{ 31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47" },
		{ 102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
	};
	uint8_t *p = malloc(102400);
	char hex[2 * BLAKE3_SIZE + 1];

	for (size_t i = 0; i < 102400; i++)
		p[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		hash(p, cases[i].n, 102400, hex);
		cr_expect_str_eq(hex, cases[i].hex, "%zu bytes", cases[i].n);
		hash(p, cases[i].n, 61, hex);
		cr_expect_str_eq(hex, cases[i].hex, "%zu bytes, in pieces", cases[i].n);
	}
	free(p);
}
