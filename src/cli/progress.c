/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"

#include "base/io.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	REFRESH_MS = 150, /* as often as the reference draws */
	COLUMNS_DEFAULT = 80,
	BAR_MIN = 5, /* narrower bars say nothing */
};

struct progress {
	pthread_mutex_t lock;
	bool is_wanted, is_drawn, has_started;
	uint64_t started_ms, drawn_ms;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* "61.2MiB"; @gap stands between number and unit. */
static void append_size(struct buf *out, double bytes, const char *gap)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		bytes /= 1024;
		unit++;
	}
	buf_appendf(out, "%.1f%s%s", bytes, gap, units[unit]);
}

static void append_time(struct buf *out, uint64_t seconds)
{
	if (seconds >= 3600)
		buf_appendf(out, "%lluh%llum", (unsigned long long)seconds / 3600,
			    (unsigned long long)seconds % 3600 / 60);
	else if (seconds >= 60)
		buf_appendf(out, "%llum%llus", (unsigned long long)seconds / 60, (unsigned long long)seconds % 60);
	else
		buf_appendf(out, "%llus", (unsigned long long)seconds);
}

static void append_bar(struct buf *out, double part, size_t width)
{
	size_t filled = (size_t)(part * (double)width);

	buf_append_char(out, '[');
	for (size_t i = 0; i < width; i++)
		buf_append_char(out, i < filled ? '=' : i == filled ? '>' : '-');
	buf_append_char(out, ']');
}

void progress_line(uint64_t done, uint64_t total, uint64_t elapsed_ms, unsigned int columns, struct buf *out)
{
	double rate = elapsed_ms ? (double)done * 1000 / (double)elapsed_ms : 0;
	cleanup_buf struct buf head = { 0 };
	cleanup_buf struct buf tail = { 0 };

	if (done > total)
		done = total;

	double part = total ? (double)done / (double)total : 1;

	append_size(&head, (double)done, "");
	buf_append_str(&head, " / ");
	append_size(&head, (double)total, "");
	buf_appendf(&tail, "%u %% ", (unsigned int)(part * 100));
	append_size(&tail, rate, " ");
	buf_append_str(&tail, "/s ");
	append_time(&tail, rate > 0 ? (uint64_t)((double)(total - done) / rate + 0.5) : 0);

	size_t taken = head.len + tail.len + 4; /* two blanks, two brackets */

	buf_appendf(out, "%s ", buf_str(&head));
	if (columns >= taken + BAR_MIN) {
		append_bar(out, part, columns - taken);
		buf_append_char(out, ' ');
	}
	buf_append_str(out, buf_str(&tail));
}

struct progress *progress_new(void)
{
	struct progress *p = xcalloc(1, sizeof(*p));

	(void)pthread_mutex_init(&p->lock, NULL);
	p->is_wanted = isatty(STDERR_FILENO) && log_get_level() >= LOG_INFO;
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_clear(p);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* A terminal that takes no output any more is no reason to stop a pull. */
static void put(const struct buf *text)
{
	error_free(io_write_all(STDERR_FILENO, buf_str(text), text->len));
}

static void erase(struct progress *p)
{
	struct buf text = { 0 };

	if (!p->is_drawn)
		return;
	buf_append_str(&text, "\r\033[K");
	put(&text);
	buf_free(&text);
	p->is_drawn = false;
}

static unsigned int terminal_columns(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

static void draw(struct progress *p, uint64_t done, uint64_t total, uint64_t now)
{
	struct buf text = { 0 };
	unsigned int columns = terminal_columns();

	buf_append_str(&text, "\r\033[K");
	/* One column stays free: some terminals wrap when the last one is filled. */
	progress_line(done, total, now - p->started_ms, columns - 1, &text);
	put(&text);
	buf_free(&text);
	p->is_drawn = true;
	p->drawn_ms = now;
}

void progress_update(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;

	if (!p->is_wanted)
		return;

	uint64_t now = now_ms();

	(void)pthread_mutex_lock(&p->lock);
	if (!p->has_started) {
		p->has_started = true;
		p->started_ms = now;
	}
	if (now - p->drawn_ms >= REFRESH_MS && total)
		draw(p, done, total, now);
	(void)pthread_mutex_unlock(&p->lock);
}

void progress_sink(void *ctx, enum log_level level, const char *text)
{
	struct progress *p = ctx;

	(void)pthread_mutex_lock(&p->lock);
	erase(p);
	log_msg(level, "%s", text);
	(void)pthread_mutex_unlock(&p->lock);
}

void progress_clear(struct progress *p)
{
	(void)pthread_mutex_lock(&p->lock);
	erase(p);
	(void)pthread_mutex_unlock(&p->lock);
}
