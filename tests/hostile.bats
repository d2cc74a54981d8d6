#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Hostile images at run time: classes A (escapes through links), B (targets of mounts), C (the runtime's binary) and J (broken files). On
# the host lie probe files that must stay as they are.

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	make_image plain --file "data/big=$(head -c 300000 /dev/urandom | base64 -w 0 | head -c 100000)"
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	mkdir -m 777 probe source
	echo untouched >probe/file
	chmod 666 probe/file
	echo source >source/file
	chmod 666 source/file
	before=$(probes)
}

probes()
{
	find "$dir/probe" -printf '%p %y %m %u %s %T@\n' | sort
	cat "$dir/probe/file"
}

# evil NAME ENTRY...: an image whose topmost layer has these entries
evil()
{
	local name=$1

	shift
	"$testlib/mklayer" "$@" >"$name.tar"
	make_image "$name" --layer "$name.tar" --config "${config:-{\}}"
}

# attack IMAGE ARGUMENTS...: whoever runs it, on either runtime: the run ends, and the probes are as before
attack()
{
	local image=$1

	shift
	for who in $(everyone); do
		split singularity_as "$who" exec "$@" "$image" sh -c 'for f in /etc/passwd /etc/group /etc/resolv.conf; do echo overwritten >$f; done
			echo x >/proc/new; echo x >/tmp/new; echo x >/var/tmp/new; echo x >"$HOME/new"; echo x >new; echo x >/dev/new; echo x >/m/new; true' 2>/dev/null
		is "$who $(probes)" "$who $before"
	done
}

attack_all()
{
	# Files and directories that are mounted over, as links to the host's probes: absolute, and climbing out.
	up=../../../../../../../../..
	evil files "link:etc/passwd:777:0:0:$dir/probe/file" "link:etc/group:777:0:0:$up$dir/probe/file" "link:etc/resolv.conf:777:0:0:$dir/probe/file"
	attack files.oci.sif
	evil new "link:etc/passwd:777:0:0:$dir/probe/made" "link:etc/resolv.conf:777:0:0:$dir/probe/made2"
	attack new.oci.sif
	for where in proc sys dev tmp; do
		"$testlib/mklayer" "file:.wh.$where" >gone.tar
		"$testlib/mklayer" "link:$where:777:0:0:$dir/probe" >link.tar
		make_image "$where" --layer gone.tar --layer link.tar
		attack "$where.oci.sif"
	done
	evil home "link:home$([ -z "$user_home" ] || echo "/$user"):777:0:0:$dir/probe" "link:x:777:0:0:$dir/probe"
	attack home.oci.sif
	attack home.oci.sif --home /x
	attack home.oci.sif -B "$dir/source:/x" -B "$dir/source:/x/deep/er" -B "$dir/source/file:/x/file2" --scratch /x/scratch
	attack home.oci.sif --workdir "$dir/source" --scratch /x
}

@test "class A, B: links where something is mounted lead nowhere, on crun" {
	attack_all
}

@test "class A, B: links where something is mounted lead nowhere, on runc" {
	use_runtime runc
	attack_all
}

@test "class A, B: links where something is mounted lead nowhere, on the current crun and runc" {
	use_runtime crun-current
	attack_all
	rm -r ./*.layout ./*.sif ./*.tar runtimes own.conf
	use_runtime runc-current
	attack_all
}

@test "class A: WORKDIR that is a link (CVE-2026-55686), or lies outside" {
	for target in "$dir/probe" "../../../../../../..$dir/probe" "$dir/probe/made"; do
		config='{"WorkingDir": "/w"}' evil w "link:w:777:0:0:$target"
		attack w.oci.sif
		rm -r w.*
	done
	for cwd in /../../../../../../.. "/proc/1/root$dir/probe" "/..$dir/probe"; do
		make_image w --config "{\"WorkingDir\": \"$cwd\"}"
		attack w.oci.sif
		split singularity_as user exec w.oci.sif cat file
		lacks "$out" untouched
		rm -r w.*
	done
}

@test "class B: a bind below a link ends inside of the container" {
	evil b "link:x:777:0:0:$dir/probe" "dir:y" "link:y/z:777:0:0:../../../../../../..$dir/probe"
	for who in $(everyone); do
		split singularity_as "$who" exec -B "$dir/source:/x" -B "$dir/source:/y/z" b.oci.sif cat /x/file /y/z/file
		is "$(probes)" "$before"
		# Where it worked, it shows what was bound.
		[ "$status" -ne 0 ] || is "$out" $'source\nsource'
	done
}

@test "class B: a bind into a volume where somebody swaps a directory and a link" {
	local swapper made=0

	mkdir -m 777 volume
	"$testlib/swap-links" "$dir/volume" "$dir/probe" 3>&- &
	swapper=$!
	until [ -e volume/link ]; do sleep 0.01; done
	for i in $(seq 60); do
		for who in $(everyone); do
			singularity_as "$who" exec -B "$dir/volume:/v" -B "$dir/source:/v/sub/made$i" "$plain" true 2>/dev/null && made=$((made + 1))
		done
	done
	kill "$swapper"
	is "$(probes)" "$before"
	# It was a race: won at times, lost at others.
	[ "$made" -gt 0 ] || { echo "no container ran" >&2; false; }
}

@test "class A: device nodes of an image cannot be opened by users" {
	evil nodes "char:zero:666:0:0:1,5" "block:disk:666:0:0:$((0x$(stat -c %t "$(findmnt -no SOURCE / | grep ^/dev || echo /dev/null)"))),0"
	# Root's containers open what root may open: they have no list of devices.
	for who in user fakeroot; do
		is "$who $(singularity_as "$who" exec nodes.oci.sif sh -c 'head -c 1 /zero || echo refused; head -c 1 /disk || echo refused' 2>/dev/null)" "$who "$'refused\nrefused'
	done
}

@test "class C: the runtime's binary cannot be written or mounted writable (CVE-2019-5736)" {
	crun=$(command -v crun)
	before=$(stat -c '%s %Y %i' "$crun"; sha256sum <"$crun")
	cat >try.sh <<-'END'
		# The parent of this process, if it can be seen, and whatever is called like the runtime.
		for pid in 1 $PPID; do
			exe=/proc/$pid/exe
			(echo overwritten >$exe) 2>/dev/null && echo "wrote $exe"
			mount -o remount,rw,bind $exe 2>/dev/null && echo "remounted $exe"
		done
		for place in $(awk '/runtime|crun/ { print $5 }' /proc/self/mountinfo); do
			mount -o remount,rw,bind "$place" 2>/dev/null && echo "remounted $place"
		done
		cat /proc/*/comm | grep -c '^crun$\|^runtime$'
	END
	for who in $(everyone); do
		for option in --keep-privs "--add-caps sys_admin,sys_ptrace,dac_override" --no-privs; do
			# shellcheck disable=SC2086 # words
			is "$who $option $(singularity_as "$who" exec $option "$plain" sh -c "$(cat try.sh)")" "$who $option 0"
		done
	done
	is "$(stat -c '%s %Y %i' "$crun"; sha256sum <"$crun")" "$before"
	# An entry point that is a link to the process's own program starts that, and nothing of the host.
	make_image self --config '{"Entrypoint": ["/proc/self/exe"], "Cmd": ["--version"]}'
	for who in $(everyone); do
		split singularity_as "$who" run self.oci.sif
		is "$(stat -c '%s %Y %i' "$crun"; sha256sum <"$crun")" "$before"
	done
}

