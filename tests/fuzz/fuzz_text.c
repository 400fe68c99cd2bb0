/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are foreign text: its safe form has nothing that a terminal obeys, and reads back. */
#include "tests/fuzz/fuzz.h"

#include "registry/base/buf.h"
#include "registry/base/json.h"
#include "registry/base/text.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf safe = { 0 }, back = { 0 }, cut = { 0 }, quoted = { 0 };
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	text_safe(&safe, input(p, n));
	PROMISE(text_is_utf8(buf_str(&safe)));
	for (size_t i = 0; i < safe.n; i++)
		PROMISE((unsigned char)safe.p[i] >= 0x20 && safe.p[i] != 0x7f);
	PROMISE(text_unescape(&back, buf_str(&safe)) == 0);
	PROMISE(str_eq(buf_str(&back), input(p, n)));
	for (size_t width = 0; width < 12; width++) {
		buf_clear(&cut);
		text_fit(&cut, buf_str(&safe), width, width % 2 ? TEXT_CUT_END : TEXT_CUT_MIDDLE, 1,
		         width % 3 == 0);
		PROMISE(text_width(buf_str(&cut)) == width);
	}
	buf_adds(&quoted, "[\"");
	text_json(&quoted, input(p, n));
	buf_adds(&quoted, "\"]");
	if (json_parse(buf_str(&quoted), "text", &j, &e) < 0)
		PROMISE(n > 0 && e.code == ERR_MALFORMED); /* a NUL, which no string may hold */
	return 0;
}
