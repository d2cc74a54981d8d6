#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Command lines recorded with the reference program, replayed: exit status, standard output, lines on standard error.

load testlib/helpers

setup_case()
{
	require_root
	require crun runc newuidmap
	unset SINGULARITY_CACHEDIR
}

replay()
{
	run env HOME="$dir" "$BATS_TEST_DIRNAME/conformance/replay" "$singularity" "$BATS_TEST_DIRNAME/fixtures" "$1"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ [1-9][0-9]*\ passed,\ 0\ failed ]]
}

@test "recorded run, exec, shell and test" {
	replay oci-run
}

@test "recorded pulls" {
	replay pull
}
