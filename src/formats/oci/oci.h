/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OCI image documents: descriptors, index, manifest, image config, platforms, media types. Parsed from hostile JSON
 * into checked structs; the document itself is kept, so a rewrite loses no member we do not know. Specification: OCI
 * image-spec 1.1; Docker image manifest v2 schema 2. Serialisation order: formats.md 2.2.
 */
#ifndef FORMATS_OCI_H
#define FORMATS_OCI_H

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

/* Sizes of documents we take in. The distribution-spec asks registries for at least 4 MiB of manifest. */
enum { OCI_MANIFEST_MAX = 8 << 20, OCI_CONFIG_MAX = 16 << 20, OCI_LAYERS_MAX = 4096, OCI_INDEX_ENTRIES_MAX = 10000 };

/* The score of an image made for exactly the platform that was asked for. */
enum { OCI_PLATFORM_EXACT = 100 };

#define OCI_MT_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MT_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MT_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MT_LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define OCI_MT_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_MT_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define OCI_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define OCI_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define OCI_MT_DOCKER_LAYER_TAR "application/vnd.docker.image.rootfs.diff.tar"
#define OCI_MT_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define OCI_MT_SQUASHFS "application/vnd.sylabs.image.layer.v1.squashfs"
#define OCI_MT_EXT3 "application/vnd.sylabs.image.layer.v1.ext3"

struct oci_platform {
	char *os, *architecture, *variant; /* NULL if absent or empty */
	char *os_version;
};

struct oci_desc {
	char *media_type; /* never NULL */
	struct digest digest;
	uint64_t size;
	struct oci_platform platform; /* all NULL if absent */
	char *ref_name;		      /* annotation org.opencontainers.image.ref.name or NULL */
	const struct jv *doc;	      /* the descriptor's JSON, borrowed from the document */
};

struct oci_index {
	char *media_type; /* NULL if absent */
	struct oci_desc *manifests;
	size_t n_manifests;
	struct jv *doc; /* owned */
};

struct oci_manifest {
	char *media_type;    /* "" if the document does not say */
	char *artifact_type; /* NULL if absent */
	struct oci_desc config;
	struct oci_desc *layers; /* bottom first */
	size_t n_layers;
	struct jv *doc; /* owned */
};

struct oci_config {
	char *architecture, *os, *variant, *os_version, *author; /* NULL if absent or empty */
	char *created;						 /* as written, RFC 3339; NULL if absent */
	struct strv os_features;
	struct digest *diff_ids;
	size_t n_diff_ids;
	/* Members of "config": */
	char *user, *working_dir, *stop_signal; /* NULL if absent or empty */
	struct strv env, entrypoint, cmd;
	struct strv labels; /* "key=value", in document order */
	bool has_volumes, has_exposed_ports;
	struct jv *doc; /* owned */
};

/**
 * oci_index_parse() - an image index; nested indexes are entries like others
 *
 * The three parsers give ERR_CORRUPT for what is no such document (bad JSON, members of a wrong type, malformed
 * digests), ERR_LIMIT above the limits on top, ERR_UNSUPPORTED for digests other than sha256 and other schema versions.
 */
must_check struct error *oci_index_parse(const char *data, size_t len, struct oci_index **ret_index);
void oci_index_free(struct oci_index *index);
DEFINE_CLEANUP(struct oci_index *, oci_index_free)

/* oci_manifest_parse() - refuses documents that are an index, hold both `manifests` and `layers`, or schema 1 */
must_check struct error *oci_manifest_parse(const char *data, size_t len, struct oci_manifest **ret_manifest);
void oci_manifest_free(struct oci_manifest *manifest);
DEFINE_CLEANUP(struct oci_manifest *, oci_manifest_free)

must_check struct error *oci_config_parse(const char *data, size_t len, struct oci_config **ret_config);
void oci_config_free(struct oci_config *config);
DEFINE_CLEANUP(struct oci_config *, oci_config_free)

bool oci_is_index_type(const char *media_type);
bool oci_is_manifest_type(const char *media_type);
bool oci_is_config_type(const char *media_type);    /* of an image; an artifact's config is of another type */
bool oci_is_tar_layer_type(const char *media_type); /* all tar forms, nondistributable ones included */

/* oci_host_platform() - of this machine: "linux", "amd64"|"arm64"|..., variant for arm; static strings */
const struct oci_platform *oci_host_platform(void);
/*
 * oci_platform_from_arch() - --arch value ("amd64", "arm64", "arm64v8", "armv7"...) into architecture and variant;
 * ERR_USAGE
 */
must_check struct error *oci_platform_from_arch(const char *arch, struct oci_platform *ret_platform);
/* oci_platform_parse() - "os/arch[/variant]" of --platform; transports.md 2.6 */
must_check struct error *oci_platform_parse(const char *text, struct oci_platform *ret_platform);
/* oci_platform_text() - "linux/arm64/v8"; caller frees */
char *oci_platform_text(const struct oci_platform *p);
/**
 * oci_platform_score() - how well an image of platform @image fits where @required is asked for; 0: not at all
 *
 * Of several entries of an index the best is the one with the highest score, the first of equals: on ARM the nearest
 * variant not above the required one; where no variant is required, an image without one before one that may ask more
 * of the processor. An image that names no system or architecture fits nothing: the caller decides what that means.
 */
unsigned oci_platform_score(const struct oci_platform *image, const struct oci_platform *required);
/* oci_platform_satisfies() - may an image of platform @image run where @required is asked for (transports.md 2.6) */
bool oci_platform_satisfies(const struct oci_platform *image, const struct oci_platform *required);
void oci_platform_clear(struct oci_platform *p);

/* What a conversion changes in the image config; formats.md 2.4. */
struct oci_rewrite {
	const char *media_type; /* of every layer that names none itself */
	/*
	 * New layers, bottom first: media_type (NULL: the one above), digest, size. Where doc is set the layer is kept
	 * as it was: its descriptor is written with all its members.
	 */
	const struct oci_desc *layers;
	size_t n_layers;
	const char *history_created; /* RFC 3339 */
	const char *history_created_by;
	const char *history_comment;
};

/*
 * oci_config_rewrite() - the config's new bytes: diff_ids, history; order of formats.md 2.2, unknown members after the
 * known ones
 */
void oci_config_rewrite(const struct oci_config *config, const struct oci_rewrite *change, struct buf *out);
/* oci_manifest_rewrite() - the manifest's new bytes with the rewritten config's digest and size */
void oci_manifest_rewrite(const struct oci_manifest *manifest, const struct oci_rewrite *change,
			  const struct digest *config_digest, uint64_t config_size, struct buf *out);
/*
 * oci_root_index() - the root index of an OCI-SIF with one image; formats.md 2.2 (artifactType: manifest's, else
 * config's type)
 */
void oci_root_index(const struct oci_manifest *manifest, const char *manifest_media_type, const struct digest *digest,
		    uint64_t size, struct buf *out);

#endif
