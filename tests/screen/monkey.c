/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random keys and sizes from a seed, on the real console, while another process changes the
 * registry. What must hold after each: it lives, the title is the first line and nothing is wider
 * than the terminal, one line at most is chosen and the cursor stands in it, the choice stays with
 * what was chosen, and nothing is written, as "y" is never sent. TAP; a failure names the seed, the
 * number of the key and the last keys.
 *
 *   monkey SLIPWAY SETUP SEED KEYS
 *   monkey SLIPWAY SETUP SEED --cpu SECONDS    of the console's time
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"
#include "tests/screen/drive.h"

#define TRAIL        40
#define WAITS        2000
#define WAIT_LOOK_MS 10

static struct {
	struct drive d;
	uint64_t state;
	uint64_t keys, changes, resizes, starts;
	uint64_t log_bytes; /* that were there before the console could write any */
	int rows, cols;
	char trail[TRAIL][32]; /* the last that was sent, for who must find it */
	struct buf why;
} m;

static unsigned
draw(unsigned n)
{
	m.state ^= m.state << 13;
	m.state ^= m.state >> 7;
	m.state ^= m.state << 17;
	return (unsigned)((m.state >> 11) % n);
}

static bool
fails(const char *what)
{
	buf_addf(&m.why, "%s at key %llu (%dx%d); last:", what, (unsigned long long)m.keys, m.cols,
	         m.rows);
	for (uint64_t i = m.keys > TRAIL ? m.keys - TRAIL : 0; i < m.keys; i++)
		buf_addf(&m.why, " %s", m.trail[i % TRAIL]);
	return false;
}

