/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are a note, the text of a checkpoint, and a verifier key, each in turn. The key that
 * notes are checked with is made of a fixed seed, so the corpus can have good ones.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/note.h"

static struct note_key
known_key(void)
{
	static const uint8_t seed[KEY_SEED_SIZE] = { 1 };
	static struct note_key k;

	if (!k.name) {
		struct secret_key *s = key_from_seed(seed);

		PROMISE(s != NULL);
		k = (struct note_key){ "log.example/fuzz", s->pub };
		key_free(s);
	}
	return k;
}

static void
read_checkpoint(const char *p, size_t n)
{
	struct checkpoint c, again;
	cleanup_free char *text = NULL;

	if (checkpoint_parse(p, n, &c) != NOTE_OK)
		return;
	text = checkpoint_text(&c);
	PROMISE(text && strlen(text) <= n && memcmp(text, p, strlen(text)) == 0);
	PROMISE(checkpoint_parse(text, strlen(text), &again) == NOTE_OK);
	PROMISE(memcmp(&c, &again, sizeof c) == 0);
}

static void
read_note(const char *p, size_t n)
{
	const struct note_key k = known_key();
	const char *text = NULL;
	size_t text_n = 0;
	const int rc = note_verify(p, n, &k, 1, &text, &text_n);

	PROMISE(rc <= 0 && rc != NOTE_MEMORY && (rc == NOTE_OK) == (text != NULL));
	if (rc != NOTE_OK)
		return;
	PROMISE(text == p && text_n > 0 && text_n < n && text[text_n - 1] == '\n');
	/* nobody else's key makes it good */
	PROMISE(note_verify(p, n, NULL, 0, &text, &text_n) == NOTE_UNKNOWN);
	read_checkpoint(p, text_n);
}

static void
read_vkey(const char *p, size_t n)
{
	cleanup_free char *again = NULL;
	struct note_key k = { 0 };
	char *name = NULL;

	if (note_parse_vkey(p, n, &name, &k.key) != NOTE_OK)
		return;
	k.name = name;
	again = note_vkey(&k);
	PROMISE(again && strlen(again) == n && memcmp(again, p, n) == 0);
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	read_note((const char *)p, n);
	read_checkpoint((const char *)p, n);
	read_vkey((const char *)p, n);
	return 0;
}
