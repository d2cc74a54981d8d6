#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# A squashed image holds what unpacking its layers one after another gives (transports.md 9.12, 217).

load testlib/helpers

@test "random stacks of layers: squashing them gives what umoci unpacks" {
	require umoci unsquashfs python3
	"$testlib/compare-unpack" "$singularity" 1 150
}
