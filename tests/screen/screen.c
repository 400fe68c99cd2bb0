/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays scripts of keys against the real console and compares what a person would see with golden
 * files. TAP.
 *
 *   screen [--update] [--mono|--ascii] SLIPWAY SETUP GOLDEN-FOLDER SCRIPT.keys...
 *
 * A script is lines of one word and its argument:
 *   registry NAME    as SETUP made it, first line    env NAME=VALUE   $HOME/.. known
 *   config NAME      settings, as SETUP made them
 *   size 80x24       starts the console              resize 40x12
 *   again 80x24      starts another console, which knows of the one before
 *   lines 90x120     starts it as plain lines        say WORDS        types such a line
 *   kill             with SIGKILL; then only run and again
 *   key j Enter      each is sent and waited for     text face        typed, as no paste would
 *   last q           sent, not waited for            ids all          whole plan ids differ by run
 *   wait TEXT        until it is on the screen       gone TEXT        until it is not
 *   mask PREFIX      what follows it differs by run  golden NAME      as GOLDEN-FOLDER/NAME.txt
 *   looks NAME       the same with colours and attributes
 *   end 0            until the console ends with this exit status
 *   run ARGS         slipway with these words beside the console, by a shell; must exit 0
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"
#include "tests/screen/drive.h"
#include "tests/screen/mask.h"

#define MASKS_MAX 8

static struct {
	const char *golden;
	bool update;
	bool mono;  /* no colours, and the same golden texts */
	bool ascii; /* a codeset that is not UTF-8: the same texts as far as it has them */
} run;

struct play {
	struct drive d;
	char masks[MASKS_MAX][64];
	int masks_n;
	bool masks_whole; /* plans' ids in full as well */
};

static bool
send_text(struct play *p, const char *text)
{
	for (; *text; text++)
		if (!send_key(&p->d, text, 1, true))
			return false;
	return true;
}

/* Behind each mask, what is no blank becomes one "*" and blanks, so that its length does not show.
 */
static void
mask(const struct play *p, char *text)
{
	for (int i = 0; i < p->masks_n; i++) {
		const size_t n = strlen(p->masks[i]);
		for (char *at = strstr(text, p->masks[i]); at; at = strstr(at, p->masks[i])) {
			at += n;
			for (char *c = at; *c && *c != ' ' && *c != '\n'; c++)
				*c = c == at ? '*' : ' ';
		}
	}
}

static char *
file_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = calloc(1, 1u << 20);
	n = text ? fread(text, 1, (1u << 20) - 1, f) : 0;
	(void)fclose(f);
	if (text)
		text[n] = '\0';
	return text;
}

static bool
file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	const bool ok = fputs(text, f) >= 0;
	return fclose(f) == 0 && ok;
}

/* The same line in ASCII; false: the golden one has what ASCII cannot say alike. */
static bool
line_in_ascii(struct str line, struct buf *ret)
{
	static const struct {
		const char *text;
		char same;
	} same[] = { { "─", '-' }, { "…", '~' }, { "▾", 'v' }, { "▴", '^' } };

	while (line.n > 0) {
		size_t k = 0;
		while (k < COUNT(same) && (line.n < strlen(same[k].text) ||
		                           memcmp(line.p, same[k].text, strlen(same[k].text)) != 0))
			k++;
		const size_t n = k < COUNT(same) ? strlen(same[k].text) : 1;
		if (k == COUNT(same) && (unsigned char)line.p[0] >= 0x80)
			return false;
		buf_addc(ret, k < COUNT(same) ? same[k].same : line.p[0]);
		line = (struct str){ line.p + n, line.n - n };
	}
	return true;
}

static struct str
line_next(const char **text)
{
	const size_t n = strcspn(*text, "\n");
	const struct str line = { *text, n };

	*text += n + ((*text)[n] != '\0');
	return line;
}

/* A rule ends one cell earlier there. */
static struct str
rule_cut(struct str line)
{
	while (line.n > 0 && (line.p[line.n - 1] == '-' || line.p[line.n - 1] == ' '))
		line.n--;
	return line;
}

/* A line with what ASCII has otherwise is not compared; nor is a page with a curve: braille has
 * more dots to a cell. */
