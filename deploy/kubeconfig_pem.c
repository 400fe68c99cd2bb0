/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM texts (RFC 7468) of a kubeconfig: are they what they should be, and which certificates are
 * they? The armour is read here, what is in it by who uses it. Text between blocks does not count,
 * so that the same authorities have the same digest in every file.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/base64.h"
#include "deploy/kubeconfig_private.h"
#include "registry/base/fs.h"

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"

void
kubeconfig_wipe(char *s)
{
	if (s)
		sodium_memzero(s, strlen(s));
	free(s);
}

int
kubeconfig_read_secret(const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	struct buf b = { 0 };
	/* fs_read_fd takes room for the whole of a file at once: no copies stay behind */
	int rc = fs_read_at(AT_FDCWD, path, max, &b, e);

	if (rc == 0 && memchr(buf_cstr(&b), '\0', b.n))
		rc = err_set(e, ERR_MALFORMED, "\"%s\" has a NUL in it", path);
	if (rc < 0) {
		if (b.p)
			sodium_memzero(b.p, b.cap);
		buf_fini(&b);
		return rc;
	}
	*ret_n = b.n;
	*ret = buf_steal(&b);
	return 0;
}

struct block {
	struct str label, body;
};

/* The next block at *at, which moves behind it. False: there is none. */
static bool
next_block(const char **at, struct block *ret)
{
	const char *const begin = strstr(*at, BEGIN);
	const char *label, *label_end, *end;

	if (!begin)
		return false;
	label = begin + strlen(BEGIN);
	label_end = strstr(label, DASH);
	if (!label_end)
		return false;
	end = strstr(label_end + strlen(DASH), END);
	if (!end)
		return false;
	*ret = (struct block){
		.label = { label, (size_t)(label_end - label) },
		.body = { label_end + strlen(DASH), (size_t)(end - label_end) - strlen(DASH) },
	};
	*at = end + strlen(END);
	/* the last line names the same thing */
	return strncmp(*at, label, ret->label.n) == 0 &&
	       strncmp(*at + ret->label.n, DASH, strlen(DASH)) == 0;
}

static bool
is_kind(struct str label, enum pem_kind kind)
{
	static const char key[] = "PRIVATE KEY";

	if (kind == PEM_CERTIFICATE)
		return str_is(label, "CERTIFICATE");
	return label.n >= strlen(key) &&
	       memcmp(label.p + label.n - strlen(key), key, strlen(key)) == 0;
}

/* base64 of a block; parameters of old keys stand above it, closed by an empty line. */
static int
decode(struct str body, struct hasher *h)
{
	uint8_t *der = xmalloc(body.n + 1);
	size_t n = 0;
	const int rc = base64_read(der, body.n, &n, body.p, body.n, " \t\r\n",
	                           sodium_base64_VARIANT_ORIGINAL);

	if (rc == 0 && n > 0 && h)
		hasher_update(h, der, n);
	sodium_memzero(der, body.n + 1);
	free(der);
	return rc == 0 && n > 0 ? 0 : -1;
}

int
kubeconfig_pem_check(struct str text, enum pem_kind kind, const char *what, struct digest *ret,
                     struct err *e)
{
	const char *at = text.p;
	struct hasher *h = ret ? hasher_new() : NULL;
	struct block b;
	size_t found = 0;
	bool is_locked = false, is_broken = false;

	while (text.n > 0 && next_block(&at, &b)) {
		if (!is_kind(b.label, kind))
			continue;
		found++;
		if (kind == PEM_KEY)
			is_locked |= memmem(b.label.p, b.label.n, "ENCRYPTED", 9) != NULL ||
			             memmem(b.body.p, b.body.n, "ENCRYPTED", 9) != NULL;
		is_broken |= decode(b.body, h) < 0;
	}
	if (h && found && !is_broken)
		hasher_final(h, ret);
	hasher_free(h);
	if (is_locked) {
		err_set(e, ERR_DENIED, "%s is a key under a passphrase", what);
		return err_hint(e, "clients of Kubernetes take none: decrypt it, or use a plugin");
	}
	if (!found || is_broken)
		return err_set(e, ERR_MALFORMED, "%s holds no %s in PEM", what,
		               kind == PEM_KEY ? "private key" : "certificate");
	return 0;
}
