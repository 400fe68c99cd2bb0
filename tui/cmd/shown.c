/* SPDX-License-Identifier: Apache-2.0 */
/* How a version, a stage and a number look, the same in every verb. Reads rows, decides nothing. */
#include "tui/cmd/shown.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/blob.h"
#include "registry/labels.h"

#define NUMBER_SIZE 24

/* "v12", at the end of text: by hand, as snprintf would be a quarter of a long list. */
static const char *
number_text(uint64_t number, char text[NUMBER_SIZE])
{
	size_t at = NUMBER_SIZE - 1;

	text[at] = '\0';
	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	text[--at] = 'v';
	return text + at;
}

void
version_name(const char *model, uint64_t number, char ret[VERSION_NAME_SIZE])
{
	char text[NUMBER_SIZE];
	const char *const tail = number_text(number, text);
	const size_t n = strlen(model), tail_n = strlen(tail) + 1;

	assert(n < NAME_SIZE); /* as rows hold it */
	memcpy(ret, model, n);
	ret[n] = '@';
	memcpy(ret + n + 1, tail, tail_n);
}

void
cell_number(struct out *o, uint64_t number)
{
	char text[NUMBER_SIZE];

	if (number == 0)
		out_cell(o, NULL);
	else if (out_is_json(o))
		out_cell_u64(o, number);
	else
		out_cell_word(o, number_text(number, text));
}

void
stage_text(const struct stage_mark *s, char ret[64])
{
	char holds[24] = "-";

	if (s->number > 0)
		(void)snprintf(holds, sizeof holds, "v%" PRIu64, s->number);
	if (!s->job[0])
		(void)snprintf(ret, 64, "%s", s->number > 0 ? holds : "");
	else if (s->moving_to > 0)
		(void)snprintf(ret, 64, "%s -> v%" PRIu64, holds, s->moving_to);
	else
		(void)snprintf(ret, 64, "%s -> nothing", holds);
}

void
stages_json(struct json_out *j, const struct model_row *m)
{
	jo_begin(j, "stages", '{');
	for (size_t i = 0; i < m->stages_n; i++) {
		const struct stage_mark *const s = &m->stages[i];
		cleanup_json json_t *proofs = proofs_to_json(s->proofs);

		jo_begin(j, s->stage, '{');
		if (s->number > 0)
			jo_u64(j, "version", s->number);
		else
			jo_null(j, "version");
		if (s->number > 0)
			jo_time(j, "since", s->time_s);
		else
			jo_null(j, "since");
		jo_u64(j, "targets", s->targets);
		jo_value(j, "proofs", proofs);
		jo_string(j, "job", s->job[0] ? s->job : NULL);
		if (s->moving_to > 0)
			jo_u64(j, "movingTo", s->moving_to);
		else
			jo_null(j, "movingTo");
		jo_end(j, '}');
	}
	jo_end(j, '}');
}

void
stages_of(const struct model_row *m, uint64_t number, struct buf *ret)
{
	for (size_t i = 0; i < m->stages_n; i++) {
		if (m->stages[i].number != number)
			continue;
		if (ret->n > 0)
			buf_addc(ret, ' ');
		buf_adds(ret, m->stages[i].stage);
	}
}

static int
take_alias(void *arg, const char *alias, uint64_t number)
{
	json_object_set_new(arg, alias, json_integer((json_int_t)number));
	return 0;
}

int
aliases_read(struct txn *t, const char *model, json_t **ret, struct err *e)
{
	*ret = json_object();
	return alias_each(t, model, take_alias, *ret, e);
}

json_t *
aliases_of(const json_t *aliases, uint64_t number)
{
	json_t *const names = json_array();
	const char *name;
	json_t *of;

	json_object_foreach((json_t *)(uintptr_t)aliases, name, of) {
		if ((uint64_t)json_integer_value(of) == number)
			json_array_append_new(names, json_string(name));
	}
	return names;
}

int
version_manifest(struct registry *r, const struct digest *d, struct manifest *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc;

	rc = blob_promised(blob_read(r->blobs, d, MANIFEST_MAX, &text, e), e);
	if (rc == 0)
		rc = manifest_parse(buf_str(&text), ret, e);
	return rc < 0 ? err_prefix(e, "its manifest") : 0;
}

int
version_is_live(const struct version_row *v, struct err *e)
{
	if (v->state.life != LIFE_DELETED)
		return 0;
	(void)err_set(e, ERR_POLICY, "%s@v%" PRIu64 " was deleted", v->model, v->number);
	return err_hint(e, "see `slipway history %.200s`", v->model);
}
