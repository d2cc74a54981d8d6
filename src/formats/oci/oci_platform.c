/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci.h"

#include <ctype.h>
#include <sys/utsname.h>

/* The architecture this program was compiled for, in the names of GOARCH that the image-spec uses. */
#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__i386__)
#define HOST_ARCH "386"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#elif defined(__arm__)
#define HOST_ARCH "arm"
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCH "ppc64le"
#elif defined(__powerpc64__)
#define HOST_ARCH "ppc64"
#elif defined(__s390x__)
#define HOST_ARCH "s390x"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCH "riscv64"
#elif defined(__loongarch64)
#define HOST_ARCH "loong64"
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_ARCH "mips64le"
#elif defined(__mips64)
#define HOST_ARCH "mips64"
#else
#error "no name is known for this architecture"
#endif

static char host_os[] = "linux";
static char host_arch[] = HOST_ARCH;

/* On 32-bit ARM the processor decides: the kernel says armv6l, armv7l, ... */
static size_t arm_level(void)
{
	struct utsname u;
	const char *digit;

	if (!str_eq(HOST_ARCH, "arm") || uname(&u) < 0)
		return 0;
	digit = str_after(u.machine, "armv");
	return digit && *digit >= '5' && *digit <= '8' ? (size_t)(*digit - '4') : 3;
}

const struct oci_platform *oci_host_platform(void)
{
	static char variants[][3] = { "v5", "v6", "v7", "v8" };
	static const struct oci_platform hosts[] = {
		{ .os = host_os, .architecture = host_arch },
		{ .os = host_os, .architecture = host_arch, .variant = variants[0] },
		{ .os = host_os, .architecture = host_arch, .variant = variants[1] },
		{ .os = host_os, .architecture = host_arch, .variant = variants[2] },
		{ .os = host_os, .architecture = host_arch, .variant = variants[3] },
	};

	return &hosts[arm_level()];
}

void oci_platform_clear(struct oci_platform *p)
{
	free(p->os);
	free(p->architecture);
	free(p->variant);
	free(p->os_version);
	*p = (struct oci_platform){ 0 };
}

static char *folded(const char *text)
{
	char *copy = xstrdup(text);

	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

/* Other spellings of an architecture and what they mean; NULL variant: the one given stays. */
static const struct alias {
	const char *text, *architecture, *variant;
} aliases[] = {
	{ "i386", "386", "" },	      { "x86_64", "amd64", "" },  { "x86-64", "amd64", "" },
	{ "aarch64", "arm64", NULL }, { "armhf", "arm", "v7" },	  { "armel", "arm", "v6" },
	{ "arm64v8", "arm64", "" },   { "arm32v5", "arm", "v5" }, { "arm32v6", "arm", "v6" },
	{ "arm32v7", "arm", "v7" },   { "armv5", "arm", "v5" },	  { "armv6", "arm", "v6" },
	{ "armv7", "arm", "v7" },     { "armv8", "arm", "v8" },
};

static void set_text(char **where, const char *text)
{
	free(*where);
	*where = text && *text ? xstrdup(text) : NULL;
}

/* transports.md 2.6, "Normalisation": names of other systems, `8` for `v8`, and arm64's only variant left out. */
static void normalise(const char *arch, const char *variant, struct oci_platform *p)
{
	cleanup_free char *name = folded(arch);
	cleanup_free char *level = folded(variant ? variant : "");

	set_text(&p->architecture, name);
	set_text(&p->variant, level);
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (!str_eq(name, aliases[i].text))
			continue;
		set_text(&p->architecture, aliases[i].architecture);
		if (aliases[i].variant)
			set_text(&p->variant, aliases[i].variant);
	}
	if (p->variant && isdigit((unsigned char)*p->variant) && str_starts(p->architecture, "arm")) {
		cleanup_free char *with_v = xasprintf("v%s", p->variant);

		set_text(&p->variant, with_v);
	}
	if (str_eq(p->architecture, "arm64") && p->variant && str_eq(p->variant, "v8"))
		set_text(&p->variant, NULL);
}