static bool
is_same_in_ascii(const char *wanted, const char *now)
{
	const bool has_curve = strstr(wanted, "⢄") != NULL;

	for (const char *p = now; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	while (!has_curve && (*wanted || *now)) {
		const struct str is = line_next(&now), want = line_next(&wanted);
		cleanup_buf struct buf same = { 0 };
		if (!line_in_ascii(want, &same))
			continue;
		const struct str a = rule_cut(buf_str(&same)), b = rule_cut(is);
		if (a.n != b.n || (a.n > 0 && memcmp(a.p, b.p, a.n) != 0))
			return false;
	}
	return true;
}

/* looks: with colours and attributes. */
static void
golden(struct play *p, const char *script, const char *name, bool looks)
{
	char path[1024], title[256];
	char *shown = looks ? terminal_looks(p->d.t) : terminal_text(p->d.t);
	char *now = shown ? mask_login(shown) : NULL;
	char *wanted;

	free(shown);
	if (!now)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s.txt", run.golden, name);
	(void)snprintf(title, sizeof(title), "%s: %s", script, name);
	mask(p, now);
	mask_ids(now, p->masks_whole);
	mask_trim(now);
	wanted = file_read(path);
	if (run.update && (!wanted || strcmp(wanted, now) != 0)) {
		free(wanted);
		wanted = file_write(path, now) ? strdup(now) : NULL;
	}
	if (!wanted) {
		tap(false, title, "there is no such golden file; --update writes it");
	} else {
		char *why = xasprintf("wanted:\n%s\nis:\n%s", wanted, now);
		tap(run.ascii ? is_same_in_ascii(wanted, now) : strcmp(wanted, now) == 0, title,
		    why);
		free(why);
	}
	free(wanted);
	free(now);
}

static bool
size_parse(const char *s, int *rows, int *cols)
{
	const size_t n = strcspn(s, "x");
	uint64_t c, r;

	if (s[n] != 'x' || parse_u64_n(s, n, 1000, &c) < 0 || parse_u64(s + n + 1, 1000, &r) < 0)
		return false;
	*rows = (int)r;
	*cols = (int)c;
	return r > 0 && c > 0;
}

static bool
do_end(struct play *p, const char *arg)
{
	uint64_t wanted = 0;
	int status = 0;

	if (parse_u64(arg, 255, &wanted) < 0 || !terminal_wait_end(p->d.t, &status))
		return wrong(&p->d, "it does not end");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)wanted)
		return wrong(&p->d, "it ended with status %d", status);
	return true;
}

/* What a script before has seen of a registry is no affair of this one. */
static bool
forget_consoles(void)
{
	char folder[300], path[600];
	struct dirent *one;
	DIR *d;

	(void)snprintf(folder, sizeof(folder), "%s/.local/state/slipway/console", house.root);
	d = opendir(folder);
	while (d && (one = readdir(d))) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, one->d_name);
		(void)unlink(path);
	}
	if (d)
		(void)closedir(d);
	return true;
}