static uint64_t
log_bytes(void)
{
	cleanup_free char *path = xasprintf("%s/lists/log", house.root);
	DIR *dir = opendir(path);
	uint64_t sum = 0;
	struct dirent *x;

	while (dir && (x = readdir(dir))) {
		struct stat st;
		if (fstatat(dirfd(dir), x->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	}
	if (dir)
		(void)closedir(dir);
	return sum;
}

static bool
begin(void)
{
	memset(&m.d, 0, sizeof(m.d));
	env_start(&m.d);
	env_add(&m.d, "SLIPWAY_REGISTRY=%s/lists", house.root);
	m.rows = 24;
	m.cols = 80;
	m.starts++;
	return drive_start(&m.d, m.rows, m.cols) || fails(m.d.why);
}

/* It may end when the first screen is left, and then as it should. */
static bool
again(void)
{
	int status = 0;

	if (!terminal_wait_end(m.d.t, &status))
		return fails("nothing follows on a key, and it has not ended");
	if (status != 0 || terminal_is_alternate(m.d.t))
		return fails("it ended otherwise than by being left");
	terminal_free(m.d.t);
	return begin();
}

static void
trail(const char *what)
{
	(void)snprintf(m.trail[m.keys++ % TRAIL], sizeof(m.trail[0]), "%s", what);
}

/* A key may print the screen below, and help has keys pressed from there: Enter goes back. */
static bool
typed(const char *name, const char *bytes, size_t n)
{
	trail(name);
	(void)terminal_type(m.d.t, bytes, n);
	for (int i = 0; i < WAITS; i++) {
		if (terminal_has_typed(m.d.t))
			return true;
		if (!terminal_is_alternate(m.d.t))
			break;
		terminal_read(m.d.t, WAIT_LOOK_MS);
	}
	if (!terminal_is_alternate(m.d.t))
		(void)terminal_send(m.d.t, "\r", 1);
	return terminal_wait_typed(m.d.t) || again();
}

/* What is between the blank behind ">" and the next; false: no line is chosen that has one. */
static bool
chosen(char *ret, size_t size)
{
	cleanup_free char *text = terminal_text(m.d.t);
	char *row = text;
	bool found = false;

	ret[0] = '\0';
	if (!strstr(text, "slipway > models ") || !strstr(text, " MODEL "))
		return false;
	for (int i = 0; row && *row && i < m.rows && !found; i++) {
		char *next = strchr(row, '\n');
		if (next)
			*next++ = '\0';
		const char *mark =
		        i > 0 && terminal_is_selected(m.d.t, i) ? strchr(row, '>') : NULL;
		if (mark && mark - row < 4) {
			const size_t n = strcspn(mark + 2, " ");
			memcpy(ret, mark + 2, n < size ? n : size - 1);
			ret[n < size ? n : size - 1] = '\0';
			found = true;
		}
		row = next;
	}
	return found;
}

static bool
holds(void)
{
	cleanup_free char *text = terminal_text(m.d.t);
	int row, col, selected = 0;

	terminal_cursor(m.d.t, &row, &col);
	if (row >= m.rows || col > m.cols)
		return fails("the cursor is outside");
	if (m.rows >= 4 && m.cols >= 20 && strncmp(text, " slip", 5) != 0)
		return fails("the title is not the first line");
	for (int i = 1; i < m.rows; i++) /* what takes several rows is one */
		selected += terminal_is_selected(m.d.t, i) && !terminal_is_selected(m.d.t, i - 1);
	if (selected > 2) /* a menu over a list has a second */
		return fails("more than one thing is chosen");
	return true;
}

static bool
wrote_nothing(void)
{
	return log_bytes() == m.log_bytes ||
	       fails("the registry was changed though nobody said so");
}

static bool
resize(void)
{
	char name[32];

	if (draw(4) == 0) {
		m.cols = 1 + (int)draw(300);
		m.rows = 1 + (int)draw(100);
	} else {
		m.cols = 40 + (int)draw(120);
		m.rows = 12 + (int)draw(40);
	}
	(void)snprintf(name, sizeof(name), "%dx%d", m.cols, m.rows);
	trail(name);
	m.resizes++;
	terminal_resize(m.d.t, m.rows, m.cols);
	return terminal_wait_size(m.d.t) || fails("no frame after a resize");
}

/* Another process brings in a version or a model; what was chosen stays chosen. */
static bool
change(void)
{
	char before[128], after[128], args[512];
	const bool had = chosen(before, sizeof(before));

	trail("(change)");
	m.changes++;
	if (!wrote_nothing())
		return false;
	if (draw(3) == 0)
		(void)snprintf(args, sizeof(args), "import '%s/ocr' --as m%u/x%llu", house.root,
		               draw(9), (unsigned long long)m.changes);
	else
		(void)snprintf(args, sizeof(args), "label antifraud-ocr@v1 n=%llu",
		               (unsigned long long)m.changes);
	if (!run_beside(&m.d, args))
		return fails(m.d.why);
	m.log_bytes = log_bytes();
	if (!typed("Ctrl-L", "\014", 1))
		return false;
	if (had && chosen(after, sizeof(after)) && !streq(before, after))
		return fails("the choice moved to another line");
	return true;
}

static bool
command(void)
{
	/* a line that is typed in full is said; these want more to be said, or only read */
	static const char *const lines[] = {
		"promote face-detect@v3 --to staging",
		"rollback face-detect",
		"delete antifraud-ocr@v1",
		"gc",
		"list",
		"verify face-detect",
		"history face-detect",
		"'",
		"no-such-verb --x",
	};

	if (!typed(":", ":", 1))
		return false;
	for (const char *p = lines[draw(COUNT(lines))]; *p; p++) {
		if (*p == 'y') /* the one answer that is never given */
			continue;
		char one[2] = { *p, '\0' };
		if (!typed(one, one, 1))
			return false;
	}
	return typed("Enter", "\r", 1) && (draw(2) == 0 || typed("Enter", "\r", 1));
}

static bool
paste(void)
{
	static const char text[] = "\033[200~y\ry\r:gc\r\033[201~";

	trail("(paste)");
	return terminal_send(m.d.t, text, sizeof(text) - 1) && typed("Ctrl-L", "\014", 1);
}

static bool
key(void)
{
	static const struct {
		const char *name, *bytes;
	} named[] = {
		{ "Up", "\033OA" },         { "Down", "\033OB" },     { "PgUp", "\033[5~" },
		{ "PgDn", "\033[6~" },      { "Home", "\033OH" },     { "End", "\033OF" },
		{ "Enter", "\r" },          { "Esc", "\033" },        { "Tab", "\t" },
		{ "BackTab", "\033[Z" },    { "F1", "\033OP" },       { "F5", "\033[15~" },
		{ "Backspace", "\177" },    { "Delete", "\033[3~" },  { "Left", "\033OD" },
		{ "Right", "\033OC" },      { "Ctrl-A", "\001" },     { "Ctrl-D", "\004" },
		{ "Ctrl-E", "\005" },       { "Ctrl-G", "\007" },     { "Ctrl-K", "\013" },
		{ "Ctrl-L", "\014" },       { "Ctrl-U", "\025" },     { "Ctrl-W", "\027" },
		{ "wide", "\346\250\241" }, { "umlaut", "\303\244" },
	};
	char one[2] = { 0 };

	if (draw(60) == 0) { /* a character that comes in two pieces */
		(void)terminal_send(m.d.t, "\346", 1);
		(void)terminal_listen(m.d.t, 2);
		return typed("(split)", "\250\241", 2);
	}
	if (draw(2)) {
		const unsigned i = draw(COUNT(named));
		return typed(named[i].name, named[i].bytes, strlen(named[i].bytes));
	}
	do
		one[0] = (char)(' ' + draw(95));
	while (one[0] == 'y' || one[0] == 'Y');
	return typed(one[0] == ' ' ? "Space" : one, one, 1);
}

static bool
step(void)
{
	const unsigned what = draw(200);
	bool ok;

	if (what < 6)
		ok = resize();
	else if (what < 8)
		ok = change();
	else if (what < 11)
		ok = command();
	else if (what < 13)
		ok = paste();
	else if (what < 14)
		ok = typed("Ctrl-P", "\020", 1);
	else
		ok = key();
	return ok && holds() && (m.keys % 16 > 0 || wrote_nothing());
}

/* Of the console that runs: those that ended and what was run beside are waited for. */
static double
running_cpu_s(void)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, sys = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)terminal_pid(m.d.t));
	FILE *f = fopen(path, "r");
	const char *at = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	for (int field = 0; at && field < 12; field++)
		at = strchr(at + 1, ' ');
	if (at) {
		char *end;
		user = strtoul(at, &end, 10);
		sys = strtoul(end, NULL, 10);
	}
	if (f)
		(void)fclose(f);
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static double
console_cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_CHILDREN, &u);
	return running_cpu_s() + (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 0, keys = 0, cpu_s = 0;
	char title[256];
	bool ok;

	if (argc < 5 || parse_u64(argv[3], UINT64_MAX, &seed) < 0 ||
	    parse_u64(argv[argc - 1], UINT64_MAX, argc == 6 ? &cpu_s : &keys) < 0)
		return 2;
	if (!house_open(argv[1], argv[2]))
		return 1;
	m.state = seed * 0x9e3779b97f4a7c15u + 1;
	m.log_bytes = log_bytes();
	ok = begin();
	const double from = console_cpu_s();
	while (ok && (cpu_s > 0 ? console_cpu_s() - from < (double)cpu_s : m.keys < keys))
		ok = step();
	ok = ok && wrote_nothing();
	const double used = m.d.t ? console_cpu_s() - from : 0;
	if (!ok && m.d.t) {
		cleanup_free char *now = terminal_text(m.d.t);
		buf_addf(&m.why, "\n%s", now);
	}
	terminal_free(m.d.t);
	(void)snprintf(
	        title, sizeof(title),
	        "seed %llu: %llu keys, %llu sizes, %llu changes beside it, %llu starts, %u s",
	        (unsigned long long)seed, (unsigned long long)m.keys, (unsigned long long)m.resizes,
	        (unsigned long long)m.changes, (unsigned long long)m.starts, (unsigned)used);
	tap(ok, title, buf_cstr(&m.why));
	buf_fini(&m.why);
	return house_close();
}
