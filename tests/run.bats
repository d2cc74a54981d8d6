#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What a container is like, for an ordinary user, for root and with --fakeroot, on crun and on runc. The first cell of each row
# of the tables is the number of the line in the reference's checklist (oci-mode.md 11) that it covers.

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	"$testlib/mklayer" dir:etc file:etc/passwd:644:0:0:$'root:x:0:0:root:/root:/bin/sh\ntestuser:x:2000:2001:Test:/home/testuser:/bin/sh\n' \
		file:etc/group:644:0:0:$'root:x:0:\nstaff:x:2001:\nstaff2:x:2002:testuser\n' \
		dir:home dir:home/testuser:755:2000:2001 file:home/testuser/own:600:2000:2001:own >"$IMAGES/user.tar"
	make_image plain --config '{"Env": ["IMAGE=yes"], "Cmd": ["false"]}'
	make_image user --config '{"User": "testuser"}' --layer "$IMAGES/user.tar"
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	user_image=$IMAGES/user.oci.sif
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
			226 :: [ "$SINGULARITY_NAME" ] && basename "$SINGULARITY_NAME" :: plain.oci.sif
			226 :: echo "$SINGULARITY_CONTAINER" :: ~*/oci-bundle[0-9]*
			192 :: ls /etc/hosts /etc/localtime 2>/dev/null :: -
			40, 45 :: awk '{ print $1, $2, $3 }' /proc/self/uid_map | head -n 3 :: ~0 1 @u @u 0 1 * :: ~0 0 * :: ~0 @u 1 1 *
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

# Things that both runtimes do in their own way.
look_at_user_container()
{
	for who in $(everyone); do
		check_inside "$who" "$user_image" <<-'END'
			35, 36 :: id -u; id -g; id -un; id -gn :: 2000 2001 testuser staff :: 2000 2001 testuser staff :: 0 0 root root
			42 :: id -G :: 2001 :: 2001 :: 0
			37 :: stat -c %u:%g /home/testuser/own /home/testuser /bin :: 2000:2001 2000:2001 @u:@g :: 2000:2001 2000:2001 0:0
			37 :: cat /home/testuser/own; echo more >>/home/testuser/own; touch /home/testuser/new; ls /home/testuser :: ownnew own
			228 :: echo "$HOME" :: /home/testuser :: /home/testuser :: /root
			191 :: cut -d: -f1 /etc/passwd /etc/group :: root testuser root staff staff2
			191 :: grep -c . /etc/resolv.conf :: ~[1-9]*
		END
	done
}

@test "an image with a USER on crun" {
	look_at_user_container
}

@test "an image with a USER on runc" {
	use_runtime runc
	look_at_user_container
}

# Numbers that the image does not know are fine, as with Docker.
@test "USER in every form: 38" {
	while IFS=' ' read -r form ids; do
		make_image u --config "{\"User\": \"$form\"}" --layer "$IMAGES/user.tar"
		for who in $(everyone); do
			[ "$who" != fakeroot ] || ids="0:0"
			is "$form $who $(singularity_as "$who" exec u.oci.sif sh -c 'echo "$(id -u):$(id -g)"')" "$form $who $ids"
		done
		rm -rf u.*
	done <<-END
		2000 2000:2001
		2000:2002 2000:2002
		testuser:2002 2000:2002
		testuser:staff2 2000:2002
		4242 4242:0
		4242:4243 4242:4243
		0:staff 0:2001
	END
}

@test "USER that does not exist, or that no id can be had for" {
	make_image u --config '{"User": "nobodyhere"}' --layer "$IMAGES/user.tar"
	fails_with user "user: unknown user nobodyhere" u.oci.sif true
	is "$(singularity_as fakeroot exec u.oci.sif id -u)" 0
	make_image g --config '{"User": "testuser:nogroup"}' --layer "$IMAGES/user.tar"
	fails_with user "group: unknown group nogroup" g.oci.sif true
	make_image big --config '{"User": "2000000000"}' --layer "$IMAGES/user.tar"
	fails_with user "beyond your subordinate ids" big.oci.sif true
	has "$err" "--fakeroot"
}

@test "USER root needs no second user namespace: 39" {
	make_image u --config '{"User": "root"}' --layer "$IMAGES/user.tar"
	check_inside user u.oci.sif <<-'END'
		39 :: id -u; cut -c1-30 /proc/self/uid_map | awk '{ print $1, $2 }' :: ~0 0 @u 1 *
		39 :: stat -c %u /home/testuser :: 2000
		228 :: echo "$HOME" :: /root
	END
}

