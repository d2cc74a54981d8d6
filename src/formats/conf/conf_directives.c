/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/conf/conf_directives.h"

/*
 * A row without comment belongs to the one above it. "oci mode" and the squashfs rows differ from the reference on
 * purpose.
 */
const struct conf_directive conf_directives[] = {
	{ "allow setuid", CONF_BOOL, "yes", NULL,
	  "Whether a set-user-ID helper may be used. This program has none; accepted for\n"
	  "compatibility." },
	{ "max loop devices", CONF_UINT, "256", NULL,
	  "Most loop devices that may be used. This program uses none; accepted for\n"
	  "compatibility." },
	{ "allow pid ns", CONF_BOOL, "yes", NULL,
	  "Whether users may ask for a PID namespace. OCI mode always uses one; accepted for\n"
	  "compatibility." },
	{ "allow ipc ns", CONF_BOOL, "yes", NULL,
	  "Whether users may ask for an IPC namespace. OCI mode always uses one; accepted for\n"
	  "compatibility." },
	{ "allow user ns", CONF_BOOL, "yes", NULL,
	  "Whether users may ask for a user namespace. OCI mode needs one; accepted for\n"
	  "compatibility." },
	{ "allow uts ns", CONF_BOOL, "yes", NULL,
	  "Whether users may ask for a UTS namespace. Accepted for compatibility." },
	{ "config passwd", CONF_BOOL, "yes", NULL,
	  "Whether the calling user gets an entry in the container's /etc/passwd." },
	{ "config group", CONF_BOOL, "yes", NULL,
	  "Whether the calling user's groups get entries in the container's /etc/group." },
	{ "config resolv_conf", CONF_BOOL, "yes", NULL,
	  "Whether the host's /etc/resolv.conf appears in the container." },
	{ "mount proc", CONF_BOOL, "yes", NULL,
	  "Whether /proc is mounted in the container." },
	{ "mount sys", CONF_BOOL, "yes", NULL,
	  "Whether /sys is mounted in the container." },
	{ "mount dev", CONF_STRING, "yes", "yes no minimal",
	  "What /dev of the container is. OCI mode needs one: with \"no\" containers do not start." },
	{ "mount devpts", CONF_BOOL, "yes", NULL,
	  "Whether the container gets its own /dev/pts. OCI mode needs one: with \"no\" containers\n"
	  "do not start." },
	{ "mount home", CONF_BOOL, "yes", NULL,
	  "Whether the container gets a home directory." },
	{ "mount tmp", CONF_BOOL, "yes", NULL,
	  "Whether /tmp and /var/tmp are mounted in the container." },
	{ "mount hostfs", CONF_BOOL, "no", NULL,
	  "Whether all file systems of the host are mounted. Not done in OCI mode; accepted for\n"
	  "compatibility." },
	{ "bind path", CONF_LIST, "/etc/localtime,/etc/hosts", NULL,
	  "Host paths bound into containers that run with --no-compat: SOURCE or\n"
	  "SOURCE:DESTINATION. May be repeated; a file without any such line binds nothing." },
	{ "user bind control", CONF_BOOL, "yes", NULL,
	  "Whether users may bind host paths with --bind and --mount." },
	{ "enable fusemount", CONF_BOOL, "yes", NULL,
	  "Whether users may mount FUSE file systems. Not done in OCI mode; accepted for\n"
	  "compatibility." },
	{ "enable overlay", CONF_STRING, "try", "yes no try",
	  "Whether overlay file systems are used in native mode. Accepted for compatibility." },
	{ "enable underlay", CONF_BOOL, "yes", NULL,
	  "Whether bind mounts replace an overlay in native mode. Accepted for compatibility." },
	{ "mount slave", CONF_BOOL, "yes", NULL,
	  "Whether mounts propagate from the host in native mode. Accepted for compatibility." },
	{ "sessiondir max size", CONF_UINT, "64", NULL,
	  "Size in MiB of each in-memory file system of a container: what it may write outside of\n"
	  "bound directories." },
	{ "memory fs type", CONF_STRING, "tmpfs", "tmpfs ramfs",
	  "File system of the session directory. Accepted for compatibility; always tmpfs." },
	{ "limit container owners", CONF_LIST, "", NULL,
	  "Owners whose images may be run with set-user-ID. Accepted for compatibility." },
	{ "limit container groups", CONF_LIST, "", NULL,
	  "Groups whose images may be run with set-user-ID. Accepted for compatibility." },
	{ "limit container paths", CONF_LIST, "", NULL,
	  "Directories whose images may be run with set-user-ID. Accepted for compatibility." },
	{ "allow container sif", CONF_BOOL, "yes", NULL,
	  "Image types allowed in native mode. Accepted for compatibility." },
	{ "allow container encrypted", CONF_BOOL, "yes", NULL, NULL },
	{ "allow container squashfs", CONF_BOOL, "yes", NULL, NULL },
	{ "allow container extfs", CONF_BOOL, "yes", NULL, NULL },
	{ "allow container dir", CONF_BOOL, "yes", NULL, NULL },
	{ "allow kernel squashfs", CONF_BOOL, "yes", NULL,
	  "Whether the kernel mounts squashfs in native mode. This program never does; accepted\n"
	  "for compatibility." },
	{ "allow kernel extfs", CONF_BOOL, "yes", NULL,
	  "Whether the kernel mounts ext file systems in native mode. This program never does;\n"
	  "accepted for compatibility." },
	{ "allow net users", CONF_LIST, "", NULL,
	  "Users, groups and networks of CNI. Not used in OCI mode; accepted for compatibility." },
	{ "allow net groups", CONF_LIST, "", NULL, NULL },
	{ "allow net networks", CONF_LIST, "", NULL, NULL },
	{ "allow netns paths", CONF_LIST, "", NULL, NULL },
	{ "always use nv", CONF_BOOL, "no", NULL,
	  "Whether every container gets the host's NVIDIA libraries and devices, as if --nv were\n"
	  "given." },
	{ "use nvidia-container-cli", CONF_BOOL, "no", NULL,
	  "Whether nvidia-container-cli sets up NVIDIA devices. Not done in OCI mode." },
	{ "always use rocm", CONF_BOOL, "no", NULL,
	  "Whether every container gets the host's ROCm libraries and devices, as if --rocm were\n"
	  "given." },
	{ "root default capabilities", CONF_STRING, "full", "full file no",
	  "Capabilities of root in native mode. Accepted for compatibility." },
	{ "shared loop devices", CONF_BOOL, "no", NULL,
	  "Whether loop devices are shared. This program uses none; accepted for compatibility." },
	{ "cni configuration path", CONF_STRING, "", NULL,
	  "Where CNI is configured and its programs are. Accepted for compatibility." },
	{ "cni plugin path", CONF_STRING, "", NULL, NULL },
	{ "cryptsetup path", CONF_STRING, "", NULL,
	  "Programs. An empty value means that the program is looked up where that is safe." },
	{ "go path", CONF_STRING, "", NULL, NULL },
	{ "ldconfig path", CONF_STRING, "", NULL, NULL },
	{ "mksquashfs path", CONF_STRING, "", NULL, NULL },
	{ "mksquashfs procs", CONF_UINT, "0", NULL,
	  "Processors and memory (\"1G\") for mksquashfs. This program writes squashfs itself;\n"
	  "accepted for compatibility." },
	{ "mksquashfs mem", CONF_STRING, "", NULL, NULL },
	{ "nvidia-container-cli path", CONF_STRING, "", NULL, NULL },
	{ "unsquashfs path", CONF_STRING, "", NULL, NULL },
	{ "squashfs codec", CONF_STRING, "zstd", "zstd gzip lz4",
	  "How 'pull' compresses images. A directive of this program alone." },
	{ "squashfs level", CONF_UINT, "0", NULL,
	  "Compression level of the codec; 0 is the codec's default here (zstd: 3). A directive\n"
	  "of this program alone." },
	{ "download concurrency", CONF_UINT, "3", NULL,
	  "Parts, size in bytes of a part and buffer size of downloads from a library. Accepted\n"
	  "for compatibility." },
	{ "download part size", CONF_UINT, "5242880", NULL, NULL },
	{ "download buffer size", CONF_UINT, "32768", NULL, NULL },
	{ "systemd cgroups", CONF_BOOL, "yes", NULL,
	  "Whether systemd manages the cgroups of containers." },
	{ "sif fuse", CONF_BOOL, "no", NULL,
	  "Whether SIF files are mounted by FUSE in native mode. OCI mode always does; accepted\n"
	  "for compatibility." },
	{ "oci mode", CONF_BOOL, "yes", NULL,
	  "Whether containers run in OCI mode without --oci. This program has no other mode." },
	{ "tmp sandbox", CONF_BOOL, "yes", NULL,
	  "Whether an image that cannot be mounted may be unpacked. This program mounts them all;\n"
	  "accepted for compatibility." },
	{ "root search path", CONF_STRING, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL,
	  "Where helper programs (crun, runc, newuidmap, newgidmap) are looked up for root." },
	{ "user search path", CONF_STRING, "$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL,
	  "Where they are looked up for other users. $PATH stands for the caller's PATH." },
	{ NULL, CONF_BOOL, NULL, NULL, NULL },
};
