/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/commands.h"

#include "base/fs.h"
#include "base/num.h"
#include "formats/sif/sif.h"

/* Without O_NONBLOCK a FIFO would hold the command until somebody writes to it. */
static struct error *load(const char *path, int *ret_fd, struct sif **ret_sif)
{
	cleanup_fd int fd = -EBADF;

	TRY(fs_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &fd));
	TRY(sif_load(fd, ret_sif));
	*ret_fd = take_fd(&fd);
	return NULL;
}

/* The words are those of Go's strconv. */
static struct error *parse_id(const char *text, uint32_t *ret_id)
{
	bool is_number = *text && !text[strspn(text, "0123456789")];
	cleanup_free char *quoted = str_quote(text);

	if (!num_parse_u32(text, UINT32_MAX, ret_id))
		return error_new(ERR_USAGE, "while converting id: strconv.ParseUint: parsing %s: %s", quoted,
				 is_number ? "value out of range" : "invalid syntax");
	return NULL;
}

static struct error *print_file(const char *path, void (*text_of)(const struct sif *sif, struct buf *out))
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = -EBADF;
	cleanup_buf struct buf text = { 0 };

	TRY(load(path, &fd, &sif));
	text_of(sif, &text);
	return cli_print(buf_str(&text));
}

struct error *cmd_sif_header(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)ret_status;
	return print_file(args->items[0], sif_text_header);
}

struct error *cmd_sif_list(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)ret_status;
	return print_file(args->items[0], sif_text_list);
}

struct error *cmd_sif_info(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = -EBADF;
	cleanup_buf struct buf text = { 0 };
	const struct sif_descr *d;
	uint32_t id = 0;

	(void)cli, (void)options, (void)ret_status;
	TRY(parse_id(args->items[0], &id));
	TRY(load(args->items[1], &fd, &sif));
	TRY(sif_find_id(sif, id, &d));
	sif_text_info(d, &text);
	return cli_print(buf_str(&text));
}

struct error *cmd_sif_dump(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = -EBADF;
	const struct sif_descr *d;
	uint32_t id = 0;

	(void)cli, (void)options, (void)ret_status;
	TRY(parse_id(args->items[0], &id));
	TRY(load(args->items[1], &fd, &sif));
	TRY(sif_find_id(sif, id, &d));
	return sif_copy_object(fd, d, STDOUT_FILENO);
}
