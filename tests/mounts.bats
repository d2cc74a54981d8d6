#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What is mounted in a container: proc, sys, dev, tmp, home, binds, scratch, files under /etc (oci-mode.md 11, lines 74 to 76, 102 to
# 161, 184 to 193). Tables as in run.bats.

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	make_image plain --config '{"WorkingDir": ""}'
	make_image workdir --config '{"WorkingDir": "/var"}'
	"$testlib/mklayer" file:etc/.wh.passwd file:etc/.wh.group >"$IMAGES/nopasswd.tar"
	make_image nopasswd --layer "$IMAGES/nopasswd.tar"
	"$testlib/mklayer" file:var/.wh.tmp >"$IMAGES/vartmp1.tar"
	"$testlib/mklayer" link:var/tmp:777:0:0:/tmp >"$IMAGES/vartmp2.tar"
	make_image vartmp --layer "$IMAGES/vartmp1.tar" --layer "$IMAGES/vartmp2.tar"
	"$testlib/mklayer" file:etc/passwd:644:0:0:$'root:x:0:0:root:/root:/bin/sh\nwho:x:'"$user_uid:5::/nowhere:/bin/imageshell"$'\n' >"$IMAGES/shell.tar"
	make_image shell --layer "$IMAGES/shell.tar"
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	mkdir -m 777 a b
	echo a >a/file
	echo b >b/file
	chmod 666 a/file b/file
}

# inside ARGUMENTS...: exec as the ordinary user
inside()
{
	singularity_as user exec "$@"
}

# mounted WHERE [ARGUMENTS...]: type and options of what lies there, as the user sees it; nothing if there is no mount
mounted()
{
	local where=$1

	shift
	inside "$@" "$plain" awk -v "where=$where" '$2 == where { print $3, $4 }' /proc/self/mounts
}

@test "what is mounted can be left out: 103, 106, 111, 116, 128" {
	is "$(inside --no-mount proc "$plain" ls -A /proc)" ""
	is "$(inside --no-mount sys "$plain" ls -A /sys)" ""
	is "$(mounted /tmp --no-mount tmp)$(mounted /var/tmp --no-mount tmp)" ""
	for option in "--no-mount home" --no-home; do
		# shellcheck disable=SC2086 # words
		is "$(mounted "$user_home" $option)$(inside $option "$plain" sh -c 'echo "$HOME"')" "$user_home"
	done
	for what in dev devpts; do
		path=/dev; [ $what = dev ] || path=/dev/pts
		fails_with user "OCI-mode requires $path to be mounted, but '--no-mount $what' was requested" --no-mount $what "$plain" true
	done
}

@test "the directives that leave mounts out: 104, 106, 111, 116, 128" {
	use_conf 's/^mount (proc|sys|tmp|home) = .*/mount \1 = no/'
	for who in $(everyone); do
		check_inside "$who" "$plain" <<-'END'
			104 :: ls -A /proc :: -
			106 :: ls -A /sys :: -
			116 :: touch /tmp/f; echo "$HOME" :: @h :: /root
		END
	done
	use_conf 's/^mount dev = .*/mount dev = no/'
	fails_with user "OCI-mode requires /dev to be mounted, but 'mount dev = no' in singularity.conf" "$plain" true
	use_conf 's/^mount dev = .*/mount dev = yes/; s/^mount devpts = .*/mount devpts = no/'
	fails_with user "OCI-mode requires /dev/pts to be mounted, but 'mount devpts = no' in singularity.conf" "$plain" true
}

@test "sessiondir max size: 115" {
	use_conf 's/^sessiondir max size = .*/sessiondir max size = 16/'
	for where in /tmp /var/tmp "$user_home" /dev /dev/shm /s; do
		has "$(mounted "$where" --scratch /s)" size=16384k
	done
}

