#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Signals, terminals, descriptors and the death of processes (oci-mode.md 11, lines 13, 63 to 73; class D of attacks: leaked
# descriptors).

load testlib/helpers
load testlib/containers

setup_file()
{
	local dir

	share_images
	make_image plain
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	plain=$IMAGES/plain.oci.sif
	catcher='for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT; do trap "echo $s" $s; done; echo ready; for i in $(seq 100); do sleep 0.05; done'
}

# wait_for FILE TEXT: until it is there, at most 5 seconds
wait_for()
{
	for _ in $(seq 250); do
		! grep -q "$2" "$1" 2>/dev/null || return 0
		sleep 0.02
	done
	echo "no $2 in $1: $(cat "$1")"
	return 1
}

# Each signal comes through once, to the same process id that was started, and TERM ends what does not catch it.
send_signals()
{
	for who in $(everyone); do
		words_as "$who" exec "$@" "$plain" sh -c "$catcher"
		"${words[@]}" >caught 2>&1 3>&- &
		pid=$!
		wait_for caught ready
		for signal in HUP INT QUIT USR1 USR2 TERM; do
			kill "-$signal" "$pid"
			wait_for caught "^$signal\$"
		done
		sleep 0.1
		is "$who $(paste -sd' ' caught)" "$who ready HUP INT QUIT USR1 USR2 TERM"
		kill -KILL "$pid"
		wait "$pid" || true
	done
	no_process "$plain"
}

@test "signals reach the container once, on crun: 13, 63, 64" {
	send_signals
	send_signals --no-pid
}

@test "signals reach the container once, on runc: 13, 63, 64" {
	use_runtime runc
	send_signals
}

@test "TERM ends a container that does not handle it, and one that starts" {
	for delay in 0 0.005 0.01 0.02 0.03 0.05 0.3; do
		words_as user exec --no-pid "$plain" sleep 100
		"${words[@]}" 3>&- &
		pid=$!
		sleep "$delay"
		kill -TERM "$pid"
		status=0
		wait "$pid" || status=$?
		is "$delay $status" "$delay 143"
	done
	no_process "$plain"
}

@test "Ctrl-C and Ctrl-backslash on a terminal reach the container once" {
	split "$testlib/on-terminal" 33 99 '\x03' "${user_words[@]}" singularity exec "$plain" sh -c 'trap "echo caught" INT; echo press; sleep 1; echo end'
	is "$(grep -c caught .out)" 1
	has "$out" end
	is "$status" 0
	split "$testlib/on-terminal" 33 99 '\x03' "${user_words[@]}" singularity exec "$plain" sh -c 'echo press; sleep 5; echo end'
	lacks "$out" end
}

@test "a new terminal has the size of the caller's from the start: 65" {
	for who in $(everyone); do
		words_as "$who" exec "$plain" sh -c 'stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all'
		split "$testlib/on-terminal" 33 99 '' "${words[@]}"
		is "$who $(paste -sd' ' .out)" "$who 33 99 /dev/pts/0 all"
	done
	is "$(singularity_as user exec "$plain" sh -c '[ -t 0 ] || echo none' </dev/null)" none
}

@test "redirections with a terminal on stdin keep the streams apart: 67" {
	split "$testlib/on-terminal" 33 99 '' "${user_words[@]}" sh -c "singularity exec $plain sh -c 'echo out; echo err >&2' >file 2>errors; cat file; echo --; cat errors"
	is "$out" $'out\n--\nerr'
	split "$testlib/on-terminal" 33 99 '' "${user_words[@]}" sh -c "singularity exec $plain sh -c 'echo out; echo err >&2' 2>errors | tr a-z A-Z; echo --; cat errors"
	is "$out" $'OUT\n--\nerr'
	split "$testlib/on-terminal" 33 99 '' "${user_words[@]}" sh -c "echo input | singularity exec $plain cat"
	is "$out" input
}

@test "the terminal is usable after the container was killed" {
	split "$testlib/on-terminal" 33 99 '' "${user_words[@]}" bash -c "before=\$(stty -g); (sleep 0.5; kill -9 \$(pgrep -n -x -u $user crun)) & singularity exec $plain sleep 5; wait; [ \"\$(stty -g)\" = \"\$before\" ] && echo same"
	has "$out" same
}

leaks_nothing()
{
	for who in $(everyone); do
		(
			for i in $(seq 50); do eval "exec $((i + 20))</etc/passwd"; done
			exec 200<"$dir" 201<>"$dir/rw" 202</
			for verb in exec run; do
				singularity_as "$who" "$verb" "$plain" ls -l /proc/self/fd 2>/dev/null |
					awk '$9 > 2 && $11 != "" && $11 !~ "^/proc/[0-9]*/fd$" { print }' >"leaks.$who.$verb"
			done
		)
		[ -e "leaks.$who.run" ]
		is "$(cat leaks.*)" ""
	done
}

@test "inherited descriptors stay outside, on crun: class D, CVE-2024-21626" {
	leaks_nothing
}

@test "inherited descriptors stay outside, on runc: class D, CVE-2024-21626" {
	use_runtime runc
	leaks_nothing
}

@test "a working directory outside of the container is refused: class D, CVE-2024-21626" {
	for cwd in /proc/self/fd/7 /proc/self/fd/8 /proc/self/fd/3/../../..; do
		exec 7</
		split singularity_as user exec --cwd "$cwd" "$plain" cat etc/shadow
		[ "$status" -ne 0 ]
		is "$out" ""
		exec 7<&-
	done
}

# kill_rounds ROUNDS WHO OPTION...: in a mount namespace of its own where that can be, so that others' mounts do not look like ours
kill_rounds()
{
	local rounds=$1 who=$2

	shift 2
	words=("$testlib/kill-rounds" "$rounds" singularity exec "$@" "$plain" sleep 100)
	[ "$who" = root ] || words=("${user_words[@]}" "${words[@]}")
	if [ "$(id -u)" -eq 0 ]; then on_host : "${words[@]}"; else "${words[@]}"; fi
}

@test "SIGKILL to any process at any moment leaves nothing" {
	kill_rounds 34 user
	kill_rounds 8 user --no-pid
	[ "$(id -u)" -ne 0 ] || kill_rounds 8 root
}

@test "file server or monitor killed while the container reads: nothing hangs" {
	local reader='while :; do for k in 1 2 3; do dd if=/big$k of=/dev/null bs=4k skip=$((RANDOM % 9000)) count=64 2>/dev/null & done; wait; done'
	local who big option

	for big in 1 2 3; do
		head -c 27000000 /dev/urandom | base64 -w 0 >"$dir/big$big"
	done
	tar -C "$dir" -cf "$dir/big.tar" big1 big2 big3
	make_image big --layer "$dir/big.tar"
	for who in server monitor; do
		for option in --pid --no-pid; do
			words=("$testlib/read-and-kill" 30 "$who" singularity -q exec "$option" "$dir/big.oci.sif" sh -c "$reader")
			"${user_words[@]}" "${words[@]}"
		done
	done
}

@test "a failed launch leaves nothing: 70" {
	split singularity_as user exec --dns bad "$plain" true
	is "$status" 255
	split singularity_as user exec "$plain" /nonexistent
	[ "$status" -ne 0 ]
	no_process "$plain"
	is "$(ls -A "$(singularity buildcfg SESSIONDIR)")" ""
}
