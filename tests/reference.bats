#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Files that the reference program wrote: ours reads and runs them; and what ours writes, beside the reference's. The program in most of
# the images is a small ELF that ends at once, whatever its arguments. Numbers are those of oci-mode.md 11.

load testlib/helpers
load testlib/containers

images=$BATS_TEST_DIRNAME/fixtures/images
inputs=$BATS_TEST_DIRNAME/fixtures/inputs

@test "every OCI-SIF of the reference runs, layers, signatures and odd ones included: 195, 199" {
	count=0
	for image in "$images"/*.sif "$images"/signed/*.sif "$images"/overlay/*-sealed.sif; do
		name=${image#"$images"/}
		case $name in *native*|*-data.sif|signed/*tampered*|signed/added.sif) continue ;; esac
		for who in $(everyone); do
			split singularity_as "$who" exec "$image" /bin/sh
			is "$name $who $status $out" "$name $who 0 "
			lacks "$err" "FATAL"
		done
		count=$((count + 1))
	done
	[ "$count" -ge 28 ] || { echo "only $count images" >&2; false; }
}

@test "an image with a shell: the reference's layer as a root file system" {
	for who in $(everyone); do
		check_inside "$who" "$images/overlay/simple-sealed.sif" <<-'END'
			layers :: ls /bin/sh /bin/busybox :: /bin/busybox /bin/sh
			USER :: id -u :: @u :: 0
		END
	done
}

@test "what the reference wrote and is no image of a program ends with one line" {
	gzip -dc "$images/overlay/bare.img.gz" >bare.img
	for name in tiny-overlay cosigned native-overlay; do
		gzip -dc "$images/overlay/$name.sif.gz" >"$name.sif"
	done
	while IFS='|' read -r file text; do
		[ -e "$file" ] || file=$images/$file
		for who in $(everyone); do
			fails_with "$who" "$text" "$file" /bin/sh
			is "$file: $(wc -l <<<"$err") lines" "$file: 1 lines"
		done
	done <<-END
		bare.img|OCI mode cannot run bare ext3 images
		tiny-overlay.sif|layer.v1.ext3": an image with a writable overlay cannot be run, pull it again
		cosigned.sif|layer.v1.ext3": an image with a writable overlay cannot be run, pull it again
		native-overlay.sif|not an OCI-SIF: "$dir/native-overlay.sif": an image of native mode cannot be read, pull it again
		tiny-native.sif|an image of native mode cannot be read, pull it again
		full-native.sif|not an OCI-SIF:
		layers-native.sif|not an OCI-SIF:
		times-native.sif|not an OCI-SIF:
		signed/tiny-native-pgp.sif|not an OCI-SIF:
		signed/tiny-native-both.sif|not an OCI-SIF:
		signed/added.sif|not an OCI-SIF:
		signed/tampered-header.sif|not an OCI-SIF:
		signed/cosign-tampered.sif|layer 0: squashfs fragment table: squashfs refers to bytes
		data/data-dir.sif|data-dir.sif holds data, not an image: there is nothing in it to run
		data/data-file.sif|data-file.sif holds data, not an image: there is nothing in it to run
		r-data.sif|r-data.sif holds data, not an image: there is nothing in it to run
		sif-tool/new.sif|image index is not valid JSON
		sif-tool/added.sif|image index is not valid JSON
	END
}

# list FILE: what is in a squashfs. The size of a directory is a matter of the writer.
list()
{
	unsquashfs -lln "$1" | awk '/squashfs-root/ { if (/^d/) $3 = "-"; print }' | LC_ALL=C sort -k 6
}

# same_layer OURS THEIRS OBJECT
same_layer()
{
	singularity sif dump "$3" "$1" >ours.sqfs
	singularity sif dump "$3" "$2" >theirs.sqfs
	diff <(list theirs.sqfs) <(list ours.sqfs) >&2
	[ "$(list ours.sqfs | wc -l)" -ge 2 ]
}

@test "our layers hold what the reference's hold: names, modes, owners, times, devices" {
	require unsquashfs
	for name in tiny tiny-full layers docker2 zstd noplatform odd-recreate times; do
		singularity -q pull "$name.sif" "oci-archive:$inputs/$name.oci.tar"
		same_layer "$name.sif" "$images/$name.sif" 1
	done
	singularity -q pull docker.sif "docker-archive:$inputs/layers.docker.tar"
	same_layer docker.sif "$images/layers-docker-archive.sif" 1
	singularity -q pull --keep-layers keep.sif "oci-archive:$inputs/layers.oci.tar"
	for layer in 1 2 3 4; do
		same_layer keep.sif "$images/layers-keep.sif" "$layer"
	done
}