@test "dev: no-compat, minimal, --bind /dev: 112, 113, 151, 152" {
	is "$(inside --no-compat "$plain" sh -c 'ls -d /dev/fuse; touch /dev/shm/singularity-test; rm /dev/shm/singularity-test')" /dev/fuse
	is "$(inside --bind /dev "$plain" sh -c 'ls -d /dev/fuse; ls /dev/pts')" $'/dev/fuse\nptmx'
	is "$(inside --bind /dev/fuse "$plain" sh -c '[ -c /dev/fuse ] && echo yes')" yes
	fails_with user "host /dev may only be bound to /dev in container" --bind /dev:/x "$plain" true
	fails_with user "device bind source /dev/null must be the same as destination /x" --bind /dev/null:/x "$plain" true
	require_root
	use_conf 's/^mount dev = .*/mount dev = minimal/'
	is "$(inside --no-compat "$plain" ls /dev/fuse 2>/dev/null)" ""
	use_conf 's/^mount dev = .*/mount dev = yes/'
	use_runtime runc
	split inside --no-compat "$plain" sh -c '[ ! -e /dev/fuse ] && echo minimal'
	is "$out" minimal
	has "$err" "WARNING: Can only bind /dev when using 'crun' as OCI runtime. Currently using"
}

@test "no-compat: read-only root, the host's tmp, home, cwd and hosts file: 76, 119, 129, 130, 135, 137, 138, 192, 193" {
	touch /tmp/singularity-probe."$$"
	cd a
	check_inside user --no-compat "$plain" <<-END
		76 :: touch /x 2>/dev/null || echo refused :: refused
		119 :: ls /tmp/singularity-probe.$$ :: /tmp/singularity-probe.$$
		129 :: echo "\$HOME"; grep -c " \$HOME " /proc/self/mounts :: @h 1
		135, 137 :: pwd; cat file :: $dir/a a
		192 :: grep -c . /etc/hosts :: $(grep -c . /etc/hosts)
	END
	rm /tmp/singularity-probe."$$"
	is "$(inside --no-compat --writable-tmpfs "$plain" sh -c 'touch /x && echo made')" made
	is "$(inside --no-compat --no-mount bind-paths "$plain" ls /etc/hosts 2>/dev/null)" ""
	is "$(inside --no-compat --no-mount /etc/hosts "$plain" ls /etc/hosts 2>/dev/null)" ""
	is "$(inside --no-compat "$IMAGES/workdir.oci.sif" pwd)" "$dir/a"
	is "$(inside --no-compat --home /x "$plain" sh -c 'echo "$HOME"; grep -c " /x " /proc/self/mounts')" $'/x\n1'
	is "$(singularity_as fakeroot exec --no-compat "$plain" sh -c 'echo "$HOME"; grep -c " /root " /proc/self/mounts')" $'/root\n1'
}

@test "/var/tmp that is a link to /tmp: 120, 121" {
	image=$IMAGES/vartmp.oci.sif
	as_user mkdir w
	is "$(inside "$image" sh -c 'echo x >/var/tmp/f; cat /tmp/f')" x
	is "$(inside --workdir w "$image" sh -c 'echo x >/var/tmp/f; cat /tmp/f')" x
	[ -e w/tmp/f ]
	is "$(inside --no-compat "$image" sh -c 'ls -d "$1"' sh "$dir")" "$dir"
	is "$(inside -B "$dir/a:/tmp" -B "$dir/b:/var/tmp" "$image" cat /var/tmp/file)" b
}

@test "workdir: 117, 118, 160, 161" {
	as_user mkdir w
	is "$(inside --workdir "$dir/w" --scratch /s "$plain" sh -c 'touch /tmp/1 /var/tmp/2 /s/3; stat -c %a /tmp /var/tmp')" $'1777\n1777'
	is "$(cd w; echo */* scratch/*/*)" "scratch/s tmp/1 var_tmp/2 scratch/s/3"
	cd w
	is "$(inside --workdir . "$plain" ls /tmp)" 1
	fails_with user "/none/tmp" --workdir /none "$plain" true
	# Links in the work directory lead nowhere.
	rm -r tmp
	ln -s "$dir/a" tmp
	fails_with user "tmp" --workdir . "$plain" true
}

