/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the log from a change: who, when, under which policy, behind which entry. */
#include <string.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/change_private.h"
#include "registry/log.h"
#include "registry/statement.h"

static json_t *
who_json(void)
{
	const char *ssh = getenv("SSH_CONNECTION");
	char host[65] = "";
	json_t *by = json_object();

	(void)gethostname(host, sizeof host - 1);
	json_object_set_new(by, "host", json_from_str(str_of(host)));
	json_object_set_new(by, "uid", json_integer((json_int_t)getuid()));
	if (ssh && strlen(ssh) < 128 &&
	    json_object_set_new(by, "ssh", json_from_str(str_of(ssh))) < 0)
		json_object_del(by, "ssh");
	return by;
}

static int
set_model(struct txn *t, const struct change *c, json_t *root, struct err *e)
{
	struct model_row m;
	int rc;

	json_object_set_new(root, "previous", json_null());
	if (!c->model)
		return 0;
	json_object_set_new(root, "model", json_string(c->model));
	rc = model_get(t, c->model, &m, e);
	if (rc == -ERR_NOT_FOUND)
		return 0; /* its first entry */
	if (rc == 0)
		json_object_set_new(root, "previous", json_integer((json_int_t)m.last_seq));
	return rc;
}

static int
set_statement(struct registry *r, const struct change *c, json_t *root, struct err *e)
{
	struct digest d;
	json_t *envelope;
	int rc;

	if (c->statement_blob) {
		json_object_set_new(root, "statement", json_from_digest(c->statement_blob));
		return 0;
	}
	if (!c->statement.p)
		return 0;
	if (c->statement.n > STATEMENT_INLINE_MAX) {
		rc = blob_put_mem(r->blobs, c->statement.p, c->statement.n, &d, NULL, e);
		if (rc == 0)
			json_object_set_new(root, "statement", json_from_digest(&d));
		return rc;
	}
	rc = json_parse(c->statement, "statement", &envelope, e);
	if (rc == 0)
		json_object_set_new(root, "statement", envelope);
	return rc;
}

int
change_line(struct registry *r, struct txn *t, const struct change *c, const struct applied *a,
            json_t *body, struct buf *ret, struct digest *ret_leaf, struct err *e)
{
	cleanup_json json_t *root = json_object();
	cleanup_buf struct buf json = { 0 };
	char now[CLOCK_TEXT_SIZE];
	int rc;

	clock_text(now, clock_now_s());
	json_object_set_new(root, "type", json_string(c->type));
	json_object_set_new(root, "time", json_string(now));
	json_object_set_new(root, "by", who_json());
	json_object_set(root, "body", body);
	json_object_set_new(root, "policy",
	                    a->has_policy ? json_integer((json_int_t)a->policy_seq) : json_null());
	if (c->reason && json_object_set_new(root, "reason", json_from_str(str_of(c->reason))) < 0)
		return err_set(e, ERR_USAGE, "the reason is not UTF-8");
	rc = set_model(t, c, root, e);
	if (rc == 0)
		rc = set_statement(r, c, root, e);
	if (rc < 0)
		return rc;
	json_canonical(root, &json);
	return log_format(a->entries, buf_str(&json), ret, ret_leaf, e);
}
