#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Images of several squashfs layers (--keep-layers), and what their files are like inside a container: whiteouts, owners, setuid,
# attributes (oci-mode.md 11, lines 37 and 195; design.md 3 on ids).

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
}

teardown_file()
{
	rm -rf "$IMAGES"
}

# keep_layers NAME ARGUMENTS of mkimage...: NAME.sif with one squashfs per layer
keep_layers()
{
	local name=$1

	shift
	"$testlib/mkimage" "$name.layout" "$@"
	singularity -q pull --keep-layers "$name.sif" "oci:$name.layout:latest"
	chmod 644 "$name.sif"
}

@test "1, 16, 64 and 127 layers run, each layer's file is there, and the newest wins" {
	for n in 1 16 64 127; do
		layers=()
		for i in $(seq 2 "$n"); do
			"$testlib/mklayer" "file:l$i:644:0:0:$i" "file:top:644:0:0:$i" >"l$i.tar"
			layers+=(--layer "l$i.tar")
		done
		keep_layers "n$n" "${layers[@]}"
		for who in $(everyone); do
			is "$who $n $(singularity_as "$who" exec "n$n.sif" sh -c 'ls / | grep -c "^l[0-9]"; cat /top 2>/dev/null; true' | paste -sd' ')" \
				"$who $n $((n - 1))$([ "$n" -eq 1 ] || echo " $n")"
			is "$(singularity_as "$who" exec "n$n.sif" sh -c 'rm -r /bin/awk && touch /x && rm /l2 2>/dev/null; [ ! -e /l2 ] && mkdir /new && echo ok')" ok
		done
		rm -rf "n$n".* l*.tar
	done
}

whiteouts()
{
	"$testlib/mklayer" dir:d file:d/gone:644:0:0:old file:d/kept:644:0:0:kept file:d/new:644:0:0:old dir:o file:o/hidden:644:0:0:x \
		dir:t file:t/x:644:0:0:x file:f:644:0:0:f dir:srv dir:srv/deep file:srv/deep/file:644:0:0:x >1.tar
	"$testlib/mklayer" file:d/.wh.gone file:d/new:644:0:0:new file:o/.wh..wh..opq file:o/shown:644:0:0:y file:.wh.t dir:f file:f/in:644:0:0:in >2.tar
	"$testlib/mklayer" file:t:644:0:0:file >3.tar
	for image in keep squash; do
		if [ $image = keep ]; then keep_layers keep --layer 1.tar --layer 2.tar --layer 3.tar
		else make_image squash --layer 1.tar --layer 2.tar --layer 3.tar; mv squash.oci.sif squash.sif; fi
		for who in $(everyone); do
			check_inside "$who" "$image.sif" <<-'END'
				195 :: ls /d /o; cat /d/new /d/kept /t /f/in | tr '\n' ' ' :: /d: kept new /o: shown newkeptfilein
			END
			[ "$who" = root ] || directories_can_go || continue
			check_inside "$who" "$image.sif" <<-'END'
				Q24 :: rm -r /d /o /srv && mkdir /d /o /srv && ls -A /d /o /srv && echo removed :: /d: /o: /srv: removed
				Q24 :: touch /d/gone && mv /d/gone /o/hidden && ls /d /o :: /d: /o: hidden
			END
		done
	done
}

@test "whiteouts, opaque directories, removing and making again, on crun: 195" {
	whiteouts
}

@test "whiteouts, opaque directories, removing and making again, on runc: 195" {
	use_runtime runc
	whiteouts
}

