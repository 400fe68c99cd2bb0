/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of a bundle's tar: each byte is what Python's tarfile writes for that name and size, the
 * sum is the one that POSIX wants, and a block that claims anything else is no header.
 */
#include "registry/bundle_tar.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/buf.h"

#define GIB UINT64_C(1073741824)

static const struct {
	const char *name;
	uint64_t size;
	size_t header;
} cases[] = {
	{ "oci-layout", 0, 512 },
	{ "oci-layout", 1, 512 },
	{ "index.json", 511, 512 },
	{ "index.json", 512, 512 },
	{ "blobs/sha256/"
	  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	  513, 512 },
	{ "blobs/x", 8 * GIB - 1, 512 },
	{ "blobs/x", 8 * GIB, 1536 },
	{ "blobs/x", 10 * GIB, 1536 },
	{ "blobs/x", 1024 * GIB, 1536 },
	{ "blobs/x", TAR_SIZE_MAX, 1536 },
};

/* tarfile leaves the device's numbers empty where POSIX and GNU tar have zeros. */
static const char program[] =
        "import sys, tarfile\n"
        "def head(name, size, kind=b'0'):\n"
        "    t = tarfile.TarInfo(name)\n"
        "    t.size, t.mode, t.type = size, 0o444, kind\n"
        "    b = bytearray(t.tobuf(tarfile.USTAR_FORMAT, 'ascii', 'strict'))\n"
        "    b[329:345] = b'0000000\\0' * 2\n"
        "    b[148:156] = b' ' * 8\n"
        "    b[148:156] = b'%06o\\0 ' % sum(b)\n"
        "    return bytes(b)\n"
        "for line in sys.argv[1:]:\n"
        "    name, size = line.split(' ')\n"
        "    if int(size) < 8 << 30:\n"
        "        print(head(name, int(size)).hex())\n"
        "        continue\n"
        "    record = tarfile.TarInfo._create_pax_generic_header(\n"
        "        {'size': size}, b'x', 'ascii')[512:]\n"
        "    n = len(record.rstrip(b'\\0'))\n"
        "    print((head('size.pax', n, b'x') + record + head(name, 0)).hex())\n";

static void
hex_of(const uint8_t *p, size_t n, struct buf *ret)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(ret, "%02x", p[i]);
	buf_addc(ret, '\n');
}

Test(bundle_tar, headers_are_those_of_python)
{
	cleanup_buf struct buf command = { 0 }, ours = { 0 }, theirs = { 0 };
	char piece[4096];
	size_t n;
	FILE *f;

	buf_addf(&command, "python3 -c \"%s\"", program);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t h[TAR_HEADER_MAX];

		buf_addf(&command, " '%s %" PRIu64 "'", cases[i].name, cases[i].size);
		hex_of(h, tar_header(cases[i].name, cases[i].size, h), &ours);
	}
	f = popen(buf_cstr(&command), "r");
	cr_assert_not_null(f);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(&theirs, piece, n);
	cr_assert_eq(pclose(f), 0);
	cr_assert_eq(ours.n, theirs.n);
	cr_expect_str_eq(buf_cstr(&ours), buf_cstr(&theirs));
}

Test(bundle_tar, sizes_and_claims)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t h[TAR_HEADER_MAX] = { 0 };
		char name[TAR_NAME_SIZE];
		uint64_t size;
		const size_t n = tar_header(cases[i].name, cases[i].size, h);

		cr_expect_eq(n, cases[i].header, "%zu", i);
		cr_expect_eq(n, tar_header_size(cases[i].size), "%zu", i);
		cr_expect_eq(tar_padded(cases[i].size) % TAR_BLOCK, 0);
		cr_expect_geq(tar_padded(cases[i].size), cases[i].size);
		cr_expect_lt(tar_padded(cases[i].size) - cases[i].size, TAR_BLOCK);
		cr_expect_eq(tar_room(cases[i].size), n + tar_padded(cases[i].size));
		cr_expect_eq(tar_claim(h, name, &size), 0, "%zu", i);
		cr_expect_str_eq(name, cases[i].name);
		cr_expect_eq(size, cases[i].size, "%" PRIu64, size);
	}
	cr_expect_eq(tar_padded(0), 0);
	cr_expect_eq(tar_padded(1), 512);
	cr_expect_eq(tar_padded(512), 512);
	cr_expect_eq(tar_padded(513), 1024);
}

