/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/sif/sif.h"

#include "base/cursor.h"
#include "base/io.h"

#include <inttypes.h>
#include <time.h>

/* Names of numbers, as they are printed. */
struct name {
	int32_t value;
	const char *text;
};

static const char *name_of(const struct name *names, size_t n, int32_t value, const char *otherwise)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i].value == value)
			return names[i].text;
	}
	return otherwise;
}

#define NAME_OF(names, value, otherwise) name_of(names, ARRAY_LEN(names), value, otherwise)

static const struct name types[] = {
	{ SIF_TYPE_DEF_FILE, "Def.FILE" },   { SIF_TYPE_ENV_VARS, "Env.Vars" },
	{ SIF_TYPE_LABELS, "JSON.Labels" },  { SIF_TYPE_FS, "FS" },
	{ SIF_TYPE_SIGNATURE, "Signature" }, { SIF_TYPE_JSON, "JSON.Generic" },
	{ SIF_TYPE_RAW, "Generic/Raw" },     { SIF_TYPE_CRYPTO, "Cryptographic Message" },
	{ SIF_TYPE_SBOM, "SBOM" },	     { SIF_TYPE_OCI_ROOT_INDEX, "OCI.RootIndex" },
	{ SIF_TYPE_OCI_BLOB, "OCI.Blob" },
};

static const struct name filesystems[] = {
	{ 1, "Squashfs" }, { 2, "Ext3" }, { 3, "Archive" }, { 4, "Raw" }, { 5, "Encrypted squashfs" },
};

static const struct name partitions[] = { { 1, "System" }, { 2, "*System" }, { 3, "Data" }, { 4, "Overlay" } };

static const struct name hashes[] = {
	{ 1, "SHA-256" }, { 2, "SHA-384" }, { 3, "SHA-512" }, { 4, "BLAKE2s-256" }, { 5, "BLAKE2b-256" },
};

static const struct name message_formats[] = { { 1, "OpenPGP" }, { 2, "PEM" } };

static const struct name messages[] = { { 0x100, "Clear Signature" }, { 0x200, "RSA-OAEP" } };

static const struct name sbom_formats[] = {
	{ 1, "cyclonedx-json" }, { 2, "cyclonedx-xml" },  { 3, "github-json" }, { 4, "spdx-json" },
	{ 5, "spdx-rdf" },	 { 6, "spdx-tag-value" }, { 7, "spdx-yaml" },	{ 8, "syft-json" },
};

/* In the order of their two-digit codes, 01 first. */
static const char *const architectures[] = {
	"386",	  "amd64",  "arm",	"arm64", "ppc64",   "ppc64le", "mips",
	"mipsle", "mips64", "mips64le", "s390x", "riscv64", "loong64",
};

static const char *arch_name(const char code[SIF_ARCH_LEN])
{
	for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
		const char known[SIF_ARCH_LEN] = { (char)('0' + (i + 1) / 10), (char)('0' + (i + 1) % 10), '\0' };

		if (memcmp(code, known, SIF_ARCH_LEN) == 0)
			return architectures[i];
	}
	return "unknown";
}

/* The extra field of every type that has one begins with up to two numbers (formats.md 1.5). */
struct extra {
	int32_t first, second;
	char arch[SIF_ARCH_LEN];		  /* of a partition, behind both numbers */
	uint8_t fingerprint[SIF_FINGERPRINT_LEN]; /* of a signature, behind the first */
};

static struct extra parse_extra(const struct sif_descr *d)
{
	struct cursor c = cursor_over(d->extra, SIF_EXTRA_LEN);
	struct extra e;

	e.first = cursor_s32le(&c);

	struct cursor behind_first = c;

	cursor_copy(&behind_first, e.fingerprint, sizeof(e.fingerprint));
	e.second = cursor_s32le(&c);
	cursor_copy(&c, e.arch, sizeof(e.arch));
	return e;
}

/* C1 control characters are two bytes in UTF-8, and as good as an escape sequence to a terminal. */
static bool is_printable(const char *s, size_t len)
{
	unsigned char first = (unsigned char)s[0];

	if (len == 1)
		return first >= 0x20 && first != 0x7f;
	return len > 1 && !(first == 0xc2 && (unsigned char)s[1] < 0xa0);
}

/* The text of a NUL-padded field. */
static char *safe_text(const char *field, size_t size)
{
	struct buf out = { 0 };
	size_t len = size;

	while (len && !field[len - 1])
		len--;
	for (size_t i = 0; i < len;) {
		size_t n = str_utf8_len(field + i, len - i);

		if (is_printable(field + i, n))
			buf_append(&out, field + i, n);
		else
			buf_appendf(&out, "\\x%02x", (unsigned char)field[i]);
		i += is_printable(field + i, n) ? n : 1;
	}
	return buf_take(&out);
}

