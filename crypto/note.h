/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note) and checkpoints of a log (C2SP tlog-checkpoint):
 *     text, ending in LF; an empty line; lines "U+2014 SP name SP base64(key id[4] | signature)"
 * key id = first four bytes of SHA-256(name | 0A | type | public key); type 01: Ed25519 over the
 * text. A checkpoint's text is origin LF size LF base64(root) LF, then extension lines.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/key.h"

#define NOTE_MAX      (64u << 10)
#define NOTE_SIGS_MAX 64
#define NOTE_NAME_MAX 255

enum note_status {
	NOTE_OK = 0,
	NOTE_MALFORMED = -1,
	NOTE_UNKNOWN = -2, /* no signature by a given key */
	NOTE_BAD = -3,     /* a given key's signature is not good: the whole note is refused */
	NOTE_MEMORY = -4,
};

struct note_key {
	const char *name;
	struct public_key key; /* KEY_ED25519 */
};
/* "name+hex id+base64(type | key)" and nothing behind it; ret_name malloc'ed. Keys of another
 * type, as a cosigner's (04), are malformed. */
int note_parse_vkey(const char *text, size_t n, char **ret_name, struct public_key *ret);
char *note_vkey(const struct note_key *k); /* malloc'ed */
/* text must end in LF. The note, malloc'ed, NUL-terminated. */
int note_sign(const char *text, size_t n, const char *name, const struct secret_key *key,
              char **ret, size_t *ret_n);
/* 0 only when at least one of keys signed and none of theirs is bad. *ret_text points into note. */
int note_verify(const char *note, size_t n, const struct note_key *keys, size_t keys_n,
                const char **ret_text, size_t *ret_text_n);

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size;
	struct digest root;
};
char *checkpoint_text(const struct checkpoint *c); /* malloc'ed; NULL: memory */
int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret);
