/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loopback serve FOLDER REPO | tell FOLDER MODE | ask FOLDER MODEL
 * A stand-in for Triton in explicit mode, for scenarios that run the real programs. serve answers
 * on a port of loopback over the model repository REPO; FOLDER holds its address in "url" and its
 * requests, one a line, in "log". tell chooses which failure it makes and returns once it does;
 * ask prints which version answers and what. One process, one poll loop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/base/str.h"
#include "tests/deploy/models.h"
#include "tests/deploy/wire.h"

#define CONNECTIONS 32
#define LOOK_MS     10 /* the file "mode" is read this often */
#define TELL_MS     5000

#define MODES(X)                                                                                \
	X(OK, "ok")                     /* as it should be */                                   \
	X(DOWN, "down")                 /* nobody listens */                                    \
	X(ERROR, "500")                 /* everything is an error of the server */              \
	X(HTML, "html")                 /* a proxy's page, status 200 */                        \
	X(HALF, "half")                 /* a body that is cut */                                \
	X(UNAUTHORISED, "401")          /* everything wants credentials */                      \
	X(LOAD_FAILS, "load-fails")     /* load: a JSON error, nothing changed */               \
	X(LOAD_ERROR, "load-500")       /* load: 500 with a page, nothing changed */            \
	X(LOAD_HANGS, "load-hangs")     /* load: no answer, nothing changed */                  \
	X(LOAD_HALF, "load-half")       /* load: done, the first answer is cut */               \
	X(LOAD_LOST, "load-lost")       /* load: not done, and the connection dies */           \
	X(LOAD_IGNORED, "load-ignored") /* load: 200, nothing changed */                        \
	X(OLD_ANSWERS, "old-answers")   /* index and metadata say new, answers come from old */ \
	X(WRONG, "wrong-numbers")       /* other numbers than the model's */                    \
	X(POLL, "poll")                 /* load: 503, the server polls */
enum mode {
#define X(name, text) MODE_##name,
	MODES(X)
#undef X
	        MODE_COUNT
};
static const char *const mode_names[] = {
#define X(name, text) text,
	MODES(X)
#undef X
};

struct loopback {
	const char *folder;
	struct models models;
	enum mode mode;
	unsigned port;
	int log;
	struct pollfd fds[CONNECTIONS];
	nfds_t n;
	/* what answered before the last load, for MODE_OLD_ANSWERS */
	struct loaded_version old;
	bool has_halved; /* MODE_LOAD_HALF cuts one answer */
};

static char *
file_of(const char *folder, const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static void
put_file(const char *folder, const char *name, const char *text)
{
	cleanup_free char *path = file_of(folder, name);
	struct err e = { 0 };

	if (fs_write_at(AT_FDCWD, path, text, strlen(text), 0644, &e) < 0)
		abort();
}

static enum mode
mode_of(const char *s)
{
	for (enum mode m = MODE_OK; m < MODE_COUNT; m++) {
		if (streq(mode_names[m], s))
			return m;
	}
	return MODE_COUNT;
}

/* --- answers --- */

static bool
reply(int fd, int status, const char *type, struct str body)
{
	cleanup_buf struct buf b = { 0 };

	buf_addf(&b, "HTTP/1.1 %d Said\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
	         type, body.n);
	buf_add(&b, body.p, body.n);
	wire_send(fd, b.p, b.n);
	return true;
}

static bool
reply_error(int fd, int status, const char *text)
{
	cleanup_buf struct buf b = { 0 };

	buf_addf(&b, "{\"error\":\"%s\"}", text);
	return reply(fd, status, "application/json", buf_str(&b));
}

static bool
reply_half(int fd)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                           "Content-Length: 400\r\n\r\n[{\"name\":\"di";

	wire_send(fd, half, sizeof(half) - 1);
	return false;
}

static bool
reply_page(int fd, int status)
{
	return reply(fd, status, "text/html", STR("<html><body>please log in</body></html>"));
}

static bool
load(struct loopback *l, int fd, const char *name)
{
	const struct loaded_version *serving = model_serving(models_find(&l->models, name));
	const struct loaded_version before = serving ? *serving : (struct loaded_version){ 0 };
	char reason[MODEL_REASON];

	if (l->mode == MODE_LOAD_FAILS)
		return reply_error(fd, 400, "load failed for this model: out of memory");
	if (l->mode == MODE_LOAD_ERROR)
		return reply_page(fd, 500);
	if (l->mode == MODE_LOAD_HANGS)
		return true;
	if (l->mode == MODE_LOAD_LOST)
		return false;
	if (l->mode == MODE_POLL)
		return reply_error(
		        fd, 503,
		        "explicit model load / unload is not allowed if polling is enabled");
	if (l->mode == MODE_LOAD_IGNORED)
		return reply(fd, 200, "application/json", STR(""));
	if (models_load(&l->models, name, reason) < 0)
		return reply_error(fd, 400, reason);
	l->old = before;
	if (l->mode != MODE_LOAD_HALF || l->has_halved)
		return reply(fd, 200, "application/json", STR(""));
	l->has_halved = true;
	return reply_half(fd);
}

