#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The process of a container: arguments, environment, exit status (oci-mode.md 11, lines 17, 59 to 62, 66, 219 to 235), and the images
# that can and cannot run (194 to 204).

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	make_image plain --config '{"Env": [], "Cmd": ["false"]}'
	make_image both --config '{"Env": ["PATH=/bin", "IMAGE=image", "LD_LIBRARY_PATH=/lib"], "Entrypoint": ["/bin/echo", "entry"], "Cmd": ["cmd", "two words"]}'
	make_image scif --config '{"Entrypoint": ["scif", "base"], "Cmd": ["cmd"]}' --file 'bin/scif=#!/bin/sh
echo "$@"'
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	both=$IMAGES/both.oci.sif
}

inside()
{
	singularity_as user exec "$@"
}

@test "arguments: 219" {
	for who in $(everyone); do
		is "$(singularity_as "$who" run "$both")" "entry cmd two words"
		is "$(singularity_as "$who" run "$both" my "own  words")" "entry my own  words"
		is "$(singularity_as "$who" exec "$both" echo 'a  b' "" c)" "a  b  c"
		is "$(echo 'echo $0 "$PS1"' | singularity_as "$who" shell "$both")" "/bin/sh Singularity> "
	done
}

@test "shell: bash where the image has it, else sh: 220" {
	make_image bash --file 'bin/bash=#!/bin/sh
echo "$0 $* $PS1"'
	is "$(singularity_as user shell bash.oci.sif)" "/bin/bash --norc Singularity> "
}

@test "apps: 222" {
	is "$(singularity_as user run --app one "$IMAGES/scif.oci.sif" x)" "run one base cmd x"
	is "$(singularity_as user exec --app one "$IMAGES/scif.oci.sif" x y)" "exec one base cmd x y"
	split singularity_as user run --app one "$both"
	is "$out" "run one entry cmd two words"
	has "$err" "WARNING: OCI mode: SCIF app requested (\"one\") but container entrypoint does not seem to be a scif executable"
}

@test "nothing to run: 17" {
	split singularity_as user exec "$plain"
	is "$status" 1
	make_image none --config '{"Cmd": [], "Entrypoint": []}'
	split singularity_as user run none.oci.sif
	[ "$status" -ne 0 ]
	[ -n "$err" ]
	split inside "$plain" /no/such/program
	[ "$status" -ne 0 ]
	has "$err" "/no/such/program"
	split inside "$plain" /etc/passwd
	[ "$status" -ne 0 ]
}

check_exits()
{
	for who in $(everyone); do
		for code in 0 1 134 255; do
			split singularity_as "$who" exec "$plain" sh -c "exit $code"
			is "$who $status" "$who $code"
		done
		split singularity_as "$who" run "$plain"
		is "$who $status" "$who 1"
		split singularity_as "$who" exec --no-pid "$plain" sh -c 'kill -KILL $$'
		is "$who $status" "$who 137"
		split singularity_as "$who" exec --no-pid "$plain" sh -c 'kill -ABRT $$'
		is "$who $status" "$who 134"
		is "$(echo hi | singularity_as "$who" exec "$plain" grep hi)" hi
	done
	status=0
	printf 'nosuchcommand\nexit\n' | singularity_as user shell "$plain" 2>/dev/null || status=$?
	is "$status" 127
	status=0
	echo bye | inside "$plain" grep hi || status=$?
	is "$status" 1
}

@test "exit status on crun: 59 to 62, 66" {
	check_exits
}

@test "exit status on runc: 59 to 62, 66" {
	use_runtime runc
	check_exits
}

@test "environment: 223 to 227, 229, 230, 232, 233" {
	export FOO=host TERM=vt100 https_proxy=p NO_PROXY=n SINGULARITYENV_WHO='$HOME' SINGULARITYENV_APPEND_PATH=/after \
		SINGULARITYENV_PREPEND_PATH=/before
	check_inside user --env 'MULTI=a,b' --env HOME=/x "$both" <<-'END'
		224 :: echo "$PATH" :: /before:/bin:/after
		225 :: echo "$LD_LIBRARY_PATH" :: /lib:/.singularity.d/libs
		226 :: echo "$SINGULARITY_NAME" | sed 's/.*both/both/' :: both.oci.sif
		227 :: echo "$HOME" :: @h
		229 :: echo "[$FOO] $TERM $https_proxy $NO_PROXY" :: [] vt100 p n
		232 :: echo "$WHO" :: $HOME
		233 :: echo "$MULTI" :: a,b
	END
	is "$(inside --env "MULTI=a"$'\n'"b" --env 'LD_LIBRARY_PATH=/foo,' "$plain" sh -c 'echo "$MULTI|$LD_LIBRARY_PATH"')" $'a\nb|/foo,:/.singularity.d/libs'
	is "$(SINGULARITYENV_PATH=/bin:/one inside "$plain" sh -c 'echo "$PATH"')" /before:/bin:/one:/after
	is "$(SINGULARITYENV_TERM=x inside "$plain" sh -c 'echo "$TERM"')" x
	is "$(inside --env IMAGE=mine "$both" sh -c 'echo "$IMAGE"')" mine
	is "$(IMAGE=host inside "$both" sh -c 'echo "$IMAGE"')" image
}