@test "home: 122 to 127, 131 to 134" {
	is "$(HOME=/elsewhere inside "$plain" sh -c 'echo "$HOME"; pwd')" "$user_home"$'\n'"$user_home"
	check_inside user --home /x "$plain" <<-'END'
		124 :: echo "$HOME"; pwd; touch f; stat -c %u /x :: /x /x @u
		132 :: grep "^@n:" /etc/passwd | cut -d: -f6; grep ^root: /etc/passwd :: /x root:x:0:0:root:/root:/bin/sh
	END
	check_inside user --home "$dir/a:/y" "$plain" <<-'END'
		125 :: echo "$HOME"; cat file :: /y a
	END
	SINGULARITY_HOME=$dir/a:/y check_inside user "$plain" <<-'END'
		127 :: echo "$HOME"; cat file :: /y a
	END
	is "$(inside "$IMAGES/workdir.oci.sif" pwd)" /var
	is "$(singularity_as fakeroot exec "$IMAGES/workdir.oci.sif" pwd)" /var
	fails_with user "home argument has incorrect number of elements: [a b c]" --home a:b:c "$plain" true
	make_image u --config '{"User": "0"}'
	fails_with user "a custom --home is not currently supported when running containers that declare a USER" --home /x u.oci.sif true
	fails_with fakeroot "a custom --home is not currently supported when running containers that declare a USER" --home /x u.oci.sif true
}

@test "binds: files, directories, nesting, options of the mount: 32, 33, 139 to 142, 147 to 150, 159" {
	for who in $(everyone); do
		check_inside "$who" -B "$dir/a/file:/canary/file,$dir/a:/canary/dir,$dir/b:/canary/dir/deep,$dir/a:/tmp,$dir/b:/var/tmp,$dir/a:/ro:ro" \
			-B /sys:/mnt/sys --scratch /s -B "$dir/b:/s/below" "$plain" <<-'END'
			139 :: cat /canary/file /canary/dir/file :: a a
			148 :: cat /canary/dir/deep/file :: b
			147 :: cat /tmp/file /var/tmp/file :: a b
			159 :: cat /s/below/file; touch /s/f :: b
			142 :: echo x 2>/dev/null >/ro/new || echo refused :: refused
			150 :: awk '$2 == "/mnt/sys" { print $4 }' /proc/self/mounts | tr , '\n' | grep -c '^noexec$\|^nosuid$\|^nodev$' :: 3
			32, 33 :: f=$(mktemp /canary/dir/made.XXXXXX); stat -c %u $f :: @u :: 0 :: 0
		END
	done
	is "$(find a -name 'made.*' -user "$user" -group "$user_gid" | wc -l)" 2
	[ -d a/deep ]
}

# The crun of Debian 12 leaves the flags of a bind out where the container has a user namespace of its own.
look_at_flags()
{
	local flags="awk '\$2 == \"/x\" || \$2 == \"/s\" { print \$4 }' /proc/self/mounts | cut -d, -f1-3"

	for who; do
		check_inside "$who" -B "$dir/a:/x" --scratch /s "$plain" <<-END
			149 :: $flags :: rw,nosuid,nodev rw,nosuid,nodev
		END
		check_inside "$who" --allow-setuid -B "$dir/a:/x" --scratch /s "$plain" <<-END
			149 :: $flags :: ~rw,nodev,* rw,nodev,*
			149 :: awk '\$2 ~ "^/(proc|sys|dev/shm)\$" { print \$4 }' /proc/self/mounts | grep -c nosuid :: 3
		END
	done
}

@test "flags of binds: 149" {
	require_root
	look_at_flags root fakeroot
	use_runtime runc
	look_at_flags user root
	rm -r runtimes own.conf
	use_runtime crun-current
	look_at_flags user root
}

@test "files made with --fakeroot belong to the user on the host: 33" {
	singularity_as fakeroot exec -B "$dir/a:/x" "$plain" touch /x/new
	is "$(stat -c %u:%g a/new)" "$user_uid:$user_gid"
}

@test "bind and mount: bad words: 140, 141, 144, 145, 155" {
	while IFS='|' read -r option value text; do
		fails_with user "$text" "$option" "$value" "$plain" true
	done <<-END
		--bind|/no/such|cannot stat bind source /no/such
		--bind|$dir/a/file:relative|must be an absolute path
		--bind|/opt:/x:bad|bad is not a valid bind option
		--bind|/opt:/x:rw:bad|wrong bind syntax
		--mount|type=tmpfs,source=/opt,destination=/x|unsupported mount type "tmpfs", only 'bind' is supported
		--mount|type=bind,source=/opt,destination=/x,bind-propagation=shared|bind-propagation not supported for individual mounts
		--mount|type=bind,source=/opt,destination=/x,rw|invalid key "rw" in mount specification
		--mount|type=bind,source=,destination=/x|mount source cannot be empty
		--mount|type=bind,source=/opt,destination=|mount destination cannot be empty
		--mount|type=bind,source=/opt|mounts must specify a source and a destination
	END
}