@test "every owner of the image shows as itself, and can write what is its own: 37" {
	ids="1 33 999 1000 $((user_uid - 1)) $((user_uid + 1)) 2000 60000 65534"
	passwd=root:x:0:0::/root:/bin/sh
	entries=()
	for id in $ids; do
		entries+=("dir:own$id:700:$id:$id" "file:own$id/file:600:$id:$id:mine")
		passwd+=$'\n'"u$id:x:$id:$id::/own$id:/bin/sh"
	done
	"$testlib/mklayer" "file:etc/passwd:644:0:0:$passwd"$'\n' "${entries[@]}" >own.tar
	make_image own --layer own.tar
	for who in $(everyone); do
		for id in $ids; do
			is "$who $id $(singularity_as "$who" exec own.oci.sif stat -c %u:%g "/own$id")" "$who $id $id:$id"
		done
	done
	for id in 33 1000 $((user_uid + 1)) 65534; do
		make_image "as$id" --layer own.tar --config "{\"User\": \"u$id\"}"
		for who in user $( [ "$(id -u)" -ne 0 ] || echo root); do
			check_inside "$who" "as$id.oci.sif" <<-END
				37 :: id -u; cd /own$id && cat file && echo more >>file && echo x >new && stat -c %u new && rm file new && echo ok :: $id mine$id ok
				37 :: ls /own2000 2>/dev/null || echo refused :: refused
			END
		done
	done
}

@test "setuid and setgid programs change ids, sticky directories protect" {
	require gcc
	printf '#include <stdio.h>\n#include <unistd.h>\nint main(void) { return printf("%%d %%d\\n", geteuid(), getegid()) < 0; }\n' >ids.c
	gcc -static -o ids ids.c
	python3 - "$testlib" <<-'END' >suid.tar
		import sys
		sys.path.insert(0, sys.argv[1])
		import layouts
		program = open("ids", "rb").read()
		sys.stdout.buffer.write(layouts.layer([
			("etc/passwd", "file", {"data": b"root:x:0:0::/root:/bin/sh\nu33:x:33:33::/:/bin/sh\nu34:x:34:34::/:/bin/sh\n"}),
			("suid", "dir", {}), ("suid/ids", "file", {"mode": 0o4755, "uid": 34, "data": program}),
			("sgid", "dir", {}), ("sgid/ids", "file", {"mode": 0o2755, "gid": 35, "data": program}),
			("sticky", "dir", {"mode": 0o1777}), ("sticky/file", "file", {"uid": 34, "mode": 0o666})]))
	END
	make_image suid --layer suid.tar --config '{"User": "u33"}'
	for who in $(everyone); do
		check_inside "$who" suid.oci.sif <<-'END'
			setuid :: /suid/ids :: 34 33 :: 34 33 :: 34 0
			setgid :: /sgid/ids :: 33 35 :: 33 35 :: 0 35
			setuid :: stat -c %a /suid/ids /sgid/ids :: 4755 2755
		END
		[ "$who" != fakeroot ] || continue
		check_inside "$who" suid.oci.sif <<-'END'
			sticky :: rm -f /sticky/file 2>/dev/null || echo refused :: refused
		END
	done
}

@test "hard links, long and odd names, modes, empty files" {
	"$testlib/mklayer" file:a:640:5:6:a hardlink:b:640:5:6:a dir:deep "file:deep/$(printf 'n%.0s' $(seq 250)):644" "file:deep/with blank:644" "file:deep/ä:644" \
		file:deep/empty:0 link:deep/loop:777:0:0:loop fifo:deep/fifo:600 >odd.tar
	make_image odd --layer odd.tar
	for who in $(everyone); do
		check_inside "$who" odd.oci.sif <<-'END'
			hard :: stat -c '%h %i' /a /b | uniq | wc -l; stat -c %h /a :: 1 2
			hard :: stat -c '%a %u:%g' /b :: 640 5:6
			names :: ls /deep | wc -l; [ -e '/deep/with blank' ] && [ -e /deep/ä ] && echo there :: 6 there
			odd :: stat -c '%F %a %s' /deep/empty /deep/fifo; cat /deep/loop 2>/dev/null || echo loop :: regular empty file 0 0 fifo 600 0 loop
		END
	done
}

@test "random stacks of layers: kept layers show what the squashed image shows" {
	words=()
	if [ "$(id -u)" -eq 0 ]; then words=("${user_words[@]}"); fi
	run "$testlib/compare-stacks" "$singularity" "$dir" 0 16 "${words[@]}"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ 16\ stacks,\ 0\ differ ]]
}