/* Two columns; the second begins @gap columns behind the longest label. */
struct rows {
	struct strv labels, values;
};

static void rows_free(struct rows *rows)
{
	strv_free(&rows->labels);
	strv_free(&rows->values);
}

static void add_row(struct rows *rows, const char *label, const char *fmt, ...) printf_like(3, 4);

static void add_row(struct rows *rows, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_add(&rows->labels, label);
	strv_add_take(&rows->values, xvasprintf(fmt, ap));
	va_end(ap);
}

static void print_rows(const struct rows *rows, const char *indent, int gap, struct buf *out)
{
	int width = 0;

	for (size_t i = 0; i < rows->labels.n; i++) {
		if ((int)strlen(rows->labels.items[i]) > width)
			width = (int)strlen(rows->labels.items[i]);
	}
	for (size_t i = 0; i < rows->labels.n; i++)
		buf_appendf(out, "%s%-*s%s\n", indent, width + gap, rows->labels.items[i], rows->values.items[i]);
}

/* Omitted where there is none. A time that no calendar has (the field is 64 bits wide) is shown as its number. */
static void add_time(struct rows *rows, const char *label, int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (seconds == SIF_TIME_UNSET)
		return;
	if (when != seconds || !gmtime_r(&when, &tm))
		add_row(rows, label, "%" PRId64, seconds);
	else
		add_row(rows, label, "%04lld-%02d-%02d %02d:%02d:%02d +0000 UTC", (long long)tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The largest unit that leaves a whole number below 1024, then rounded: 1048575 is "1024 KiB", as in the reference. */
static void add_size(struct rows *rows, const char *label, int64_t size)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t bytes = size < 0 ? 0 - (uint64_t)size : (uint64_t)size;
	uint64_t unit = 1024;
	size_t i = 0;

	if (bytes < unit) {
		add_row(rows, label, "%" PRId64 " B", size);
		return;
	}
	for (; bytes / unit >= 1024; i++)
		unit *= 1024;
	add_row(rows, label, "%s%" PRIu64 " %s", size < 0 ? "-" : "", (bytes + unit / 2) / unit, units[i]);
}

static void add_id(struct rows *rows, const uint8_t id[SIF_ID_LEN])
{
	static const uint8_t none[SIF_ID_LEN];
	cleanup_buf struct buf text = { 0 };

	if (memcmp(id, none, SIF_ID_LEN) == 0)
		return;
	for (size_t i = 0; i < SIF_ID_LEN; i++)
		buf_appendf(&text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	add_row(rows, "ID:", "%s", buf_str(&text));
}

void sif_text_header(const struct sif *sif, struct buf *out)
{
	const struct sif_header *h = &sif->header;
	struct rows rows = { 0 };
	size_t launch_len = strnlen(h->launch, SIF_LAUNCH_LEN);

	if (launch_len) {
		size_t shown = launch_len - (h->launch[launch_len - 1] == '\n');
		cleanup_free char *launch = safe_text(h->launch, shown);

		add_row(&rows, "Launch Script:", "%s", launch);
	}
	add_row(&rows, "Version:", "01");
	if (!str_eq(arch_name(h->arch), "unknown"))
		add_row(&rows, "Primary Architecture:", "%s", arch_name(h->arch));
	add_id(&rows, h->id);
	add_time(&rows, "Created At:", h->created);
	add_time(&rows, "Modified At:", h->modified);
	add_row(&rows, "Descriptors Free:", "%" PRId64, h->descr_free);
	add_row(&rows, "Descriptors Total:", "%" PRIu64, h->descr_total);
	add_row(&rows, "Descriptors Offset:", "%" PRIu64, h->descr_offset);
	add_size(&rows, "Descriptors Size:", (int64_t)h->descr_size);
	add_row(&rows, "Data Offset:", "%" PRId64, h->data_offset);
	add_size(&rows, "Data Size:", h->data_size);
	print_rows(&rows, "", 1, out);
	rows_free(&rows);
}

static void append_type(const struct sif_descr *d, struct buf *out)
{
	struct extra e = parse_extra(d);

	buf_appendf(out, "|%s", NAME_OF(types, d->type, "Unknown"));
	if (d->type == SIF_TYPE_FS)
		buf_appendf(out, " (%s/%s/%s)", NAME_OF(filesystems, e.first, "Unknown"),
			    NAME_OF(partitions, e.second, "Unknown"), arch_name(e.arch));
	else if (d->type == SIF_TYPE_SIGNATURE)
		buf_appendf(out, " (%s)", NAME_OF(hashes, e.first, "unknown"));
	else if (d->type == SIF_TYPE_CRYPTO)
		buf_appendf(out, " (%s/%s)", NAME_OF(message_formats, e.first, "Unknown"),
			    NAME_OF(messages, e.second, "Unknown"));
	else if (d->type == SIF_TYPE_SBOM)
		buf_appendf(out, " (%s)", NAME_OF(sbom_formats, e.first, "unknown"));
}

static void append_list_row(const struct sif_descr *d, struct buf *out)
{
	cleanup_free char *place = xasprintf("|%" PRIu64 "-%" PRIu64 " ", d->offset, d->offset + d->size);
	bool is_group;
	uint32_t link = sif_descr_link(d, &is_group);
	uint32_t group = sif_descr_group(d);

	buf_appendf(out, "%-4" PRIu32 " ", d->id);
	if (group)
		buf_appendf(out, "|%-7" PRIu32 " ", group);
	else
		buf_append_str(out, "|NONE    ");
	if (!link)
		buf_append_str(out, "|NONE    ");
	else if (is_group)
		buf_appendf(out, "|%-3" PRIu32 " (G) ", link);
	else
		buf_appendf(out, "|%-7" PRIu32 " ", link);
	buf_appendf(out, "%-26s ", place);
	append_type(d, out);
	buf_append_char(out, '\n');
}

void sif_text_list(const struct sif *sif, struct buf *out)
{
	static const char rule[] = "------------------------------------------------------------------------------\n";

	buf_append_str(out, rule);
	buf_appendf(out, "%-4s %-8s %-8s %-26s %s\n", "ID", "|GROUP", "|LINK", "|SIF POSITION (start-end)", "|TYPE");
	buf_append_str(out, rule);
	for (size_t i = 0; i < sif->n_descrs; i++)
		append_list_row(&sif->descrs[i], out);
}

static void add_fingerprint(struct rows *rows, const uint8_t fingerprint[SIF_FINGERPRINT_LEN])
{
	static const uint8_t none[SIF_FINGERPRINT_LEN];
	cleanup_buf struct buf text = { 0 };

	if (memcmp(fingerprint, none, SIF_FINGERPRINT_LEN) == 0)
		return;
	for (size_t i = 0; i < SIF_FINGERPRINT_LEN; i++)
		buf_appendf(&text, "%02X", fingerprint[i]);
	add_row(rows, "Entity:", "%s", buf_str(&text));
}

static void add_extra(struct rows *rows, const struct sif_descr *d)
{
	struct extra e = parse_extra(d);

	if (d->type == SIF_TYPE_FS) {
		add_row(rows, "Filesystem Type:", "%s", NAME_OF(filesystems, e.first, "Unknown"));
		add_row(rows, "Partition Type:", "%s", NAME_OF(partitions, e.second, "Unknown"));
		add_row(rows, "Architecture:", "%s", arch_name(e.arch));
	} else if (d->type == SIF_TYPE_SIGNATURE) {
		add_row(rows, "Hash Type:", "%s", NAME_OF(hashes, e.first, "unknown"));
		add_fingerprint(rows, e.fingerprint);
	} else if (d->type == SIF_TYPE_CRYPTO) {
		add_row(rows, "Format Type:", "%s", NAME_OF(message_formats, e.first, "Unknown"));
		add_row(rows, "Message Type:", "%s", NAME_OF(messages, e.second, "Unknown"));
	} else if (d->type == SIF_TYPE_SBOM) {
		add_row(rows, "Format:", "%s", NAME_OF(sbom_formats, e.first, "unknown"));
	} else if (*d->digest.text) {
		add_row(rows, "Digest:", "%s", d->digest.text);
	}
}

void sif_text_info(const struct sif_descr *d, struct buf *out)
{
	cleanup_free char *name = safe_text(d->name, SIF_NAME_LEN);
	struct rows rows = { 0 };
	bool is_group;
	uint32_t link = sif_descr_link(d, &is_group);
	uint32_t group = sif_descr_group(d);

	add_row(&rows, "Data Type:", "%s", NAME_OF(types, d->type, "Unknown"));
	add_row(&rows, "ID:", "%" PRIu32, d->id);
	if (group)
		add_row(&rows, "Group ID:", "%" PRIu32, group);
	else
		add_row(&rows, "Group ID:", "NONE");
	if (link)
		add_row(&rows, "Linked ID:", "%" PRIu32 "%s", link, is_group ? " (G)" : "");
	else
		add_row(&rows, "Linked ID:", "NONE");
	add_row(&rows, "Offset:", "%" PRIu64, d->offset);
	add_row(&rows, "Size:", "%" PRIu64, d->size);
	add_time(&rows, "Created At:", d->created);
	add_time(&rows, "Modified At:", d->modified);
	if (*name)
		add_row(&rows, "Name:", "%s", name);
	add_extra(&rows, d);
	print_rows(&rows, "  ", 2, out);
	rows_free(&rows);
}