static bool
do_line(struct play *p, const char *script, const char *word, const char *arg)
{
	const char *const lines[] = { house.slipway, "console", "--linear", NULL };
	int rows, cols;

	if (strcmp(word, "registry") == 0)
		env_add(&p->d, "SLIPWAY_REGISTRY=%s/%s", house.root, arg);
	else if (strcmp(word, "config") == 0)
		env_add(&p->d, "SLIPWAY_CONFIG=%s/%s", house.root, arg);
	else if (strcmp(word, "env") == 0 && strstr(arg, "=$HOME"))
		env_add(&p->d, "%.*s=%s%s", (int)strcspn(arg, "="), arg, house.root,
		        strstr(arg, "=$HOME") + strlen("=$HOME"));
	else if (strcmp(word, "env") == 0)
		env_add(&p->d, "%s", arg);
	else if (strcmp(word, "mask") == 0 && p->masks_n < MASKS_MAX)
		(void)snprintf(p->masks[p->masks_n++], sizeof(p->masks[0]), "%s", arg);
	else if (strcmp(word, "ids") == 0)
		p->masks_whole = true;
	else if (strcmp(word, "size") == 0 && size_parse(arg, &rows, &cols))
		return forget_consoles() && drive_start(&p->d, rows, cols);
	else if (strcmp(word, "again") == 0 && size_parse(arg, &rows, &cols) && !p->d.t)
		return drive_start(&p->d, rows, cols);
	else if (strcmp(word, "lines") == 0 && size_parse(arg, &rows, &cols)) {
		terminal_free(p->d.t);
		return drive_spawn(&p->d, lines, rows, cols);
	} else if (strcmp(word, "run") == 0)
		return run_beside(&p->d, arg);
	else if (!p->d.t)
		return wrong(&p->d, "\"%s\" before the console was started", word);
	else if (strcmp(word, "kill") == 0) {
		terminal_free(p->d.t);
		p->d.t = NULL;
	} else if (strcmp(word, "resize") == 0 && size_parse(arg, &rows, &cols)) {
		terminal_resize(p->d.t, rows, cols);
		return terminal_wait_size(p->d.t) || wrong(&p->d, "no frame after a resize");
	} else if (strcmp(word, "say") == 0) {
		cleanup_free char *line = xasprintf("%s\r", arg);
		return terminal_send(p->d.t, line, strlen(line)) || wrong(&p->d, "cannot type");
	} else if (strcmp(word, "key") == 0)
		return send_keys(&p->d, arg);
	else if (strcmp(word, "text") == 0)
		return send_text(p, arg);
	else if (strcmp(word, "wait") == 0)
		return terminal_wait_text(p->d.t, arg, true) ||
		       wrong(&p->d, "\"%s\" never came", arg);
	else if (strcmp(word, "gone") == 0)
		return terminal_wait_text(p->d.t, arg, false) ||
		       wrong(&p->d, "\"%s\" never went", arg);
	else if (strcmp(word, "last") == 0)
		return send_key(&p->d, arg, strlen(arg), false);
	else if (strcmp(word, "end") == 0)
		return do_end(p, arg);
	else if (strcmp(word, "golden") == 0)
		golden(p, script, arg, false);
	else if (strcmp(word, "looks") == 0 && (run.mono || run.ascii))
		return true;
	else if (strcmp(word, "looks") == 0)
		golden(p, script, arg, true);
	else
		return wrong(&p->d, "unknown line \"%s %s\"", word, arg);
	return true;
}

static void
script_play(const char *path)
{
	struct play p = { 0 };
	char *text = file_read(path);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int number = 0;
	bool ok = text != NULL;

	env_start(&p.d);
	if (run.mono)
		env_add(&p.d, "NO_COLOR=1");
	if (run.ascii)
		env_add(&p.d, "LC_ALL=C");
	if (run.ascii) /* whose entry repeats no characters: libvterm wraps there */
		env_add(&p.d, "TERM=screen-256color");
	if (!ok)
		(void)wrong(&p.d, "cannot read it: %s", strerror(errno));
	for (char *line = text; ok && line && *line;) {
		char *next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		char *arg = strchr(line, ' ');
		if (arg)
			*arg++ = '\0';
		if (line[0] && line[0] != '#')
			ok = do_line(&p, name, line, arg ? arg : "");
		line = next;
	}
	if (!ok) {
		char why[1024];
		char *now = p.d.t ? terminal_text(p.d.t) : NULL;
		(void)snprintf(why, sizeof(why), "line %d: %.400s\n%.500s", number, p.d.why,
		               now ? now : "");
		tap(false, name, why);
		free(now);
	}
	terminal_free(p.d.t);
	free(text);
}

int
main(int argc, char **argv)
{
	int at = 1;

	if (at < argc && strcmp(argv[at], "--update") == 0) {
		run.update = true;
		at++;
	}
	if (at < argc && strcmp(argv[at], "--mono") == 0) {
		run.mono = true;
		at++;
	}
	if (at < argc && strcmp(argv[at], "--ascii") == 0) {
		run.ascii = true;
		at++;
	}
	if (argc - at < 3)
		return 2;
	run.golden = argv[at + 2];
	if (!house_open(argv[at], argv[at + 1]))
		return 1;
	for (at += 3; at < argc; at++)
		script_play(argv[at]);
	return house_close();
}
