/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/commands.h"
#include "cli/completion.h"

static struct error *print(void (*write_script)(struct buf *out))
{
	cleanup_buf struct buf text = { 0 };

	write_script(&text);
	return cli_print(buf_str(&text));
}

struct error *cmd_completion_bash(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)args, (void)ret_status;
	return print(completion_bash);
}

struct error *cmd_completion_fish(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)args, (void)ret_status;
	return print(completion_fish);
}

struct error *cmd_completion_zsh(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)args, (void)ret_status;
	return print(completion_zsh);
}