static bool is_word(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static void make(const char *arch, const char *variant, struct oci_platform *ret_platform)
{
	struct oci_platform p = { .os = xstrdup("linux") };

	normalise(arch, variant, &p);
	if (!p.variant && str_eq(p.architecture, "arm"))
		p.variant = xstrdup("v7");
	*ret_platform = p;
}

struct error *oci_platform_from_arch(const char *arch, struct oci_platform *ret_platform)
{
	if (!is_word(arch))
		return error_new(ERR_USAGE, "\"%s\" is not a valid architecture", arch);
	make(arch, NULL, ret_platform);
	return NULL;
}

struct error *oci_platform_parse(const char *text, struct oci_platform *ret_platform)
{
	cleanup_strv struct strv parts = { 0 };

	strv_split(&parts, text, '/');
	if (parts.n > 3)
		return error_new(ERR_USAGE, "too many slashes in platform spec: %s", text);
	if (!str_eq(parts.items[0], "linux"))
		return error_new(ERR_USAGE, "\"%s\" is not a valid platform OS for singularity", parts.items[0]);
	for (size_t i = 1; i < parts.n; i++) {
		if (!is_word(parts.items[i]))
			return error_new(ERR_USAGE, "\"%s\" is not a valid platform", text);
	}
	if (parts.n == 1)
		make(host_arch, oci_host_platform()->variant, ret_platform);
	else
		make(parts.items[1], parts.n == 3 ? parts.items[2] : NULL, ret_platform);
	return NULL;
}

char *oci_platform_text(const struct oci_platform *p)
{
	struct buf text = { 0 };

	buf_append_str(&text, p->os ? p->os : "");
	if (p->architecture)
		buf_appendf(&text, "%s%s", text.len ? "/" : "", p->architecture);
	if (p->variant)
		buf_appendf(&text, "/%s", p->variant);
	if (p->os_version)
		buf_appendf(&text, ":%s", p->os_version);
	return buf_take(&text);
}

/* The N of a variant "vN"; anything else is taken to ask for more than any of them. */
static unsigned variant_level(const char *variant)
{
	if (!variant)
		return 0;
	return variant[0] == 'v' && isdigit((unsigned char)variant[1]) && !variant[2] ? (unsigned)(variant[1] - '0')
										      : 10;
}

/* Both are normalised. 0: does not fit. */
static unsigned variant_score(const struct oci_platform *image, const struct oci_platform *required)
{
	unsigned have = variant_level(image->variant);
	unsigned want = variant_level(required->variant);

	if (!required->variant)
		return OCI_PLATFORM_EXACT - have;
	if (image->variant && str_eq(image->variant, required->variant))
		return OCI_PLATFORM_EXACT;
	/*
	 * An ARM processor runs what was made for its predecessors; elsewhere variants must be equal, as in the
	 * reference.
	 */
	if (str_eq(required->architecture, "arm") && have < want && want < 10)
		return 1 + have;
	return 0;
}

unsigned oci_platform_score(const struct oci_platform *image, const struct oci_platform *required)
{
	struct oci_platform have = { 0 };
	struct oci_platform want = { 0 };
	unsigned score = 0;

	if (!image->os || !image->architecture || !required->os || !required->architecture)
		return 0;
	if (required->os_version && !(image->os_version && str_eq(image->os_version, required->os_version)))
		return 0;
	normalise(image->architecture, image->variant, &have);
	normalise(required->architecture, required->variant, &want);
	if (str_eq(image->os, required->os) && str_eq(have.architecture, want.architecture))
		score = variant_score(&have, &want);
	oci_platform_clear(&have);
	oci_platform_clear(&want);
	return score;
}

bool oci_platform_satisfies(const struct oci_platform *image, const struct oci_platform *required)
{
	return oci_platform_score(image, required) > 0;
}
