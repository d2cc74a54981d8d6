# SPDX-License-Identifier: BSD-3-Clause
# Loaded by every bats file: `load testlib/helpers`. tools/check runs the files with the installed program in SINGULARITY_CHECK_PREFIX.
# Each test has a directory of its own, $dir, where it starts and which the ordinary user may write to.
# shellcheck disable=SC2034 # variables for the tests that load this

prefix=${SINGULARITY_CHECK_PREFIX:?run tools/check, or set it to the prefix of an installation}
singularity=$prefix/bin/singularity
conf=$prefix/etc/singularity/singularity.conf
testlib=$BATS_TEST_DIRNAME/testlib
# The checkout; tools/check runs a copy of the tests.
source=${SINGULARITY_CHECK_SOURCE:-$BATS_TEST_DIRNAME/..}
PATH=$prefix/bin:$PATH
unset "${!SINGULARITY_@}" "${!SINGULARITYENV_@}"
export SINGULARITY_CHECK_PREFIX=$prefix SINGULARITY_CHECK_SOURCE=$source

# The ordinary user: the caller if that is one, else "tester".
if [ "$(id -u)" -eq 0 ]; then user=tester; else user=$(id -un); fi
user_home=$(getent passwd "$user" | cut -d: -f6)

setup()
{
	dir=$(mktemp -d /tmp/singularity-test.XXXXXX)
	chmod 777 "$dir"
	cd "$dir" || return 1
	export SINGULARITY_CACHEDIR=$dir/cache
	mkdir -m 777 "$dir/cache"
	declare -F setup_case >/dev/null && setup_case
	return 0
}

teardown()
{
	cd /
	declare -F teardown_case >/dev/null && teardown_case
	rm -rf "$dir"
}

# as_user COMMAND...: runs it as the ordinary user. as_root COMMAND...: as root, where a test called require_root.
as_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all -- \
			env HOME="$user_home" USER="$user" LOGNAME="$user" "$@"
	fi
}

as_root()
{
	"$@"
}

require_root()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# require COMMAND...: skips the test if a program is not installed
require()
{
	local name

	for name; do
		command -v "$name" >/dev/null || skip "$name is not installed"
	done
}

# Below Linux 6.6 tmpfs has no user.* attributes: a user's container there cannot remove directories of its image, nor make them again.
directories_can_go()
{
	as_user unshare -Urm sh -c 'mount -t tmpfs none /mnt && touch /mnt/file && setfattr -n user.some -v value /mnt/file' 2>/dev/null
}

# find_built NAME: $built is the path of something that meson built for the tests; without it the test is skipped
find_built()
{
	for built in "$source"/{build-check,build}/tests/"$1"; do
		[ ! -x "$built" ] || return 0
	done
	skip "$1 is not built"
}

# make_image NAME [ARGUMENTS of mkimage...]: NAME.oci.sif in $dir from a small layout that mkimage writes
make_image()
{
	local name=$1

	shift
	"$testlib/mkimage" "$dir/$name.layout" "$@"
	"$singularity" -q pull "$dir/$name.oci.sif" "oci:$dir/$name.layout:latest"
	chmod 644 "$dir/$name.oci.sif"
}

# split COMMAND...: runs it; $out, $err and $status are its standard output, standard error and exit status
split()
{
	status=0
	# Runtimes give the files to the container's user, where an image has one.
	rm -f "$dir/.out" "$dir/.err"
	"$@" >"$dir/.out" 2>"$dir/.err" || status=$?
	out=$(cat "$dir/.out")
	err=$(cat "$dir/.err")
}

# A failing comparison says what it saw.
is()
{
	[ "$1" = "$2" ] || { printf 'wanted: %s\ngot:    %s\n' "$2" "$1" >&2; return 1; }
}

has()
{
	[[ $1 == *"$2"* ]] || { printf 'wanted in it: %s\ngot: %s\n' "$2" "$1" >&2; return 1; }
}

lacks()
{
	[[ $1 != *"$2"* ]] || { printf 'unwanted: %s\nin: %s\n' "$2" "$1" >&2; return 1; }
}