# spoiled OFFSET SIZE: bad.sif is the image with SIZE bytes of 0xff at OFFSET
spoiled()
{
	cp "$plain" bad.sif
	chmod u+w bad.sif
	head -c "$2" /dev/zero | tr '\0' '\377' | dd of=bad.sif bs=64K oflag=seek_bytes seek="$1" conv=notrunc status=none
	chmod 644 bad.sif
}

@test "class J: truncated images: one clear line, status 255, no hang" {
	size=$(stat -c %s "$plain")
	for part in 0 1 100 4000 32000 40000 $((size / 2)) $((size - 5000)) $((size - 1)); do
		head -c "$part" "$plain" >bad.sif
		split timeout 20 "${user_words[@]}" singularity exec bad.sif true
		[ "$status" -ne 124 ]
		is "$part $out" "$part "
		if [ "$status" -ne 0 ]; then
			is "$part $status $(echo "$err" | wc -l)" "$part 255 1"
			[[ $err == "FATAL:   "* ]]
		fi
	done
}

@test "class J: corrupt images: an error of ours, or EIO inside, never a hang" {
	read -r offset size < <(singularity sif list "$plain" | awk -F'|' '/FS|Squashfs|squashfs|OCI.Blob/ { gsub(/ /, "", $4); split($4, r, "-"); print r[1], r[2] - r[1] }' | sort -n -k2 | tail -n 1)
	[ "$size" -gt 100000 ]
	# The superblock, the start of the data, all of the tables at the end.
	for place in "$offset 96" "$((offset + 4)) 4" "$((offset + 32)) 64" "$((offset + 96)) 200000" "$((offset + size - 3000)) 3000" "$((offset + size - 20000)) 17000"; do
		# shellcheck disable=SC2086 # words
		spoiled $place
		split timeout 20 "${user_words[@]}" singularity exec bad.sif sh -c 'cat /data/big >/dev/null; ls -R / >/dev/null; true'
		echo "$place: $status $err" >&2
		[ "$status" -ne 124 ] && [ "$status" -lt 128 -o "$status" -eq 255 ]
		[ "$status" -ne 255 ] || [[ ${err##*$'\n'} == "FATAL:   "* ]]
		no_process bad.sif
	done
}

@test "class J: an image that shrinks while it runs" {
	cp "$plain" shrinks.sif
	chmod 666 shrinks.sif
	split timeout 20 "${user_words[@]}" singularity exec -B "$dir:/d" shrinks.sif sh -c 'echo >/d/shrinks.sif; cat /data/big | wc -c; /bin/busybox true; echo end'
	[ "$status" -ne 124 ]
	no_process shrinks.sif
}

@test "class J: a USER and a passwd file that are none" {
	evil lines $'file:etc/passwd:644:0:0:root:x:99999999999999:0:::\n:::::::\nx:x:-1:-1:::\nroot\n'"$(printf 'a%.0s' $(seq 5000))"$'\nme:x:0x10:0::/:/bin/sh\n'
	for who in $(everyone); do
		is "$(singularity_as "$who" exec lines.oci.sif echo ok)" ok
	done
	for spec in root:0 -1 4294967296 99999999999999999999 0x0 ' ' 'a b' ../../etc :; do
		make_image odd --config "{\"User\": \"$spec\"}"
		split singularity_as user exec odd.oci.sif id -u
		[ "$status" -eq 255 ] || [ "$out" != 0 ] || [ "$spec" = root:0 ] || [ "$spec" = : ] || [ "$spec" = ' ' ]
		rm -r odd.*
	done
}