@test "bind and mount: lists and quotes: 143, 146, 153, 154, 156, 157" {
	mkdir 'b,c "d"'
	echo quoted >'b,c "d"/file'
	export SINGULARITY_BIND=$dir/b:/env
	export SINGULARITY_MOUNT="source=$dir/a,dst=/m1"$'\n'"type=bind,src=$dir/b,target=/m2,readonly"
	check_inside user -B "$dir/a,$dir/a:/c:ro,$dir/b" --mount "type=bind,source=$dir/a,destination=/d,ro" \
		--mount "type=bind,\"source=$dir/b,c \"\"d\"\"\",destination=/q" "$plain" <<-END
		143 :: cat $dir/a/file /c/file $dir/b/file :: a a b
		143 :: for f in $dir/a /c $dir/b /d /m1 /m2; do touch \$f/new 2>/dev/null && echo \$f; done :: $dir/a $dir/b /m1
		146 :: cat /env/file :: b
		153, 156 :: cat /d/file /q/file :: a quoted
		157 :: cat /m1/file /m2/file :: a b
	END
}

@test "user bind control = no: 158" {
	use_conf 's/^user bind control = .*/user bind control = no/'
	split inside -B "$dir/a:/x" "$plain" ls /x
	[ "$status" -ne 0 ]
	has "$err" "WARNING: Ignoring bind mount request(s): user bind control disabled by system administrator"
}

@test "containlibs: 174, 175" {
	is "$(inside --containlibs "$dir/a/file" "$plain" sh -c 'cat /.singularity.d/libs/file; echo x 2>/dev/null >/.singularity.d/libs/file || echo refused')" $'a\nrefused'
	fails_with user "cannot stat bind source /no/lib" --containlibs /no/lib "$plain" true
}

@test "resolv.conf: 184 to 186" {
	is "$(inside --dns '8.8.8.8, 8.8.4.4' "$plain" cat /etc/resolv.conf)" $'nameserver 8.8.8.8\nnameserver 8.8.4.4'
	is "$(inside "$plain" cat /etc/resolv.conf)" "$(cat /etc/resolv.conf)"
	fails_with user "DNS nameserver nonsense is not a valid IP address" --dns nonsense "$plain" true
	is "$(inside --no-mount /etc/resolv.conf "$plain" ls /etc/resolv.conf 2>/dev/null)" ""
	use_conf 's/^config (resolv_conf|passwd|group) = .*/config \1 = no/'
	check_inside user "$plain" <<-'END'
		186, 187 :: cut -d: -f1 /etc/passwd /etc/group; ls /etc/resolv.conf 2>/dev/null :: root root
	END
}

@test "passwd and group: 188, 190" {
	is "$(inside "$IMAGES/shell.oci.sif" sed -n 2p /etc/passwd)" "$user:x:$user_uid:$user_gid:$(getent passwd "$user" | cut -d: -f5):$user_home:/bin/imageshell"
	split inside "$IMAGES/nopasswd.oci.sif" echo ok
	is "$out" ok
	has "$err" "WARNING: passwd file doesn't exist in container, not updating"
	has "$err" "WARNING: group file doesn't exist in container, not updating"
}

@test "writing goes to the run's own layer and is gone afterwards: 75" {
	inside "$plain" sh -c 'touch /x && rm /bin/awk && mv /bin/cat /bin/cat2 && mkdir /made && touch /made/f && ls -A /made'
	! directories_can_go || inside "$plain" sh -c 'rm -r /root && mkdir /root && touch /root/f && ls -A /root'
	is "$(inside "$plain" sh -c 'ls /bin/awk /bin/cat; ls /x /made /root/f /bin/cat2 2>/dev/null || true')" $'/bin/awk\n/bin/cat'
}
