#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Hosts that lack something: containers run all the same, or one line says what to do. Each test changes its own mount namespace or
# user namespace and nothing of the machine (oci-mode.md 11, lines 15, 19 to 21, 24, 27 to 29, 47, 48).

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	make_image plain
	"$testlib/mklayer" file:etc/.wh.passwd >"$IMAGES/nopasswd.tar"
	make_image nopasswd --layer "$IMAGES/nopasswd.tar"
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	session=$(singularity buildcfg SESSIONDIR)
	# A /dev of the test's own, without /dev/fuse.
	own_dev='mount -t tmpfs none /dev
		for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do set -- $node "$@"; mknod -m 666 /dev/$1 c $2 $3; shift 3; done'
}

# exec_as WHO ARGUMENTS...: the words of a command, in $exec_words, for on_host
exec_as()
{
	exec_words=(singularity exec "${@:2}")
	[ "$1" != user ] || exec_words=("${user_words[@]}" "${exec_words[@]}")
}

# runs_on WHO SCRIPT: a container runs where SCRIPT has changed the host, and nothing is said
runs_on()
{
	exec_as "$1" "$plain" echo ok
	split on_host "$2" "${exec_words[@]}"
	[ "$status$out$err" = 0ok ] || { echo "$runtime, $1 ($2): $status, $out, $err"; return 1; }
}

# refused_on WHO SCRIPT TEXT: one line that is FATAL and says TEXT
refused_on()
{
	exec_as "$1" "$plain" echo ok
	split on_host "$2" "${exec_words[@]}"
	is "$status$out" 255
	is "$(echo "$err" | wc -l)" 1
	[[ $err == "FATAL:   "*"$3"* ]] || { echo "$1 ($2): wanted $3, got $err"; return 1; }
}

on_all_cgroups()
{
	local own=true

	[ "$runtime" = crun ] || own="mount --bind '$dir/own.conf' '$conf'"
	for who in user root; do
		runs_on "$who" "$own"
		# No cgroup2 at all: version 1.
		runs_on "$who" "$own; umount /sys/fs/cgroup/unified 2>/dev/null || true"
		# Nothing but cgroup2.
		runs_on "$who" "$own; umount -R -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
	done
}

@test "cgroups of version 1, of version 2 and of both, on crun" {
	require_root
	on_all_cgroups
}

@test "cgroups of version 1, of version 2 and of both, on runc" {
	require_root
	use_runtime runc
	on_all_cgroups
}

@test "no XDG_RUNTIME_DIR, HOME or USER" {
	is "$(as_user env -i "$(command -v singularity)" exec "$plain" sh -c 'echo "$HOME"; id -un')" "$user_home"$'\n'"$user"
	is "$(as_user env -i XDG_RUNTIME_DIR=/nowhere "$(command -v singularity)" exec "$plain" echo ok)" ok
}

@test "a caller whom no passwd file knows, and who has no subordinate ids" {
	require_root
	split setpriv --reuid=7654321 --regid=7654321 --clear-groups -- env -i "$(command -v singularity)" exec "$plain" sh -c 'id -u; id -g; pwd; touch /new && echo made'
	is "$out" $'7654321\n7654321\n/\nmade'
	is "$(echo "$err" | wc -l)" 1
	has "$err" "WARNING: No subordinate ids for 7654321: only your own id exists in the container."
	split setpriv --reuid=7654321 --regid=7654321 --clear-groups -- env -i HOME=/nowhere "$(command -v singularity)" exec --fakeroot "$plain" sh -c 'id -u; echo "$HOME"'
	is "$out" $'0\n/root'
}

@test "standard streams that are closed: 15" {
	for who in $(everyone); do
		exec_as "${who/fakeroot/user}" "$plain" sh -c 'ls /proc/self/fd >/tmp/fds; cat /tmp/fds >&2; echo out'
		is "$("${exec_words[@]}" 0<&- 2>err)" out
		is "$(head -n 3 err | paste -sd' ')" "0 1 2"
		"${exec_words[@]}" 1>&- 2>err
		is "$(head -n 3 err | paste -sd' ')" "0 1 2"
		is "$("${exec_words[@]}" 2>&-)" out
		"${exec_words[@]}" 0<&- 1>&- 2>&-
	done
}

@test "no subordinate ids: one warning, a single id: 19, 20" {
	require_root
	for file in subuid subgid; do
		exec_as user "$plain" sh -c 'id -u; touch /bin/new && echo made; cat /proc/self/uid_map | wc -l'
		split on_host "mount --bind /dev/null /etc/$file" "${exec_words[@]}"
		is "$out" "$user_uid"$'\nmade\n1'
		is "$(echo "$err" | wc -l)" 1
		has "$err" "WARNING: No subordinate ids for $user: only your own id exists in the container."
		has "$err" "/etc/subuid and /etc/subgid"
	done
}