@test "capabilities: 93 to 99, 101" {
	caps='for s in Inh Prm Eff Bnd Amb; do grep ^Cap$s /proc/self/status | cut -f2 | sed "s/^0*\([0-9a-f]\)/\1/"; done'
	full=$(printf %x $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))
	while IFS=: read -r options user_caps root_caps; do
		case $options in ''|'#'*) continue ;; esac
		for who in $(everyone); do
			[ "$who" = user ] && wanted=$user_caps || wanted=$root_caps
			# What --keep-privs keeps of root is what this root has.
			[ "$who" = root ] && wanted=${wanted//$full/$(sed -n 's/^CapEff:\t0*//p' /proc/self/status)}
			# shellcheck disable=SC2086 # words
			is "$who $options: $(echo $(singularity_as "$who" exec $options "$plain" sh -c "$caps"))" "$who $options: $wanted"
		done
	done <<-END
		--no-privs:0 0 0 0 0:0 0 0 0 0
		--keep-privs:0 0 0 $full 0:0 $full $full $full 0
		--drop-caps CAP_CHOWN:0 0 0 20a80425fa 0:0 20a80425fa 20a80425fa 20a80425fa 0
		--add-caps CAP_SYS_ADMIN:200000 200000 200000 20a82425fb 200000:0 20a82425fb 20a82425fb 20a82425fb 0
		--add-caps sys_admin:200000 200000 200000 20a82425fb 200000:0 20a82425fb 20a82425fb 20a82425fb 0
		--add-caps sys_admin --drop-caps sys_admin:0 0 0 20a80425fb 0:0 20a80425fb 20a80425fb 20a80425fb 0
		--no-privs --keep-privs:0 0 0 0 0:0 0 0 0 0
	END
	is "$(singularity_as user exec --no-privs "$plain" grep NoNewPrivs /proc/self/status)" $'NoNewPrivs:\t1'
}

@test "namespaces: 8, 77 to 80" {
	look='for n in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$n; done'
	differs()
	{
		local who=$1

		shift
		singularity_as "$who" exec "$@" "$plain" sh -c "$look" >inside
		diff inside <(sh -c "$look") | sed -n 's/^< \([a-z]*\):.*/\1/p' | paste -sd' '
	}
	# Where the cgroups are not version 2 alone, the runtime is asked for no cgroup namespace.
	is "$(differs user | sed 's/^cgroup //')" "ipc mnt pid user"
	is "$(differs user --uts | sed 's/^cgroup //')" "ipc mnt pid user uts"
	is "$(differs user --net --network none | sed 's/^cgroup //')" "ipc mnt net pid user"
	is "$(differs user --no-pid | sed 's/^cgroup //')" "ipc mnt user"
	[ "$(id -u)" -eq 0 ] || return 0
	is "$(differs root | sed 's/^cgroup //')" "ipc mnt pid"
	is "$(differs root --userns | sed 's/^cgroup //')" "ipc mnt pid user"
	is "$(differs root --no-pid | sed 's/^cgroup //')" "ipc mnt"
}

@test "limits of the caller and its supplementary groups: 12, 43, 86" {
	[ "$(singularity_as user exec "$plain" sh -c 'ulimit -Sn; ulimit -Hn; ulimit -Ss')" = "$(bash -c 'ulimit -Sn; ulimit -Hn; ulimit -Ss')" ]
	is "$(ulimit -Sn 345; singularity_as user exec "$plain" sh -c 'ulimit -Sn')" 345
	require_root
	is "$(singularity_as user exec "$plain" id -G)" "$user_gid"
	user_words=(setpriv "--reuid=$user" "--regid=$user" --groups 54321 --inh-caps=-all -- env "HOME=$user_home")
	is "$(singularity_as user exec --no-setgroups "$plain" id -G)" "$user_gid 65534"
	use_runtime runc
	fails_with user "does not support --no-setgroups" --no-setgroups "$plain" true
}

@test "umask: 90" {
	umask 0027
	is "$(singularity_as user exec "$plain" sh -c umask)" 0022
	is "$(singularity_as user exec --no-compat "$plain" sh -c umask)" 0027
	is "$(singularity_as user exec --no-compat --no-umask "$plain" sh -c umask)" 0022
}

@test "the caller sees nothing of a run: 9, 68, 69" {
	before=$(cat /proc/self/mountinfo)
	singularity_as user exec "$plain" cat /proc/self/mountinfo >inside
	is "$(cat /proc/self/mountinfo)" "$before"
	has "$(cat inside)" " - overlay "
	session=$(singularity buildcfg SESSIONDIR)
	[ -d "$session" ]
	is "$(ls -A "$session")" ""
	no_process "$plain"
}

@test "the program is unpacked before the runtime starts it" {
	SINGULARITY_DEBUG=1 split singularity_as user exec "$plain" true
	is "$status" 0
	[[ $err =~ "ahead "([0-9]+),\ "stores "([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -gt 0 ]
	[ "${BASH_REMATCH[2]}" -gt 0 ]
}