static bool
infer(struct loopback *l, int fd, const struct loaded_model *model, const struct loaded_version *v)
{
	cleanup_buf struct buf b = { 0 };

	if (l->mode == MODE_OLD_ANSWERS && l->old.number > 0)
		v = &l->old;
	model_answer(model, v, v->number, l->mode == MODE_WRONG ? 0.5 : 0, &b);
	return reply(fd, 200, "application/json", buf_str(&b));
}

/* /v2/models/NAME[/config|/infer|/ready] */
static bool
about_model(struct loopback *l, int fd, const char *name, const char *what)
{
	const struct loaded_model *model = models_find(&l->models, name);
	const struct loaded_version *v = model_serving(model);
	cleanup_buf struct buf b = { 0 };

	if (!v)
		return reply_error(fd, 404, "Request for unknown model: it is not found");
	if (streq(what, "/infer"))
		return infer(l, fd, model, v);
	if (streq(what, "/config"))
		buf_addf(&b,
		         "{\"name\":\"%s\",\"version_policy\":{\"latest\":{\"num_versions\":1}}}",
		         name);
	else
		model_metadata(model, v, &b);
	return reply(fd, 200, "application/json", buf_str(&b));
}

/* "<front>NAME<back>" */
static bool
split(const char *path, const char *front, char name[MODEL_NAME], const char **ret_back)
{
	size_t n;

	if (!has_prefix(path, front))
		return false;
	path += strlen(front);
	n = strcspn(path, "/");
	if (n == 0 || n >= MODEL_NAME)
		return false;
	memcpy(name, path, n);
	name[n] = '\0';
	*ret_back = path + n;
	return true;
}

static bool
answer(struct loopback *l, int fd, const char *path)
{
	static const char server[] = "{\"name\":\"triton\",\"version\":\"2.51.0\",\"extensions\":["
	                             "\"model_repository\",\"model_configuration\"]}";
	cleanup_buf struct buf b = { 0 };
	char name[MODEL_NAME];
	const char *what;

	if (streq(path, "/v2/health/live") || streq(path, "/v2/health/ready"))
		return reply(fd, 200, "text/plain", STR(""));
	if (streq(path, "/v2"))
		return reply(fd, 200, "application/json", str_of(server));
	if (streq(path, "/v2/repository/index")) {
		models_index(&l->models, &b);
		return reply(fd, 200, "application/json", buf_str(&b));
	}
	if (split(path, "/v2/repository/models/", name, &what) && streq(what, "/load"))
		return load(l, fd, name);
	if (split(path, "/v2/repository/models/", name, &what) && streq(what, "/unload")) {
		models_unload(&l->models, name);
		return reply(fd, 200, "application/json", STR(""));
	}
	if (split(path, "/v2/models/", name, &what))
		return about_model(l, fd, name, what);
	return reply_error(fd, 404, "no such path");
}

/* False: close the connection. */
static bool
serve_one(struct loopback *l, int fd)
{
	cleanup_buf struct buf request = { 0 };
	cleanup_free char *line = NULL;
	const char *path;
	size_t n;

	if (wire_read(fd, &request) < 0)
		return false;
	n = strcspn(buf_cstr(&request), "\r");
	line = xasprintf("%s %.*s\n", mode_names[l->mode], (int)n, buf_cstr(&request));
	(void)fs_write_all(l->log, line, strlen(line));
	path = strchr(request.p, ' ');
	if (!path)
		return false;
	cleanup_free char *just = xstrndup(path + 1, strcspn(path + 1, " \r"));

	if (l->mode == MODE_ERROR)
		return reply_error(fd, 500, "internal trouble");
	if (l->mode == MODE_HTML)
		return reply_page(fd, 200);
	if (l->mode == MODE_HALF)
		return reply_half(fd);
	if (l->mode == MODE_UNAUTHORISED)
		return reply_error(fd, 401, "who are you");
	return answer(l, fd, just);
}

/* --- serving --- */

