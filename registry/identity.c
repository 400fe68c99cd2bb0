/* SPDX-License-Identifier: Apache-2.0 */
/* registry.json, read as somebody else's file and written whole. */
#include "registry/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"

static int
damaged(struct err *e)
{
	err_set(e, ERR_MALFORMED, REGISTRY_JSON " is damaged");
	return err_hint(e, "put it back from a backup: it names the registry and its log's inode");
}

static bool
is_id(const char *s)
{
	return strlen(s) == REGISTRY_ID_SIZE - 1 &&
	       strspn(s, "0123456789abcdef") == REGISTRY_ID_SIZE - 1;
}

bool
identity_has(const struct identity *n, uint64_t i, const char *id)
{
	return n && i < n->ids_n && streq(n->ids[i], id);
}

static int
parse_ids(const json_t *o, struct identity *ret, struct err *e)
{
	const json_t *const ids = json_object_get(o, "incarnations"), *id;
	size_t i;

	if (!ids) {
		memcpy(ret->ids[0], ret->id, sizeof ret->id);
		ret->ids_n = 1;
		return 0;
	}
	if (!json_is_array(ids) || json_array_size(ids) == 0 ||
	    json_array_size(ids) > INCARNATIONS_MAX)
		return damaged(e);
	json_array_foreach(ids, i, id)
	{
		if (!json_is_string(id) || !is_id(json_string_value(id)))
			return damaged(e);
		(void)str_copy(ret->ids[i], REGISTRY_ID_SIZE, json_string_value(id));
	}
	ret->ids_n = json_array_size(ids);
	return streq(ret->ids[ret->ids_n - 1], ret->id) ? 0 : damaged(e);
}

static int
parse_members(const json_t *o, struct identity *ret, struct err *e)
{
	const char *id, *created;
	uint64_t format;
	int rc = json_get_u64(o, "format", REGISTRY_JSON, &format, e);

	if (rc == 0 && format > REGISTRY_FORMAT) {
		err_set(e, ERR_MALFORMED, "it has format %" PRIu64 ", newer than this slipway's %d",
		        format, REGISTRY_FORMAT);
		return err_hint(e, "use a newer slipway");
	}
	if (rc == 0)
		rc = json_get_string(o, "id", REGISTRY_JSON, &id, e);
	if (rc == 0)
		rc = json_get_string(o, "created", REGISTRY_JSON, &created, e);
	if (rc == 0)
		rc = json_get_u64(o, "log_inode", REGISTRY_JSON, &ret->log_inode, e);
	if (rc < 0)
		return rc;
	if (!is_id(id) || clock_parse(created, &ret->created_s) < 0)
		return damaged(e);
	(void)str_copy(ret->id, sizeof ret->id, id);
	return parse_ids(o, ret, e);
}

int
identity_parse(struct str text, struct identity *ret, struct err *e)
{
	cleanup_json json_t *o = NULL;
	int rc;

	*ret = (struct identity){ 0 };
	if (text.n > REGISTRY_JSON_MAX)
		return err_set(e, ERR_TOO_BIG, REGISTRY_JSON " is larger than %d bytes",
		               REGISTRY_JSON_MAX);
	rc = json_parse(text, REGISTRY_JSON, &o, e);
	return rc < 0 ? rc : parse_members(o, ret, e);
}

int
identity_read(int rootfd, struct identity *ret, struct err *e)
{
	cleanup_close int fd = fs_open_file_beneath(rootfd, REGISTRY_JSON);
	cleanup_buf struct buf text = { 0 };
	int rc;

	if (fd < 0 && (errno == ELOOP || errno == EMEDIUMTYPE)) {
		err_set(e, ERR_MALFORMED, REGISTRY_JSON " is no regular file");
		return err_hint(e, "look at who put it there; put the file itself in its place");
	}
	if (fd < 0)
		return err_sys(e, "open " REGISTRY_JSON);
	rc = fs_read_fd(fd, REGISTRY_JSON, REGISTRY_JSON_MAX, &text, e);
	return rc < 0 ? rc : identity_parse(buf_str(&text), ret, e);
}

int
identity_write(int rootfd, const struct identity *n, bool is_first, struct err *e)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	char created[CLOCK_TEXT_SIZE];

	clock_text(created, n->created_s);
	json_object_set_new(o, "format", json_integer(REGISTRY_FORMAT));
	json_object_set_new(o, "id", json_string(n->id));
	json_object_set_new(o, "created", json_string(created));
	json_object_set_new(o, "log_inode", json_integer((json_int_t)n->log_inode));
	if (n->ids_n > 1) {
		json_t *const ids = json_array();

		for (size_t i = 0; i < n->ids_n; i++)
			json_array_append_new(ids, json_string(n->ids[i]));
		json_object_set_new(o, "incarnations", ids);
	}
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	return is_first ? fs_create_at(rootfd, REGISTRY_JSON, text.p, text.n, fs_mode_below(rootfd),
	                               e)
	                : fs_write_at(rootfd, REGISTRY_JSON, text.p, text.n, fs_mode_below(rootfd),
	                              e);
}

int
identity_renew(struct identity *n, int64_t now_s, struct err *e)
{
	uint8_t random[16];

	if (n->ids_n == INCARNATIONS_MAX)
		return err_set(e, ERR_TOO_BIG, "it was adopted %d times already",
		               INCARNATIONS_MAX - 1);
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(n->id, sizeof n->id, random, sizeof random);
	memcpy(n->ids[n->ids_n++], n->id, sizeof n->id);
	n->created_s = now_s;
	return 0;
}
