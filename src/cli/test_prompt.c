/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/prompt.h"

#include "base/io.h"
#include "base/str.h"
#include "base/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Let @text be standard input, and nobody see what is asked. */
static void feed(const char *text, size_t len)
{
	int in = memfd_create("answers", MFD_CLOEXEC);

	assert_true(in >= 0);
	assert_ok(io_pwrite_all(in, text, len, 0));
	assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
	(void)close(in);
}

static struct error *ask(bool hidden, char **ret_answer)
{
	int saved = dup(STDOUT_FILENO);
	int nowhere = memfd_create("questions", MFD_CLOEXEC);

	assert_true(saved >= 0 && nowhere >= 0);
	assert_int_equal(dup2(nowhere, STDOUT_FILENO), STDOUT_FILENO);

	struct error *err = prompt_line("? ", hidden, ret_answer);

	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
	(void)close(nowhere);
	return err;
}

static void assert_answer(bool hidden, const char *wanted)
{
	cleanup_free char *answer = NULL;

	assert_ok(ask(hidden, &answer));
	assert_string_equal(answer, wanted);
}

static void one_line_at_a_time(void **state)
{
	static const char text[] = "first\n\nthird\r\nlast";
	char *answer = NULL;

	(void)state;
	feed(text, strlen(text));
	assert_answer(false, "first");
	assert_answer(false, "");
	assert_answer(true, "third");
	assert_error(ask(false, &answer), ERR_NOT_FOUND, "could not read user's input: EOF");
	assert_error(ask(true, &answer), ERR_NOT_FOUND, "could not read user's input: EOF");
}

static void answers_are_bounded(void **state)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *answer = NULL;
	char *none = NULL;

	(void)state;
	while (text.len < 65536)
		buf_append_char(&text, 'x');
	buf_append_char(&text, '\n');
	feed(text.data, text.len);
	assert_ok(ask(false, &answer));
	assert_int_equal(strlen(answer), 65536);
	text.data[65536] = 'x';
	feed(text.data, text.len);
	assert_error(ask(false, &none), ERR_LIMIT, "answer is longer than 65536 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_at_a_time),
		cmocka_unit_test(answers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