/* Six octal digits, a NUL and a space, over the block with spaces in their place. */
Test(bundle_tar, the_sum)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t h[TAR_HEADER_MAX];
		const size_t n = tar_header(cases[i].name, cases[i].size, h);

		for (size_t at = 0; at < n; at += (size_t)2 * TAR_BLOCK) {
			char want[16];
			unsigned sum = 8 * ' ';

			for (size_t k = 0; k < TAR_BLOCK; k++)
				sum += k < 148 || k >= 156 ? h[at + k] : 0;
			(void)snprintf(want, sizeof want, "%06o%c ", sum, '\0');
			cr_expect_eq(memcmp(h + at + 148, want, 8), 0, "%zu at %zu", i, at);
		}
	}
}

Test(bundle_tar, the_name_of_a_blob)
{
	struct digest d;
	char name[TAR_NAME_SIZE];

	digest_small("{}", 2, &d);
	tar_blob_name(&d, name);
	cr_expect_str_eq(name, "blobs/sha256/"
	                       "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

/* --- blocks that are none --- */

/* A header of `size`, with n bytes at that place, and what it then claims. */
static int
claims(uint64_t size, size_t at, const void *p, size_t n, uint64_t *ret)
{
	uint8_t h[TAR_HEADER_MAX] = { 0 };
	char name[TAR_NAME_SIZE] = "";
	int rc;

	(void)tar_header("name", size, h);
	memcpy(h + at, p, n);
	*ret = 0;
	rc = tar_claim(h, name, ret);
	if (rc == 0)
		cr_expect(name[0] != '\0' && strlen(name) < sizeof name);
	return rc;
}

Test(bundle_tar, hostile_blocks)
{
	static const struct {
		uint64_t size;
		size_t at;
		const char *bytes;
		size_t n;
		int rc;
		uint64_t claims;
	} hostile[] = {
		{ 5, 124, "0000000000\x38", 11, -1, 0 },           /* no octal digit */
		{ 5, 124, "\x80\0\0\0\0\0\0\0\0\0\5", 11, -1, 0 }, /* GNU's base 256 */
		{ 5, 124, " 000000005 ", 11, -1, 0 },
		{ 5, 124, "-0000000001", 11, -1, 0 },
		{ 5, 124, "", 1, -1, 0 },
		{ 5, 124, "77777777777", 11, 0, 8 * GIB - 1 },
		{ 5, 0, "", 1, -1, 0 }, /* no name */
		{ 8 * GIB, 1024, "", 1, -1, 0 },
		{ 8 * GIB, 124, "0000000009\x39", 11, -1, 0 },
		{ 8 * GIB, 512, "                       ", 22, -1, 0 }, /* no record */
		{ 8 * GIB, 512, "19 size=x", 9, -1, 0 },
		{ 8 * GIB, 512, "19 size=-5\n", 11, -1, 0 },
		{ 8 * GIB, 512, "19 size=7\n", 10, 0, 7 },
		{ 8 * GIB, 512, "24 size=1125899906842624\n", 25, 0, TAR_SIZE_MAX },
		{ 8 * GIB, 512, "24 size=1125899906842625\n", 25, -1, 0 },
		{ 8 * GIB, 512, "28 size=18446744073709551615\n", 29, -1, 0 },
	};
	char full[100];
	uint64_t size;

	for (size_t i = 0; i < COUNT(hostile); i++) {
		cr_expect_eq(claims(hostile[i].size, hostile[i].at, hostile[i].bytes, hostile[i].n,
		                    &size),
		             hostile[i].rc, "%zu", i);
		if (hostile[i].rc == 0)
			cr_expect_eq(size, hostile[i].claims, "%zu: %" PRIu64, i, size);
	}
	memset(full, 'a', sizeof full); /* a name without an end */
	cr_expect_eq(claims(5, 0, full, sizeof full, &size), -1);
	cr_expect_eq(claims(8 * GIB, 1024, full, sizeof full, &size), -1);
	cr_expect_eq(claims(5, 0, full, sizeof full - 1, &size), 0);
}

/* Every byte of a header counts: with another one it is not the one that is made again. */
Test(bundle_tar, noise)
{
	uint32_t x = 1;

	for (int i = 0; i < 20000; i++) {
		uint8_t h[TAR_HEADER_MAX], again[TAR_HEADER_MAX];
		char name[TAR_NAME_SIZE];
		uint64_t size;
		size_t n = tar_header("name", i % 2 ? 9 * GIB : 9, h);

		x = x * 1664525 + 1013904223;
		h[(x >> 8) % n] ^= (uint8_t)(1u << (x >> 28 & 7));
		if (tar_claim(h, name, &size) < 0)
			continue;
		cr_assert_leq(size, TAR_SIZE_MAX);
		n = tar_header(name, size, again);
		cr_assert(memcmp(h, again, n) != 0 || !strncmp(name, "name", 4) == 0 || size != 9,
		          "%d", i);
	}
}
