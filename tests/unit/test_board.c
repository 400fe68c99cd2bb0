/* SPDX-License-Identifier: Apache-2.0 */
/* What the cells of the board say, and why nothing goes up from one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/board_cells.h"

enum { DEVELOPMENT, STAGING, PRODUCTION, BACK };

static struct board_facts facts;
static struct live live;
static struct board_look look = {
	.stages = { "staging", "production" }, .stages_n = 2, .facts = &facts, .live = &live
};
static struct model_row model;

/* v3 is the newest; staging holds v2, production v1 */
static void
begin(void)
{
	model = (struct model_row){
		.name = "face", .latest_live = 3, .is_signed = true, .stages_n = 2, .last_seq = 9
	};
	model.stages[0] = (struct stage_mark){ .stage = "staging", .number = 2 };
	model.stages[1] = (struct stage_mark){ .stage = "production", .number = 1 };
}

static const char *
cell(size_t column, size_t width)
{
	static struct board_cell c;

	board_cell_of(&look, &model, column, width, &c);
	return c.text;
}

static const char *
why(size_t column)
{
	static struct buf b;

	buf_clear(&b);
	board_blocked(&look, &model, column, &b);
	return buf_cstr(&b);
}

Test(board, rows)
{
	begin();
	cr_expect_str_eq(cell(DEVELOPMENT, 20), "v3");
	cr_expect_str_eq(cell(STAGING, 20), "v2");
	cr_expect_str_eq(cell(BACK, 20), "...");
	cr_expect_str_eq(why(DEVELOPMENT), "");
	cr_expect_str_eq(why(STAGING), "");
	cr_expect_str_eq(why(PRODUCTION), "production is the last stage");
	cr_expect_eq(board_number(&look, &model, STAGING), 2);
	model.is_signed = false;
	cr_expect_str_eq(cell(DEVELOPMENT, 20), "v3 UNSIGNED");
	model.stages[0].number = 3;
	cr_expect_str_eq(cell(DEVELOPMENT, 20), "-");
	cr_expect_eq(board_number(&look, &model, DEVELOPMENT), 0);
	cr_expect_str_eq(why(DEVELOPMENT), "v3, the newest, is on its stages already");
	model.stages[0].number = 0;
	cr_expect_str_eq(cell(STAGING, 20), "-");
	cr_expect_str_eq(why(STAGING), "staging holds nothing");
	model.latest_live = 0;
	cr_expect_str_eq(why(DEVELOPMENT), "no live version");
}

Test(board, moves)
{
	struct board_move m = {
		.job = "0011223344556677", .is_alive = true, .proved = 2, .targets = 3
	};

	begin();
	model.stages[0].moving_to = 3;
	(void)str_copy(model.stages[0].job, sizeof(model.stages[0].job), m.job);
	cr_expect_str_eq(cell(STAGING, 20), "v2 > v3", "as long as nobody read its journal");
	vec_push(&facts.moves, m);
	cr_expect_str_eq(cell(STAGING, 20), "v2 > v3 (2 of 3)");
	cr_expect_str_eq(cell(STAGING, 13), "v2 > v3 2/3");
	cr_expect_str_eq(cell(DEVELOPMENT, 20), "-", "it is on its way");
	facts.moves.v[0].is_alive = false;
	cr_expect_str_eq(cell(STAGING, 20), "v2 > v3 STOPS");
	model.stages[1].number = 3;
	model.latest_live = 4;
	cr_expect(strstr(why(DEVELOPMENT), "staging moves: job 0011223344556677"));
	vec_fini(&facts.moves);
}

static void
told(const char *word, const char *period)
{
	cleanup_free char *line = xasprintf("{\"kind\":\"TargetEvent\",\"model\":\"face\","
	                                    "\"stage\":\"staging\",\"target\":\"a\","
	                                    "\"live\":\"%s\",\"periodMs\":3000%s}",
	                                    word, period);

	cr_assert(live_take(&live, str_of(line), clock_mono_ms(), 1000000));
}

Test(board, live)
{
	begin();
	told("as recorded", "");
	cr_expect_str_eq(cell(STAGING, 20), "v2");
	told("drift", "");
	cr_expect_str_eq(cell(STAGING, 20), "v2 DRIFT");
	told("drift", ",\"code\":\"crash-loop\"");
	cr_expect_str_eq(cell(STAGING, 20), "v2 FAILED");
	cr_expect_str_eq(cell(PRODUCTION, 20), "v1", "only of that stage");
	told("unknown", "");
	cr_expect_str_eq(cell(STAGING, 20), "v2 ?");
	live_fini(&live);
}

Test(board, plans_and_ways_back)
{
	struct board_wait w = { .model = "face", .stage = "production", .number = 2 };
	struct board_back b = {
		.model = "face", .stage = "production", .last_seq = 9, .is_known = true, .number = 5
	};

	begin();
	vec_push(&facts.waits, w);
	cr_expect_str_eq(cell(PRODUCTION, 20), "v1, v2 W");
	vec_push(&facts.backs, b);
	cr_expect_str_eq(cell(BACK, 20), "v5");
	cr_expect_eq(board_number(&look, &model, BACK), 5);
	facts.backs.v[0].number = 0;
	cr_expect_str_eq(cell(BACK, 20), "nothing");
	facts.backs.v[0].is_known = false;
	cr_expect_str_eq(cell(BACK, 20), "? long ago");
	model.last_seq = 10;
	cr_expect_str_eq(cell(BACK, 20), "...", "its story went on");
	model.stages[1].number = 0;
	cr_expect_str_eq(cell(BACK, 20), "...", "of staging nothing is known");
	vec_fini(&facts.waits);
	vec_fini(&facts.backs);
}