@test "subordinate ids of the site's directory, through libsubid: 24" {
	require_root
	find_built libsubid_site.so
	ldconfig -p | grep -q libsubid || skip "libsubid is not installed"
	# newuidmap asks too, and takes libraries from the system's directories alone.
	libraries=$(dirname "$(ldconfig -p | sed -n 's/.*libsubid.*=> //p' | head -1)")
	mkdir plugin
	cp "$built" plugin/
	echo "subid: site" >nsswitch.conf
	exec_as user --fakeroot "$plain" cat /proc/self/uid_map /proc/self/gid_map
	split on_host "mount -t overlay -o 'lowerdir=$dir/plugin:$libraries' none '$libraries'
		mount --bind '$dir/nsswitch.conf' /etc/nsswitch.conf" "${exec_words[@]}"
	is "$err" ""
	is "$(tr -s ' ' <<<"$out")" " 0 $user_uid 1"$'\n'" 1 300000 70000"$'\n'" 0 $user_gid 1"$'\n'" 1 400000 70000"
}

@test "no newuidmap, or one that may not: 27, 29" {
	require_root
	mkdir only
	ln -s "$(command -v crun)" only/crun
	sed -E "s|^user search path = .*|user search path = $dir/only|" "$conf" >only.conf
	exec_as user "$plain" id -u
	split on_host "mount --bind '$dir/only.conf' '$conf'" "${exec_words[@]}"
	is "$status$out" "0$user_uid"
	is "$err" "WARNING: newuidmap and newgidmap were not found: only your own id exists in the container. For all ids, ask the administrator to install them (Debian's package uidmap)."
	cp "$(command -v newuidmap)" newuidmap
	chmod 755 newuidmap
	split on_host "mount --bind '$dir/newuidmap' '$(command -v newuidmap)'" "${exec_words[@]}"
	is "$status$out" 255
	has "$err" "FATAL:   'newuidmap' execution failed. Check that 'newuidmap' is setuid root, or has required capabilities."
}

@test "/dev/fuse: missing, closed, without a driver" {
	require_root
	for who in user root; do
		refused_on "$who" "$own_dev" "open /dev/fuse: no such file or directory: images are served through FUSE: load the fuse module"
		refused_on "$who" "$own_dev; mknod -m 666 /dev/fuse c 10 254" "open /dev/fuse: no such device: images are served through FUSE"
	done
	refused_on user "$own_dev; mknod -m 600 /dev/fuse c 10 229" "open /dev/fuse: permission denied: images are served through FUSE: load the fuse module, and let users open /dev/fuse"
}

@test "neither crun nor runc: 47, 48" {
	require_root
	sed -E 's|^(root\|user) search path = .*|\1 search path = /nonsense|' "$conf" >none.conf
	for who in user root; do
		refused_on "$who" "mount --bind '$dir/none.conf' '$conf'" "executable file not found in \$PATH: install crun (or runc)"
	done
}

@test "no user namespaces" {
	require_root
	split "$testlib/userns" --no-more "$user_uid" singularity exec "$plain" true
	is "$status$out" 255
	is "$err" "FATAL:   Failed to create container process: no space left on device: this host has no user namespaces left: ask for a higher sysctl user.max_user_namespaces"
}

@test "inside a user namespace: as its root and as its user" {
	require_root
	is "$("$testlib/userns" 0 singularity exec "$plain" sh -c 'id -u; touch /new && echo made')" $'0\nmade'
	is "$("$testlib/userns" "$user_uid" singularity exec "$plain" sh -c 'id -u; touch /new && echo made')" "$user_uid"$'\nmade'
	# One with a single id has no group for terminals.
	is "$(as_user unshare -Ur singularity exec "$plain" sh -c 'id -u; touch /new && echo made')" $'0\nmade'
}

@test "/proc that is partly covered: the container shares the host's processes" {
	require_root
	for cover in 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys' 'mount -t tmpfs none /proc/fs' 'mount --bind /dev/null /proc/interrupts'; do
		exec_as user "$IMAGES/nopasswd.oci.sif" sh -c 'ls -d /proc/$$ && [ "$$" -ne 1 ] && exit 7'
		split on_host "$cover" "${exec_words[@]}"
		is "$status" 7
		is "$(echo "$err" | sort | cut -d: -f1,2)" $'WARNING: This host lets nobody mount a new /proc, because parts of its own are covered\nWARNING: passwd file doesn\'t exist in container, not updating'
		[[ $out == /proc/[0-9]* ]]
		runs_on root "$cover"
	done
}

@test "/proc that is partly covered: whatever is killed, nothing is left" {
	require_root
	on_host 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys' \
		"${user_words[@]}" "$testlib/kill-rounds" 6 singularity exec "$plain" sleep 100
}

@test "no session directory, or one that the user cannot reach" {
	require_root
	refused_on user "mount -t tmpfs -o mode=755 none '${session%/*}'" "no such file or directory: make the directory $session"
	refused_on root "mount -t tmpfs -o mode=755 none '${session%/*}'" "no such file or directory: make the directory $session"
	refused_on user "mount -t tmpfs -o mode=700 none '${session%/*}'" "permission denied: let everybody enter the directory $session"
}

@test "no resolv.conf, a read-only host, a TMPDIR that is of no use" {
	require_root
	cp -a /etc etc
	rm -f etc/resolv.conf
	refused_on user "mount --bind '$dir/etc' /etc" "could not read host's resolv.conf file: open /etc/resolv.conf: no such file or directory: name servers with --dns"
	runs_on user 'mount -o remount,bind,ro /'
	runs_on user 'export TMPDIR=/nonexistent'
}
