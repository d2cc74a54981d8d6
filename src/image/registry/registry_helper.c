/* SPDX-License-Identifier: BSD-3-Clause */
/* Credential helpers: programs docker-credential-NAME that are given a server on stdin and answer with JSON. */
#include "base/io.h"
#include "base/proc.h"
#include "image/registry/registry_credentials.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/mman.h>

/* An answer holds one name and one secret. */
enum { HELPER_ANSWER_MAX = 64 << 10 };

static bool is_plain_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return false;
	return *name != '\0';
}

/* A file, not a pipe: a helper that never reads cannot block or kill us. */
static struct error *stdin_with(const char *text, int *ret_fd)
{
	cleanup_fd int fd = memfd_create("credential-helper", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys(errno, "memfd_create");
	TRY(io_pwrite_all(fd, text, strlen(text), 0));
	*ret_fd = take_fd(&fd);
	return NULL;
}

/* Runs the helper; its stdout goes to @answer. */
static struct error *run(const char *path, const char *server, struct buf *answer, int *ret_status)
{
	char *const argv[] = { (char[]){ "docker-credential" }, (char[]){ "get" }, NULL };
	cleanup_fd int in = -EBADF;
	cleanup_fd int out_read = -EBADF;
	cleanup_fd int out_write = -EBADF;
	int ends[2];
	pid_t pid;

	TRY(stdin_with(server, &in));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(errno, "pipe");
	out_read = ends[0];
	out_write = ends[1];

	struct proc_spec spec = { .path = path,
				  .argv = argv,
				  .stdin_fd = in,
				  .stdout_fd = out_write,
				  .stderr_fd = -1,
				  .die_with_parent = true };

	TRY(proc_spawn(&spec, &pid));
	(void)close(take_fd(&out_write));

	struct error *err = io_read_to_end(out_read, HELPER_ANSWER_MAX, "the helper's answer", answer);

	(void)close(take_fd(&out_read)); /* one that writes on gets SIGPIPE, so the wait ends */

	struct error *wait_err = proc_wait(pid, ret_status);

	if (err && wait_err) {
		error_free(wait_err);
		return err;
	}
	return err ? err : wait_err;
}

static struct error *parse_answer(const struct buf *answer, struct registry_credentials *ret_credentials)
{
	cleanup_with(jv_free) struct jv *doc = NULL;

	TRY(jv_parse(buf_str(answer), answer->len, "answer", &doc));

	const char *username = jv_get_str(doc, "Username");
	const char *secret = jv_get_str(doc, "Secret");

	if (!username || !secret)
		return error_new(ERR_CORRUPT, "answer has no Username or no Secret");
	if (str_eq(username, "<token>"))
		ret_credentials->identity_token = xstrdup(secret);
	else
		*ret_credentials =
			(struct registry_credentials){ .username = xstrdup(username), .password = xstrdup(secret) };
	return NULL;
}

static void warn_absent(const struct registry_query *query, const char *program)
{
	cleanup_free char *text = xasprintf("Credential helper %s is not installed; proceeding without it", program);

	if (query->sink)
		query->sink(query->sink_ctx, LOG_WARNING, text);
}

struct error *registry_helper_get(const char *name, const char *server, const struct registry_query *query,
				  struct registry_credentials *ret_credentials, bool *ret_found)
{
	cleanup_free char *program = xasprintf("docker-credential-%s", name);
	const char *search = secure_getenv("PATH");
	cleanup_free char *path = NULL;
	cleanup_buf struct buf answer = { 0 };
	int status = 0;

	*ret_found = false;
	*ret_credentials = (struct registry_credentials){ 0 };
	/* A name with a slash would be a path of the file's choosing. */
	if (!is_plain_name(name))
		return error_new(ERR_CORRUPT, "bad name of a credential helper");
	TRY(proc_find(program, search ? search : "/usr/local/bin:/usr/bin:/bin", &path));
	if (!path) {
		warn_absent(query, program);
		return NULL;
	}
	TRY_CTX(run(path, server, &answer, &status), "error getting credentials from %s", program);

	cleanup_free char *said = str_trim(buf_str(&answer));

	if (status != 0 && str_eq(said, "credentials not found in native keychain"))
		return NULL;
	if (status != 0)
		return error_new(ERR_DENIED, "error getting credentials - err: exit status %d, out: `%.200s`", status,
				 said);
	TRY_CTX(parse_answer(&answer, ret_credentials), "error getting credentials from %s", program);
	ret_credentials->origin = xstrdup(program);
	*ret_found = true;
	return NULL;
}
