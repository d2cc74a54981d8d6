/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/prompt.h"

#include "base/io.h"
#include "base/str.h"

#include <termios.h>
#include <unistd.h>

/* No password or name is longer; tokens of registries have some thousand characters. */
enum { ANSWER_MAX = 65536 };

/* Byte by byte: what follows the line belongs to whoever reads stdin next. */
static struct error *read_line(struct buf *line)
{
	for (;;) {
		char c;
		size_t n;

		TRY(io_read(STDIN_FILENO, &c, 1, &n));
		if (n == 0)
			return error_new(ERR_NOT_FOUND, "could not read user's input: EOF");
		if (c == '\n')
			return NULL;
		if (line->len == ANSWER_MAX)
			return error_new(ERR_LIMIT, "answer is longer than %d bytes", ANSWER_MAX);
		buf_append_char(line, c);
	}
}

static struct error *read_hidden(struct buf *line)
{
	struct termios before;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return read_line(line);

	struct termios quiet = before;

	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);

	struct error *err = read_line(line);

	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return err;
}

struct error *prompt_line(const char *question, bool hidden, char **ret_answer)
{
	cleanup_buf struct buf line = { 0 };

	TRY(io_write_all(STDOUT_FILENO, question, strlen(question)));
	TRY(hidden ? read_hidden(&line) : read_line(&line));
	/* What was typed ended the line on the terminal, unless it was not shown. */
	if (hidden)
		TRY(io_write_all(STDOUT_FILENO, "\n", 1));
	if (line.len && line.data[line.len - 1] == '\r')
		line.data[--line.len] = '\0';
	*ret_answer = buf_take(&line);
	return NULL;
}
