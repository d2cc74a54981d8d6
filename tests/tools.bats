#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The tools of others: what they write is read, and they read what we write.

load testlib/helpers

inputs=$BATS_TEST_DIRNAME/fixtures/inputs

# The tree as a reader of the file system shows it: kind, mode, owner, time, link and content of everything in it.
look_below()
{
	cat >look <<-'END'
		cd "$1"
		find . ! -type d -printf '%P %y %m %U:%G %s %T@ %l\n' -o -printf '%P %y %m %U:%G %T@\n' | LC_ALL=C sort
		find . -type f -exec sha256sum {} + | LC_ALL=C sort
	END
	unshare -m --propagation private -- sh -ec "$1"' && sh look tree'
}

@test "the kernel, squashfuse and unsquashfs read what we write, in every codec" {
	require_root
	require unsquashfs squashfuse
	mkdir tree
	for codec in zstd gzip lz4; do
		singularity -q pull --squashfs-codec "$codec" "$codec.sif" "oci-archive:$inputs/layers.oci.tar"
		singularity sif dump 1 "$codec.sif" >layer.sqfs
		unsquashfs -q -no-progress -d "$codec" layer.sqfs >/dev/null
		look_below "mount --bind $codec tree" >wanted
		[ "$(grep -c '^[0-9a-f]\{64\} ' wanted)" -gt 10 ]
		look_below "squashfuse layer.sqfs tree" | diff wanted - >&2
		[ -e /dev/loop-control ] || continue
		look_below "mount -t squashfs -o loop,ro layer.sqfs tree" | diff wanted - >&2
	done
}

# make_umoci_layout: the layout "um", image v1, two layers on top of an empty one, made by umoci
make_umoci_layout()
{
	umoci init --layout um
	umoci new --image um:v1
	umoci unpack --image um:v1 bundle
	mkdir -p bundle/rootfs/bin bundle/rootfs/etc
	cp "$(command -v busybox)" bundle/rootfs/bin/busybox
	echo one >bundle/rootfs/etc/one
	umoci repack --image um:v1 bundle
	echo two >two
	umoci insert --image um:v1 two /etc/two
	umoci config --image um:v1 --config.cmd /bin/busybox --config.cmd cat --config.cmd /etc/one --config.cmd /etc/two \
		--config.env FROM=umoci
}

@test "images of umoci, and of buildah in both archives" {
	require_root
	require umoci busybox
	make_umoci_layout
	singularity -q pull um.sif oci:um:v1
	is "$(singularity -s run um.sif)" $'one\ntwo'
	is "$(singularity -s exec um.sif /bin/busybox env | grep FROM)" FROM=umoci
	require buildah
	buildah() { command buildah --storage-driver vfs --root "$dir/storage" --runroot "$dir/run" "$@"; }
	buildah from -q --name c oci:um:v1 >/dev/null 2>&1 || skip "this buildah cannot run here"
	buildah copy -q c two /etc/three >/dev/null
	buildah config --env FROM=buildah c
	for archive in oci-archive docker-archive; do
		buildah commit -q c "$archive:$archive.tar:local/image:v2" >/dev/null 2>&1
		singularity -q pull "$archive.sif" "$archive:$archive.tar"
		is "$(singularity -s exec "$archive.sif" /bin/busybox cat /etc/one /etc/two /etc/three)" $'one\ntwo\ntwo'
		is "$(singularity -s exec "$archive.sif" /bin/busybox env | grep FROM)" FROM=buildah
	done
	buildah rm c >/dev/null
}

# unpack_layout IMAGE DIRECTORY: the blobs of an OCI-SIF, each under its digest, and its root index as a layout
unpack_layout()
{
	local id digest objects

	mkdir -p "$2/blobs/sha256"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$2/oci-layout"
	objects=$(singularity sif list "$1" | awk -F '|' '/OCI/ { print $1 + 0 }')
	for id in $objects; do
		singularity sif dump "$id" "$1" >object
		if singularity sif list "$1" | grep -q "^$id .*RootIndex"; then
			cp object "$2/index.json"
		else
			digest=$(sha256sum <object)
			cp object "$2/blobs/sha256/${digest%% *}"
		fi
	done
}

@test "skopeo and umoci read the manifest, config and blobs of our images" {
	require skopeo umoci
	for option in '' --keep-layers; do
		# shellcheck disable=SC2086 # none or one
		singularity -q pull --force $option image.sif "oci-archive:$inputs/layers.oci.tar"
		rm -rf layout copy
		unpack_layout image.sif layout
		is "$(skopeo inspect --config oci:layout | grep -c '"architecture": *"amd64"')" 1
		skopeo --insecure-policy copy -q oci:layout oci:copy:v1
		is "$(ls copy/blobs/sha256)" "$(ls layout/blobs/sha256)"
		is "$(skopeo inspect oci:copy | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["Layers"]))')" \
			"$([ "$option" ] && echo 4 || echo 1)"
		has "$(umoci stat --image copy:v1)" "oci-sif created from"
	done
}
