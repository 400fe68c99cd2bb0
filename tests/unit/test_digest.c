/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256: both ways give the same, in any pieces, in any thread, with and without the module. */
#include "crypto/digest.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "crypto/hash_module.h"

/* set for the copy of this program that runs where no module is */
#define ALONE "SLIPWAY_TEST_DIGEST_ALONE"

/* Only a testing build can be told where the module lies. */
static bool
has_module(void)
{
#ifdef SLIPWAY_TESTING
	return getenv(ALONE) == NULL;
#else
	return false;
#endif
}

static const struct {
	const char *unit;
	size_t times;
	const char *hex;
} known[] = {
	{ "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

#define KNOWN (sizeof known / sizeof known[0])

static char *
message(size_t i, size_t *ret_n)
{
	size_t unit = strlen(known[i].unit);
	char *p = malloc(unit * known[i].times + 1);

	cr_assert(p != NULL);
	for (size_t k = 0; k < known[i].times; k++)
		memcpy(p + k * unit, known[i].unit, unit);
	*ret_n = unit * known[i].times;

	return p;
}

static void
expect_digest(const struct digest *d, const char *hex, const char *what)
{
	char got[DIGEST_HEX_SIZE];

	digest_hex(d, got);
	cr_expect_str_eq(got, hex, "%s", what);
}

/* Runs every message in pieces of several sizes through one object. Also run in the second thread
 * and by the copy that has no module. */
static void
hash_all_in_pieces(void)
{
	static const size_t pieces[] = { 1, 63, 64, 65, 4096, 1 << 20 };
	struct hasher *h = hasher_new();
	struct digest d;

	cr_assert(h != NULL);
	for (size_t i = 0; i < KNOWN; i++) {
		size_t n;
		char *p = message(i, &n);

		for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
			hasher_reset(h);
			for (size_t at = 0; at < n; at += pieces[k])
				hasher_update(h, p + at, n - at < pieces[k] ? n - at : pieces[k]);
			hasher_update(h, NULL, 0);
			hasher_final(h, &d);
			expect_digest(&d, known[i].hex, "in pieces");
		}
		free(p);
	}
	hasher_free(h);
}

static bool
is_mapped(const char *name)
{
	char line[PATH_MAX + 128];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "re");

	cr_assert(f != NULL);
	while (fgets(line, sizeof line, f))
		found |= strstr(line, name) != NULL;
	fclose(f);

	return found;
}

Test(digest, small_and_stream)
{
	struct digest d;

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < KNOWN; i++) {
		size_t n;
		char *p = message(i, &n);

		digest_small(p, n, &d);
		expect_digest(&d, known[i].hex, "at once");
		free(p);
	}
	cr_expect(!is_mapped(MODULE_FILE), "nothing small loads the module");

	hash_all_in_pieces();
	hasher_free(NULL);
	cr_expect_eq(hasher_is_accelerated(), has_module());
	cr_expect_eq(is_mapped(MODULE_FILE), has_module());
}

static void *
run_thread(void *arg)
{
	hash_all_in_pieces();

	return NULL;
}

/* The first object of the process is made by whichever thread comes first. */
Test(digest, two_threads)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, run_thread, NULL), 0);
	hash_all_in_pieces();
	cr_assert_eq(pthread_join(t, NULL), 0);
	cr_expect_eq(hasher_is_accelerated(), has_module());
}

static void
copy_program(const char *to)
{
	char b[65536];
	ssize_t n;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	cr_assert(in >= 0 && out >= 0);
	n = read(in, b, sizeof b);
	while (n > 0) {
		cr_assert_eq(write(out, b, (size_t)n), n);
		n = read(in, b, sizeof b);
	}
	cr_assert_eq(n, 0);
	cr_assert_eq(close(in), 0);
	cr_assert_eq(close(out), 0);
}

/* The same tests by a copy of this program in a folder without the module. */
Test(digest, without_the_module)
{
	char dir[] = "/tmp/slipway-digest-XXXXXX", exe[64], filter[] = "--filter=digest/[st]*";
	char *argv[] = { exe, filter, NULL };
	/* not the whole environment: the runner's own words in it would make the copy a worker */
	char alone[] = ALONE "=1", *envp[] = { alone, NULL };
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	if (getenv(ALONE))
		cr_skip_test("this is the copy without the module");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(exe, sizeof exe, "%s/program", dir);
	copy_program(exe);
	/* its report would be read as part of ours */
	cr_assert_eq(posix_spawn_file_actions_init(&fa), 0);
	cr_assert_eq(posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0), 0);
	cr_assert_eq(posix_spawn_file_actions_adddup2(&fa, 1, 2), 0);
	cr_assert_eq(posix_spawn(&pid, exe, &fa, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&fa);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	unlink(exe);
	rmdir(dir);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}

Test(digest, text)
{
	static const char good[] =
	        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
	static const struct {
		const char *hex;
		size_t n;
		const char *why;
	} bad[] = {
		{ "", 0, "empty" },
		{ good, 63, "a digit short" },
		{ good, 65, "a NUL more" },
		{ "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1eff", 64, "upper" },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1efg", 64, "g" },
		{ " 00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", 64, "blank" },
		{ "0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", 64, "0x" },
	};
	struct digest d, e, zero = { 0 };
	char hex[DIGEST_HEX_SIZE];

	cr_assert_eq(digest_parse(&d, good, 64), 0);
	digest_hex(&d, hex);
	cr_expect_str_eq(hex, good);
	e = d;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cr_expect_eq(digest_parse(&e, bad[i].hex, bad[i].n), -1, "%s", bad[i].why);
		cr_expect(digest_eq(&d, &e), "%s: touched", bad[i].why);
	}
	cr_expect(digest_is_zero(&zero));
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		e = d;
		e.b[i] ^= 0x80;
		cr_expect(!digest_eq(&d, &e), "byte %zu", i);
		e = zero;
		e.b[i] = 1;
		cr_expect(!digest_is_zero(&e), "byte %zu", i);
	}
}

/* Does the file beside the module name a library of that name? -1: there is no such file. */
static int
names(const char *file, const char *library)
{
	const char *dir = getenv("SLIPWAY_SIBLINGS");
	char path[PATH_MAX];
	struct stat st;
	uint8_t *bytes;
	int found;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir ? dir : "", file);
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) < 0)
		return -1;
	bytes = malloc((size_t)st.st_size);
	cr_assert_eq(fread(bytes, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	found = memmem(bytes, (size_t)st.st_size, library, strlen(library)) != NULL;
	fclose(f);
	free(bytes);

	return found;
}

Test(digest, only_the_module_needs_libcrypto)
{
	static const char *const programs[] = { "slipway", "slipway-console.so" };

	if (names(MODULE_FILE, "libcrypto.so") < 0)
		cr_skip_test("no %s: SLIPWAY_SIBLINGS names no folder of programs", MODULE_FILE);
	cr_expect_eq(names(MODULE_FILE, "libcrypto.so"), 1);
	for (size_t i = 0; i < 2; i++)
		cr_expect_neq(names(programs[i], "libcrypto.so"), 1, "%s", programs[i]);
}
