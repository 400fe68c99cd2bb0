/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is read by writing it again: what it says is taken out, and the bytes that say just this
 * must be the bytes that are there, so that one tree has one text. Knows no log and no file.
 */
#include "registry/tree_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/note.h"

#define ORIGIN_HEAD "slipway/"
#define EXTENSION   "policy "
#define DASH        "\xe2\x80\x94 " /* in front of a signature line */

static int
make_text(const char *registry_id, const struct tree_head *h, struct buf *ret, struct err *e)
{
	struct checkpoint c = { .size = h->size, .root = h->root };
	char *text;

	(void)snprintf(c.origin, sizeof c.origin, ORIGIN_HEAD "%s", registry_id);
	text = checkpoint_text(&c);
	if (!text)
		return err_set(e, ERR_SYS, "not enough memory for a checkpoint");
	buf_adds(ret, text);
	buf_addf(ret, EXTENSION "%" PRIu64 "\n", h->policy_seq);
	free(text);
	return 0;
}

int
tree_head_sign(const char *registry_id, const struct tree_head *h, const struct secret_key *key,
               struct buf *ret, struct err *e)
{
	cleanup_free char *origin = xasprintf(ORIGIN_HEAD "%s", registry_id);
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *note = NULL;
	size_t n;
	int rc = make_text(registry_id, h, &text, e);

	if (rc < 0)
		return rc;
	if (note_sign(text.p, text.n, origin, key, &note, &n) < 0)
		return err_set(e, ERR_SYS, "cannot sign a checkpoint");
	buf_add(ret, note, n);
	return 0;
}

static int
malformed(struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, "checkpoint: %s", why);
}

/* Where the signature lines begin: behind the last empty line. */
static const char *
signatures_of(struct str note)
{
	for (size_t i = note.n; i >= 2; i--)
		if (note.p[i - 1] == '\n' && note.p[i - 2] == '\n')
			return note.p + i;
	return NULL;
}

static int
parse_text(struct str text, const char *registry_id, struct tree_head *ret, struct err *e)
{
	cleanup_buf struct buf again = { 0 };
	struct checkpoint c = { 0 };
	const char *last;
	int rc;

	if (checkpoint_parse(text.p, text.n, &c) < 0)
		return malformed(e, "not the text of one");
	if (!has_prefix(c.origin, ORIGIN_HEAD) ||
	    !streq(c.origin + strlen(ORIGIN_HEAD), registry_id))
		return err_set(e, ERR_UNTRUSTED, "a checkpoint of another log, \"%s\"", c.origin);
	*ret = (struct tree_head){ .size = c.size, .root = c.root };
	last = text.n > 1 ? memrchr(text.p, '\n', text.n - 1) : NULL;
	if (!last || text.p + text.n - last < (ptrdiff_t)sizeof EXTENSION + 1 ||
	    memcmp(last + 1, EXTENSION, sizeof EXTENSION - 1) != 0 ||
	    parse_u64_n(last + sizeof EXTENSION,
	                (size_t)(text.p + text.n - last) - sizeof EXTENSION - 1, INT64_MAX,
	                &ret->policy_seq) < 0)
		return malformed(e, "it does not say which policy was in force");
	rc = make_text(registry_id, ret, &again, e);
	if (rc == 0 && !str_eq(text, buf_str(&again)))
		rc = malformed(e, "not in the form that this log's have");
	return rc;
}

int
tree_head_peek(struct str note, const char *registry_id, struct tree_head *ret, struct err *e)
{
	const char *const signatures = note.n <= TREE_HEAD_MAX ? signatures_of(note) : NULL;

	if (!signatures)
		return malformed(e, "no signed note");
	return parse_text((struct str){ note.p, (size_t)(signatures - note.p) - 1 }, registry_id,
	                  ret, e);
}

/* The key that a policy gives role "log" and that signed. */
static int
find_signer(struct str note, const struct policy *p, const char *origin, const char **ret_text,
            size_t *ret_n, char ret_id[KEY_ID_SIZE], struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	const size_t n = policy_keys(p, ROLE_BIT(ROLE_LOG), &keys);

	if (n == 0)
		return err_set(e, ERR_UNTRUSTED,
		               "policy %" PRIu64 " names no key for the log: no checkpoint counts",
		               p->version);
	for (size_t i = 0; i < n; i++) {
		const struct note_key key = { .name = origin, .key = keys[i] };

		switch (note_verify(note.p, note.n, &key, 1, ret_text, ret_n)) {
		case NOTE_OK:
			key_id(&keys[i], ret_id);
			return 0;
		case NOTE_UNKNOWN:
			continue;
		case NOTE_BAD:
			return err_set(e, ERR_SIGNATURE, "checkpoint: its signature is wrong");
		case NOTE_MEMORY:
			return err_set(e, ERR_SYS, "not enough memory for a checkpoint");
		default:
			return malformed(e, "no signed note");
		}
	}
	return err_set(e, ERR_UNTRUSTED,
	               "checkpoint: not signed by a key with role \"log\" in policy %" PRIu64,
	               p->version);
}

int
tree_head_verify(struct str note, const struct policy *p, const char *registry_id,
                 struct tree_head *ret, struct err *e)
{
	cleanup_free char *origin = xasprintf(ORIGIN_HEAD "%s", registry_id);
	const char *signatures = note.n <= TREE_HEAD_MAX ? signatures_of(note) : NULL, *text;
	struct tree_head h;
	size_t n;
	int rc;

	/* a second line would be bytes that nobody vouches for */
	if (!signatures ||
	    memchr(signatures, '\n', (size_t)(note.p + note.n - signatures)) != note.p + note.n - 1)
		return malformed(e, "not a note with one signature");
	rc = parse_text((struct str){ note.p, (size_t)(signatures - note.p) - 1 }, registry_id, &h,
	                e);
	if (rc == 0)
		rc = find_signer(note, p, origin, &text, &n, h.key_id, e);
	if (rc == 0 && (text != note.p || n != (size_t)(signatures - note.p) - 1))
		rc = malformed(e, "signed is another text");
	if (rc == 0 && h.policy_seq != p->seq)
		rc = err_set(e, ERR_UNTRUSTED,
		             "checkpoint: made under the policy of entry %" PRIu64
		             ", which is not there",
		             h.policy_seq);
	if (rc == 0)
		*ret = h;
	return rc;
}

int
tree_head_trim(struct str note, const char *registry_id, struct buf *ret, struct err *e)
{
	cleanup_free char *head = xasprintf(DASH ORIGIN_HEAD "%s ", registry_id);
	const char *const signatures = note.n <= TREE_HEAD_MAX ? signatures_of(note) : NULL;
	const char *const end = note.p + note.n;
	const size_t head_n = strlen(head);

	for (const char *at = signatures; at && at < end;) {
		const char *const lf = memchr(at, '\n', (size_t)(end - at));

		if (!lf)
			break;
		if ((size_t)(lf - at) > head_n && memcmp(at, head, head_n) == 0) {
			buf_add(ret, note.p, (size_t)(signatures - note.p));
			buf_add(ret, at, (size_t)(lf - at) + 1);
			return 0;
		}
		at = lf + 1;
	}
	return malformed(e, "no note that this registry's log has signed");
}
