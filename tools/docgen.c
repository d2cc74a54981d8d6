/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * docgen DIRECTORY: writes what is made from the tables below DIRECTORY: man/NAME.SECTION.scd, completions/,
 * etc/singularity.conf. Not installed. tools/generate runs it on the source tree; a test compares its output with what
 * is committed.
 */
#include "base/fs.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "formats/conf/conf.h"

#include <stdio.h>

static struct error *write_text(int dirfd, const char *name, const struct buf *text)
{
	return fs_write_file(dirfd, name, text->data, text->len, 0644, false);
}

static struct error *write_pages(int dirfd, struct verb_path *path)
{
	const struct verb *verb = verb_last(path);
	cleanup_free char *page = manual_name(path);
	cleanup_free char *name = xasprintf("man/%s.1.scd", page);
	cleanup_buf struct buf text = { 0 };

	manual_page(path, &text);
	TRY(write_text(dirfd, name, &text));
	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (verb->verbs[i]->hidden)
			continue;
		path->verbs[path->n++] = verb->verbs[i];
		TRY(write_pages(dirfd, path));
		path->n--;
	}
	return NULL;
}

static struct error *write_files(int dirfd)
{
	static const struct {
		const char *name;
		void (*print)(struct buf *out);
	} files[] = {
		{ "man/singularity.conf.5.scd", manual_conf },
		{ "completions/singularity.bash", completion_bash },
		{ "completions/_singularity", completion_zsh },
		{ "completions/singularity.fish", completion_fish },
		{ "etc/singularity.conf", conf_print_default },
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup_buf struct buf text = { 0 };

		files[i].print(&text);
		TRY(write_text(dirfd, files[i].name, &text));
	}
	return NULL;
}

static struct error *write_all(const char *directory)
{
	static const char *const rooms[] = { "man", "completions", "etc" };
	struct verb_path path = { .verbs = { &verb_root }, .n = 1 };
	cleanup_fd int dirfd = -EBADF;

	TRY(fs_mkdirs(AT_FDCWD, directory, 0755));
	TRY(fs_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, &dirfd));
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		TRY(fs_mkdirs(dirfd, rooms[i], 0755));
	TRY(write_pages(dirfd, &path));
	return write_files(dirfd);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: docgen DIRECTORY\n");
		return 2;
	}

	cleanup_with(error_free) struct error *err = write_all(argv[1]);

	if (err)
		(void)fprintf(stderr, "docgen: %s\n", error_text(err));
	return err ? 1 : 0;
}
