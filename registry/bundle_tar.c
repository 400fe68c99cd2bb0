/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of a bundle's tar, made and recognised; a pure function of name and size. */
#include "registry/bundle_tar.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USTAR_SIZE_MAX UINT64_C(077777777777) /* eleven octal digits */
#define PAX_NAME       "size.pax"
#define MODE           0444u

/* POSIX.1-2017, pax, "ustar Interchange Format": offset and width of each field. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag,
	        linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8],
	        prefix[155], pad[12];
};
static_assert(sizeof(struct ustar) == TAR_BLOCK, "a tar header is one block");

/* Digits up to the NUL at its end. */
static void
octal(char *field, size_t width, uint64_t v)
{
	field[--width] = '\0';
	while (width > 0) {
		field[--width] = (char)('0' + (v & 7));
		v >>= 3;
	}
	assert(v == 0);
}

static void
ustar_header(const char *name, uint64_t size, char type, uint8_t ret[TAR_BLOCK])
{
	struct ustar h = { .typeflag = type };
	unsigned sum = 0;

	assert(strlen(name) < sizeof h.name);
	memcpy(h.name, name, strlen(name));
	octal(h.mode, sizeof h.mode, MODE);
	octal(h.uid, sizeof h.uid, 0);
	octal(h.gid, sizeof h.gid, 0);
	octal(h.size, sizeof h.size, size);
	octal(h.mtime, sizeof h.mtime, 0);
	octal(h.devmajor, sizeof h.devmajor, 0);
	octal(h.devminor, sizeof h.devminor, 0);
	memcpy(h.magic, "ustar", sizeof h.magic);
	memcpy(h.version, "00", sizeof h.version);
	memset(h.chksum, ' ', sizeof h.chksum);
	memcpy(ret, &h, sizeof h);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += ret[i];
	octal(h.chksum, sizeof h.chksum - 1, sum); /* six digits, NUL, space */
	memcpy(ret, &h, sizeof h);
}

/* "LENGTH size=N\n", where LENGTH counts itself. */
static size_t
size_record(uint64_t size, char *ret, size_t room)
{
	char rest[40];
	int length = snprintf(rest, sizeof rest, " size=%" PRIu64 "\n", size);
	const int total = length + 2; /* a size of ten digits and more: two for the length */

	length = snprintf(ret, room, "%d%s", total, rest);
	assert(length == total);
	return (size_t)length;
}

size_t
tar_header_size(uint64_t size)
{
	return size > USTAR_SIZE_MAX ? TAR_HEADER_MAX : TAR_BLOCK;
}

size_t
tar_header(const char *name, uint64_t size, uint8_t ret[TAR_HEADER_MAX])
{
	char record[TAR_BLOCK] = "";
	size_t n;

	if (size <= USTAR_SIZE_MAX) {
		ustar_header(name, size, '0', ret);
		return TAR_BLOCK;
	}
	n = size_record(size, record, sizeof record);
	ustar_header(PAX_NAME, n, 'x', ret);
	memcpy(ret + TAR_BLOCK, record, sizeof record);
	ustar_header(name, 0, '0', ret + (size_t)2 * TAR_BLOCK);
	return TAR_HEADER_MAX;
}

uint64_t
tar_padded(uint64_t size)
{
	return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

uint64_t
tar_room(uint64_t size)
{
	return tar_header_size(size) + tar_padded(size);
}

void
tar_blob_name(const struct digest *d, char ret[TAR_NAME_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	(void)snprintf(ret, TAR_NAME_SIZE, "blobs/sha256/%s", hex);
}

static int
claim_size(const char *field, size_t digits, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < digits; i++) {
		if (field[i] < '0' || field[i] > '7')
			return -1;
		*ret = *ret << 3 | (uint64_t)(field[i] - '0');
	}
	return 0;
}

static int
claim_record(const uint8_t *p, uint64_t *ret)
{
	const char *const at = memchr(p, '=', TAR_BLOCK);
	size_t i = 1;

	*ret = 0;
	for (; at && i < 21 && at[i] >= '0' && at[i] <= '9'; i++)
		*ret = *ret * 10 + (uint64_t)(at[i] - '0');
	return at && i > 1 && *ret <= TAR_SIZE_MAX ? 0 : -1;
}

int
tar_claim(const uint8_t *p, char ret_name[TAR_NAME_SIZE], uint64_t *ret_size)
{
	struct ustar h;
	int rc;

	memcpy(&h, p, sizeof h);
	rc = claim_size(h.size, sizeof h.size - 1, ret_size);
	if (rc == 0 && h.typeflag == 'x') {
		rc = claim_record(p + TAR_BLOCK, ret_size);
		memcpy(&h, p + (size_t)2 * TAR_BLOCK, sizeof h);
	}
	if (rc < 0 || h.name[sizeof h.name - 1] != '\0' || h.name[0] == '\0')
		return -1;
	memcpy(ret_name, h.name, sizeof h.name);
	return 0;
}
