#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What a container is like, for an ordinary user, for root and with --fakeroot, on crun and on runc. The first cell of each row
# of the tables is the number of the line in the reference's checklist (oci-mode.md 11) that it covers.

load testlib/helpers
load testlib/containers

setup_file()
{
	export IMAGES=$(mktemp -d /tmp/singularity-images.XXXXXX)
	chmod 755 "$IMAGES"
	"$BATS_TEST_DIRNAME/testlib/mkimage" "$IMAGES/layout" --config '{"Env": ["IMAGE=yes"], "Cmd": ["false"]}'
	SINGULARITY_CACHEDIR=$IMAGES "${SINGULARITY_CHECK_PREFIX:?}/bin/singularity" -q pull "$IMAGES/plain.sif" "oci:$IMAGES/layout:latest"
	chmod 644 "$IMAGES"/*.sif
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	runtime=crun
	plain=$IMAGES/plain.sif
}

look_at_plain_container()
{
	for who in $(everyone); do
		check_inside "$who" "$plain" <<-'END'
			31, 34 :: id -u :: @u :: 0
			31 :: id -g :: @g :: 0
			31 :: id -un :: @n :: root
			188 :: grep "^$(id -un):" /etc/passwd | cut -d: -f3,4,6 :: @u:@g:@h :: 0:0:/root
			189 :: tail -n 1 /etc/group :: @n:x:@g:@n :: root:x:0:root
			91, 92 :: grep ^CapBnd /proc/self/status | cut -f2 :: 00000020a80425fb
			91, 92 :: grep ^CapEff /proc/self/status | cut -f2 :: 0000000000000000 :: 00000020a80425fb
			91, 92 :: grep ^CapPrm /proc/self/status | cut -f2 :: 0000000000000000 :: 00000020a80425fb
			91, 92 :: grep ^CapInh /proc/self/status | cut -f2 :: 0000000000000000
			91, 92 :: grep ^CapAmb /proc/self/status | cut -f2 :: 0000000000000000
			89 :: grep NoNewPrivs /proc/self/status | cut -f2 :: 0
			85 :: grep Seccomp: /proc/self/status | cut -f2 :: 0
			90 :: umask :: 0022
			79 :: echo $$ :: 1
			75 :: touch /x && echo made :: made
			122, 133 :: pwd; echo "$HOME" :: @h @h :: /root /root
			122 :: touch "$HOME/f" && ls -A "$HOME" :: f
			122 :: stat -c %u:%g "$HOME" :: @u:@g :: 0:0
			102 :: awk '$2 == "/proc" { print $3, $4 }' /proc/mounts | cut -d, -f1-4 :: proc rw,nosuid,nodev,noexec
			105 :: awk '$2 == "/sys" { print $3, $4 }' /proc/mounts | cut -d, -f1-4 :: sysfs ro,nosuid,nodev,noexec
			108 :: awk '$2 == "/dev" { print $3 }' /proc/mounts :: tmpfs
			108 :: for n in null zero full random urandom tty; do [ -c /dev/$n ] || echo $n; done; for n in /dev/*; do [ ! -b $n ] || echo $n; done :: -
			108 :: echo x >/dev/null; head -c 1 /dev/zero | od -An -tx1 :: ~*00
			109 :: awk '$2 == "/dev/shm" { print $3, $4 }' /proc/mounts | cut -d, -f1-6 :: tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k
			109 :: stat -c %a /dev/shm; touch /dev/shm/f :: 1777
			110 :: awk '$2 == "/dev/mqueue" || $2 == "/dev/pts" { print $3 }' /proc/mounts | sort :: devpts mqueue
			110 :: awk '$2 == "/dev/pts" { print $4 }' /proc/mounts | grep -c gid= :: 0 :: 1 :: 0
			114, 115 :: awk '$2 == "/tmp" || $2 == "/var/tmp" { print $3, $4 }' /proc/mounts | cut -d, -f1-4 :: tmpfs rw,nosuid,relatime,size=65536k tmpfs rw,nosuid,relatime,size=65536k
			114 :: touch /tmp/f /var/tmp/f && ls /tmp/f /var/tmp/f :: /tmp/f /var/tmp/f
			223 :: echo "$PATH" :: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
			225 :: echo "$LD_LIBRARY_PATH" :: /.singularity.d/libs
			226 :: [ "$SINGULARITY_NAME" ] && basename "$SINGULARITY_NAME" :: plain.sif
			226 :: echo "$SINGULARITY_CONTAINER" :: ~*/oci-bundle[0-9]*
			192 :: ls /etc/hosts /etc/localtime 2>/dev/null :: -
			class D :: ls /proc/self/fd | sort -n | tr '\n' ' ' :: ~0 1 2 3*
		END
	done
}

@test "a plain container on crun" {
	look_at_plain_container
}

@test "a plain container on runc" {
	use_runtime runc
	look_at_plain_container
}

@test "a plain container on the current crun" {
	use_runtime crun-current
	look_at_plain_container
}

@test "a plain container on the current runc" {
	use_runtime runc-current
	look_at_plain_container
}
