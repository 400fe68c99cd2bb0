/* SPDX-License-Identifier: Apache-2.0 */
/* Puts of the entries that nobody signs and nothing is decided by: alias, note. */
#include "registry/entry_put.h"

#include <string.h>

#include "registry/records.h"
#include "registry/ref.h"

/* The version that the body's number names; null: *ret_number is 0. */
static int
number_of(struct txn *t, const struct entry *n, uint64_t *ret_number, struct version_row *ret,
          struct err *e)
{
	int rc;

	*ret_number = 0;
	if (json_is_null(json_object_get(n->body, "number")))
		return 0;
	rc = json_get_u64(n->body, "number", n->type, ret_number, e);
	if (rc == 0)
		rc = version_get(t, n->model, *ret_number, ret, e);
	return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "a version that does not exist") : rc;
}

int
put_alias(struct txn *t, const struct entry *n, struct err *e)
{
	char name[WORD_SIZE];
	uint64_t number, had;
	struct version_row v = { 0 };
	struct authority a;
	struct model_row m;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = put_string(n, "name", name, sizeof name, e);
	if (rc == 0)
		rc = ref_check_alias(name, e);
	if (rc == 0)
		rc = put_authority(t, &a, e);
	if (rc == 0)
		rc = number_of(t, n, &number, &v, e);
	if (rc < 0)
		return rc;
	if (number > 0 && policy_stage(a.policy, name))
		return put_refuse(n, e, "an alias with the name of a stage");
	if (number > 0 && v.state.life == LIFE_DELETED)
		return put_refuse(n, e, "an alias of a version that is deleted");
	rc = number > 0 ? 0 : alias_get(t, m.name, name, &had, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "no alias to remove") : rc;
	return alias_put(t, m.name, name, number, e);
}

int
put_note(struct txn *t, const struct entry *n, struct err *e)
{
	struct note_row note = { .seq = n->seq, .time_s = n->time_s };
	struct version_row v;
	struct model_row m;
	uint64_t number;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = put_string(n, "text", note.text, sizeof note.text, e);
	if (rc == 0)
		rc = number_of(t, n, &number, &v, e);
	if (rc < 0)
		return rc;
	if (!note.text[0])
		return put_refuse(n, e, "a note without text");
	return note_put(t, m.name, number, &note, e);
}