@test "environment in no-compat: 231, 232" {
	export FOO=host IMAGE=host SINGULARITYENV_WHO='$HOME'
	check_inside user --no-compat --env MINE=user "$both" <<-'END'
		231 :: echo "$FOO $IMAGE $MINE" :: host image user
		232 :: echo "$WHO" :: $HOME
	END
	is "$(FOO=host inside --no-compat --env FOO=user "$both" sh -c 'echo "$FOO"')" user
	is "$(inside --no-compat --cleanenv "$both" sh -c 'echo "$FOO"')" ""
}

@test "environment files: 234, 235" {
	export YOU=world
	printf 'HELLO="to $YOU"\nSECOND=$HELLO!\n' >vars
	is "$(inside --env-file vars "$plain" sh -c 'echo "$HELLO $SECOND"')" "to world to world!"
	: >empty
	is "$(inside --env-file empty "$plain" sh -c 'echo "$UID$EUID$GID"')" ""
	for line in 'A=$(touch probe)' 'touch probe' 'A=1 >probe'; do
		echo "$line" >vars
		fails_with user "vars" --env-file vars "$plain" true
		[ ! -e probe ]
	done
	fails_with user 'none' --env-file none "$plain" true
}

@test "the image: by path, relative, with a prefix, with colons in its name: 194" {
	cd "$IMAGES"
	is "$(inside plain.oci.sif echo ok)" ok
	is "$(inside "oci-sif:$plain" echo ok)" ok
	is "$(inside oci-sif:plain.oci.sif echo ok)" ok
	cp "$plain" "$dir/a:b.sif"
	is "$(inside "$dir/a:b.sif" echo ok)" ok
}

@test "what is no image, or none that can run: 196, 197" {
	require mksquashfs
	mksquashfs "$BATS_TEST_DIRNAME/testlib" x.sqfs -quiet -no-progress >/dev/null
	fails_with user "OCI mode cannot run bare squashfs images" x.sqfs true
	truncate -s 1M x.ext3
	PATH=$PATH:/sbin:/usr/sbin mkfs.ext3 -q x.ext3
	fails_with user "OCI mode cannot run bare ext3 images" x.ext3 true
	fails_with user "failed to retrieve path for none.sif" none.sif true
	: >none
	fails_with user "image format not recognized" none true
}

@test "an image without /proc, /sys, /dev, /etc and a shell: 202, 203" {
	require gcc
	printf '#include <unistd.h>\nint main(void) { return write(1, "hello\\n", 6) != 6; }\n' >hello.c
	gcc -static -o hello hello.c
	python3 - "$testlib" hello <<-'END' >hello.tar
		import sys
		sys.path.insert(0, sys.argv[1])
		import layouts
		sys.stdout.buffer.write(layouts.layer([("hello", "file", {"mode": 0o755, "data": open(sys.argv[2], "rb").read()})]))
	END
	make_image hello --no-busybox --layer hello.tar --config '{"Cmd": ["/hello"]}'
	for who in $(everyone); do
		is "$(singularity_as "$who" run hello.oci.sif 2>err)" hello
		has "$(cat err)" "WARNING: passwd file doesn't exist in container, not updating"
	done
	use_runtime runc
	is "$(singularity_as user run hello.oci.sif 2>/dev/null)" hello
}

@test "volumes and ports of an image: 204" {
	make_image ports --config '{"Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}}}'
	split inside ports.oci.sif echo ok
	is "$out" ok
	has "$err" "WARNING: Container specifies volume mounts, which are not supported by singularity."
	has "$err" "INFO:    Container specifies exposed ports."
	has "$err" "INFO:    Unless started with --net, singularity uses the host network namespace"
	split inside --net --network none ports.oci.sif echo ok
	lacks "$err" "exposed ports"
}
