#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# How the low-level runtime is called: which one, its arguments, its configuration, and that it leaves no state (oci-mode.md 11, lines 46,
# 49 to 58, 74, 77, 84, 87; the state lies on the session's own tmpfs, so nothing of 53 to 58 is made).

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
	# In front of the search path stands a crun that notes how it was called.
	mkdir -m 755 front
	cat >front/crun <<-END
		#!/bin/sh
		echo "\$PWD \$*" >>"$dir/calls"
		cat config.json >"$dir/config.json"
		exec "$(command -v crun)" "\$@"
	END
	chmod 755 front/crun
	: >calls
	: >config.json
	chmod 666 calls config.json
}

with_front()
{
	as_user env PATH="$dir/front:$PATH" "$@"
}

@test "crun is called in the bundle, with a fresh UUID as the container's name: 46, 49 to 51" {
	is "$(with_front singularity exec "$plain" echo ok)" ok
	is "$(with_front singularity exec "$plain" echo ok)" ok
	is "$(wc -l <calls)" 2
	while read -r cwd manager root state run b bundle id rest; do
		is "$manager $root $run $b $rest" "--cgroup-manager=disabled --root run -b "
		is "$cwd" "$bundle"
		[[ $bundle == "$(singularity buildcfg SESSIONDIR)"/oci-bundle* ]]
		[[ $state == "$(singularity buildcfg SESSIONDIR)"/* ]]
		[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
		echo "$id" >>ids
	done <calls
	is "$(sort -u ids | wc -l)" 2
}

@test "no state is left, wherever it might be kept: 53 to 58" {
	mkdir -m 777 run
	as_user chmod 700 run 2>/dev/null || chown "$user" run
	is "$(as_user env XDG_RUNTIME_DIR="$dir/run" TMPDIR="$dir/run" singularity exec "$plain" echo ok)" ok
	is "$(ls -A run)" ""
	[ ! -e "/run/user/$user_uid/singularity-oci" ]
	if [ "$(id -u)" -eq 0 ]; then
		singularity exec "$plain" true
		[ ! -e /run/singularity-oci ]
	fi
}

@test "what the runtime is told: 74, 77, 84, 87" {
	with_front singularity exec --hostname box "$plain" true
	is "$(python3 - <<-'END'
		import json
		spec = json.load(open("config.json"))
		linux = spec["linux"]
		print(spec["ociVersion"], spec["root"]["path"].endswith("/rootfs"), spec["root"]["path"].startswith("/"), spec["root"].get("readonly"))
		print(spec["hostname"], *sorted(n["type"] for n in linux["namespaces"]))
		print([k for k in ("seccomp", "maskedPaths", "readonlyPaths", "mountLabel") if k in linux], linux["resources"])
		print([k for k in ("apparmorProfile", "selinuxLabel", "rlimits") if k in spec["process"]], spec["process"].get("terminal"))
	END
	)" $'1.0.2 True True None\nbox ipc mount pid user uts\n[] {}\n[] None'
}

@test "a runtime that fails or vanishes: its status and its message, nothing left" {
	printf '#!/bin/sh\necho broken >&2\nexit 3\n' >front/crun
	split with_front singularity exec "$plain" true
	is "$status$out$err" 3broken
	printf '#!/nonexistent\n' >front/crun
	split with_front singularity exec "$plain" true
	is "$status$out" 255
	has "$err" "FATAL:   "
	printf '#!/bin/sh\nkill -9 $$\n' >front/crun
	split with_front singularity exec --no-pid "$plain" true
	is "$status$out" 137
	no_process "$plain"
}