static void
hang_up(struct loopback *l, nfds_t first)
{
	while (l->n > first)
		(void)close(l->fds[--l->n].fd);
}

static void
look_at_mode(struct loopback *l)
{
	cleanup_free char *path = file_of(l->folder, "mode");
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	enum mode m;

	if (fs_read_at(AT_FDCWD, path, 64, &text, &e) < 0)
		return;
	m = mode_of(buf_cstr(&text));
	if (m == MODE_COUNT || m == l->mode)
		return;
	if (m == MODE_DOWN) {
		hang_up(l, 0);
	} else if (l->mode == MODE_DOWN) {
		l->fds[0] =
		        (struct pollfd){ .fd = wire_listen(l->port, &l->port), .events = POLLIN };
		l->n = 1;
	}
	l->mode = m;
	l->has_halved = false;
	put_file(l->folder, "now", mode_names[m]);
}

static void
take_client(struct loopback *l)
{
	const int fd = accept4(l->fds[0].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (l->n == CONNECTIONS)
		hang_up(l, CONNECTIONS - 1);
	l->fds[l->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

_Noreturn static void
serve(const char *folder, const char *repo)
{
	struct loopback l = { .folder = folder, .models.repo = repo, .n = 1 };
	cleanup_free char *log = file_of(folder, "log"), *url = NULL;

	l.log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	l.fds[0] = (struct pollfd){ .fd = wire_listen(0, &l.port), .events = POLLIN };
	url = xasprintf("http://127.0.0.1:%u", l.port);
	put_file(folder, "now", mode_names[MODE_OK]);
	put_file(folder, "url", url);
	for (;;) {
		const int got = poll(l.fds, l.n, LOOK_MS);

		look_at_mode(&l);
		if (got <= 0)
			continue;
		for (nfds_t i = l.n; i-- > 1;) {
			if (!l.fds[i].revents || serve_one(&l, l.fds[i].fd))
				continue;
			(void)close(l.fds[i].fd);
			l.fds[i] = l.fds[--l.n];
		}
		if (l.n > 0 && l.fds[0].revents)
			take_client(&l);
	}
}

/* --- the other side --- */

static int
tell(const char *folder, const char *mode)
{
	cleanup_free char *path = file_of(folder, "now");

	if (mode_of(mode) == MODE_COUNT)
		return 2;
	put_file(folder, "mode", mode);
	for (unsigned ms = 0; ms < TELL_MS; ms += LOOK_MS) {
		cleanup_buf struct buf now = { 0 };
		struct err e = { 0 };

		if (fs_read_at(AT_FDCWD, path, 64, &now, &e) == 0 && streq(buf_cstr(&now), mode))
			return 0;
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 1;
}

static int
exchange(const char *folder, const char *model, struct buf *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	cleanup_free char *path = file_of(folder, "url");
	cleanup_buf struct buf url = { 0 }, request = { 0 };
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = { 0 };
	uint64_t port;

	if (fd < 0 || fs_read_at(AT_FDCWD, path, 64, &url, &e) < 0 ||
	    parse_u64(strrchr(buf_cstr(&url), ':') + 1, UINT16_MAX, &port) < 0)
		return -1;
	a.sin_port = htons((uint16_t)port);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	buf_addf(&request, "POST /v2/models/%s/infer HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
	         model);
	wire_send(fd, request.p, request.n);
	return wire_read(fd, ret);
}

static int
ask(const char *folder, const char *model)
{
	cleanup_buf struct buf got = { 0 }, data = { 0 };
	cleanup_json json_t *o = NULL;
	struct err e = { 0 };
	const char *body, *version;

	if (exchange(folder, model, &got) < 0) {
		(void)puts("nobody answers");
		return 1;
	}
	body = strstr(buf_cstr(&got), "\r\n\r\n") + 4;
	if (json_parse(str_of(body), "answer", &o, &e) < 0)
		return 1;
	version = json_opt_string(o, "model_version");
	if (!version) {
		(void)puts("no version answers");
		return 0;
	}
	json_canonical(json_object_get(json_array_get(json_object_get(o, "outputs"), 0), "data"),
	               &data);
	(void)printf("version %s answers %s\n", version, buf_cstr(&data));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && streq(argv[1], "serve"))
		serve(argv[2], argv[3]);
	if (argc == 4 && streq(argv[1], "tell"))
		return tell(argv[2], argv[3]);
	if (argc == 4 && streq(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	(void)fputs("usage: loopback serve FOLDER REPO | tell FOLDER MODE | ask FOLDER MODEL\n",
	            stderr);
	return 2;
}
