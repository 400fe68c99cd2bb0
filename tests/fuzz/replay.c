/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz target where there is no libFuzzer: each file of the folders named on the
 * command line once whole, and once cut after each of its first bytes. Prints TAP.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "registry/base/fs.h"

#define SEED_MAX (1u << 20)
#define CUTS     512u

static size_t
replay_file(int dir, const char *name)
{
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	size_t n = 1;

	if (fs_read_at(dir, name, SEED_MAX, &b, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
	/* a buffer of exactly the size, so that a sanitizer sees a read behind its end */
	for (size_t cut = b.n; n <= CUTS + 1; cut--, n++) {
		uint8_t *exact = xmalloc(cut + (cut == 0));

		if (cut > 0)
			memcpy(exact, b.p, cut);
		(void)LLVMFuzzerTestOneInput(exact, cut);
		free(exact);
		if (cut == 0)
			break;
		if (n == 1 && cut > CUTS)
			cut = CUTS + 1;
	}
	return n;
}

static size_t
replay_folder(const char *path)
{
	struct err e = { 0 };
	size_t files = 0;
	DIR *d = opendir(path);
	int fd = -1;

	if (!d || fs_open_dir(AT_FDCWD, path, &fd, &e) < 0) {
		fprintf(stderr, "cannot open the corpus \"%s\"\n", path);
		exit(1);
	}
	for (const struct dirent *n = readdir(d); n; n = readdir(d)) {
		if (n->d_name[0] == '.')
			continue;
		(void)replay_file(fd, n->d_name);
		files++;
	}
	close_quietly(fd);
	closedir(d);
	return files;
}

int
main(int argc, char **argv)
{
	size_t files = 0;

	for (int i = 1; i < argc; i++)
		files += replay_folder(argv[i]);
	printf("TAP version 13\n1..1\n%s 1 - %zu seeds, each whole and cut\n",
	       files > 0 ? "ok" : "not ok", files);
	return files > 0 ? 0 : 1;
}
