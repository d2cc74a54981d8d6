#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Options, variables and callers' command lines of run, exec, shell and test, as seen from inside a container (cli.md 1.3, 2, 6, 8).

load testlib/helpers

# One image for the whole file: building it is most of the work.
setup_file()
{
	export IMAGES=$(mktemp -d /tmp/singularity-images.XXXXXX)
	chmod 755 "$IMAGES"
	"$BATS_TEST_DIRNAME/testlib/mkimage" "$IMAGES/layout" --config '{"Cmd": ["/bin/echo", "from", "cmd"], "WorkingDir": "/var"}'
	SINGULARITY_CACHEDIR=$IMAGES "${SINGULARITY_CHECK_PREFIX:?}/bin/singularity" -q pull "$IMAGES/image.oci.sif" "oci:$IMAGES/layout:latest"
}

teardown_file()
{
	rm -rf "$IMAGES"
}

setup_case()
{
	image=$IMAGES/image.oci.sif
	mkdir -m 777 a b
	echo a >a/file
	echo b >b/file
}

is_fatal()
{
	is "$status" 255
	is "$out" ""
	is "${err##*$'\n'}" "FATAL:   $1"
}

# inside COMMAND...: runs exec as the ordinary user; its output is the test's
inside()
{
	as_user singularity exec "$@"
}

@test "words behind the image belong to the command" {
	is "$(inside "$image" echo -la --oci -- x)" "-la --oci -- x"
	is "$(inside -- "$image" echo x)" x
	split as_user singularity exec "$image" -- echo x
	[ "$status" -ne 0 ]
	is "$out" ""
}

@test "run: the image's command, or the given words instead" {
	is "$(as_user singularity run "$image")" "from cmd"
	is "$(as_user singularity run "$image" echo given)" given
	is "$(as_user singularity test "$image")" "from cmd"
}

@test "bind: every spelling, lists, repeats, empty values" {
	for bind in "-B $dir/a:/mnt" "-B$dir/a:/mnt" "-B=$dir/a:/mnt" "--bind $dir/a:/mnt" "--bind=$dir/a:/mnt" "-eB $dir/a:/mnt"; do
		# shellcheck disable=SC2086 # words
		is "$(inside $bind "$image" cat /mnt/file)" a
	done
	is "$(inside -B "$dir/a:/x,$dir/b:/y" "$image" cat /x/file /y/file)" $'a\nb'
	is "$(inside -B "$dir/a:/x" -B "$dir/b:/y" "$image" cat /x/file /y/file)" $'a\nb'
	is "$(inside -B "$dir/a" "$image" cat "$dir/a/file")" a
	is "$(inside --bind "" --bind= "$image" echo ok)" ok
}

@test "bind: read-only, and what is no bind" {
	split inside -B "$dir/a:/x:ro" "$image" sh -c 'echo y >/x/new'
	[ "$status" -ne 0 ]
	[ ! -e a/new ]
	inside -B "$dir/a:/x" "$image" sh -c 'echo y >/x/new'
	is "$(cat a/new)" y
	split inside --bind /nonexistent "$image" true
	is "$status" 255
	has "$err" "cannot stat bind source /nonexistent: stat /nonexistent: no such file or directory"
	split inside --bind /tmp:rel "$image" true
	has "$err" "bind destination rel must be an absolute path"
	split inside --bind /tmp:/b:zz "$image" true
	has "$err" "zz is not a valid bind option"
}

@test "mount: commas belong to the value, repeats add" {
	is "$(inside --mount "type=bind,source=$dir/a,destination=/x" --mount "type=bind,src=$dir/b,dst=/y,ro" "$image" cat /x/file /y/file)" $'a\nb'
}

@test "variables: BIND and BINDPATH are added behind the options, MOUNT holds lines" {
	export SINGULARITY_BIND=$dir/a:/x SINGULARITY_BINDPATH=$dir/b:/y
	is "$(inside -B "$dir/a:/z" "$image" cat /x/file /y/file /z/file)" $'a\nb\na'
	unset SINGULARITY_BIND SINGULARITY_BINDPATH
	export SINGULARITY_MOUNT="type=bind,source=$dir/a,destination=/x"$'\n'"type=bind,source=$dir/b,destination=/y"
	is "$(inside "$image" cat /x/file /y/file)" $'a\nb'
	unset SINGULARITY_MOUNT
	APPTAINER_BIND=$dir/a:/x split inside "$image" ls /x
	[ "$status" -ne 0 ]
}

@test "env: pairs, lists, quotes, the last one wins; weaker are env files, weaker still SINGULARITYENV_" {
	is "$(inside --env A=1,2 "$image" sh -c 'echo "$A"')" 1,2
	is "$(inside --env A=1,B=2 "$image" sh -c 'echo "$A $B"')" "1 2"
	is "$(inside --env '"A=x y"' "$image" sh -c 'echo "$A"')" "x y"
	is "$(inside --env 'A="x y"' "$image" sh -c 'echo "$A"')" "x y"
	is "$(inside --env A=1 --env A=2 "$image" sh -c 'echo "$A"')" 2
	echo 'A=file' >vars
	export SINGULARITYENV_A=host
	is "$(inside "$image" sh -c 'echo "$A"')" host
	is "$(inside --env-file vars "$image" sh -c 'echo "$A"')" file
	is "$(inside --env-file vars --env A=option "$image" sh -c 'echo "$A"')" option
	unset SINGULARITYENV_A
	split inside --env A "$image" true
	is "$status" 1
	is "${err%%$'\n'*}" 'Error for command "exec": invalid argument "A" for "--env" flag: A must be formatted as key=value'
}

@test "host variables stay out but for TERM and proxies; --no-compat lets them in, --cleanenv keeps them out" {
	export FOO=1 http_proxy=http://proxy:1 TERM=vt100
	is "$(inside "$image" sh -c 'echo "$FOO $http_proxy $TERM"')" " http://proxy:1 vt100"
	is "$(inside --no-compat "$image" sh -c 'echo "$FOO"')" 1
	is "$(inside --no-compat --cleanenv "$image" sh -c 'echo "$FOO"')" ""
}

@test "PREPEND_PATH and APPEND_PATH" {
	SINGULARITYENV_PREPEND_PATH=/p SINGULARITYENV_APPEND_PATH=/q is "$(SINGULARITYENV_PREPEND_PATH=/p SINGULARITYENV_APPEND_PATH=/q inside "$image" sh -c 'echo "$PATH"')" /p:/bin:/q
}

@test "working directory: the image's, --cwd, --pwd, variables" {
	is "$(inside "$image" pwd)" /var
	is "$(inside --cwd /bin "$image" pwd)" /bin
	is "$(inside --pwd /bin "$image" pwd)" /bin
	is "$(SINGULARITY_CWD=/etc inside "$image" pwd)" /etc
	is "$(SINGULARITY_PWD=/etc inside "$image" pwd)" /etc
	is "$(SINGULARITY_PWD=/etc inside --cwd /bin "$image" pwd)" /bin
}

@test "home, workdir, scratch, hostname" {
	is "$(inside --home "$dir/a:/mnt/home" "$image" sh -c 'cat "$HOME/file"')" a
	is "$(SINGULARITY_HOME=$dir/b:/h inside --home "$dir/a:/h" "$image" cat /h/file)" a
	is "$(inside --scratch /scratch "$image" sh -c 'echo x >/scratch/f && cat /scratch/f')" x
	as_user mkdir w
	inside --workdir "$dir/w" "$image" touch /tmp/made
	[ -e w/tmp/made ]
	is "$(inside --hostname box "$image" hostname)" box
	is "$(SINGULARITY_HOSTNAME=other inside --hostname box "$image" hostname)" box
}

@test "no-mount: blanks in the variable, what cannot be left out" {
	SINGULARITY_NO_MOUNT="tmp , home" split inside "$image" sh -c 'grep " /tmp " /proc/self/mountinfo; true'
	is "$out$status" 0
	split inside --no-mount dev "$image" true
	is "$status" 255
	has "$err" "OCI-mode requires /dev to be mounted, but '--no-mount dev' was requested"
}

@test "network: none has a loopback device alone, anything else is refused" {
	is "$(inside --net --network none "$image" cat /proc/net/dev | sed '1,2d; s/^ *//; s/:.*//')" lo
	split inside --net "$image" true
	is "$status" 255
	has "$err" "while configuring container: not supported by OCI launcher: Network (except none)"
	is "$(inside --network foo "$image" echo ok)" ok
}

@test "refused options: all in one line, before the image is looked at" {
	split inside --contain /nonexistent true
	is_fatal "while configuring container: not supported by OCI launcher: Contain"
	split inside --compat /nonexistent true
	is_fatal "while configuring container: not supported by OCI launcher: NoInit,ContainAll"
	split inside --fusemount x --security y --no-init /nonexistent true
	is_fatal "while configuring container: not supported by OCI launcher: FuseMount,SecurityOpts,NoInit"
	split inside --compat --no-compat /nonexistent true
	is_fatal "Cannot use --no-compat with --compat: incompatible options"
	cp "$conf" own.conf
	split as_user singularity -c own.conf exec /nonexistent true
	is_fatal "while configuring container: not supported by OCI launcher: ConfigFile"
	split as_user singularity shell --shell /bin/sh /nonexistent
	is_fatal "while configuring container: not supported by OCI launcher: ShellPath"
	split inside --dns foo /nonexistent true
	is_fatal "DNS nameserver foo is not a valid IP address"
}

@test "options of native mode and of what is not there yet are unknown" {
	for option in --overlay=x --writable --nv --rocm --data=x --device=x --apply-cgroups=x --memory=1 --cpus=1 --pids-limit=1 --boot; do
		split inside "$option" "$image" true
		is "$status" 1
		is "${err%%$'\n'*}" "Error for command \"exec\": unknown flag: ${option%%=*}"
	done
	split as_user singularity exec -s x "$image" true
	has "$err" "unknown shorthand flag: 's' in -s"
}

@test "mode: --oci changes nothing, --no-oci and the directive are refused in one line" {
	is "$(inside --oci "$image" echo ok)" ok
	is "$(SINGULARITY_OCI=1 inside "$image" echo ok)" ok
	split inside --no-oci "$image" true
	is_fatal "this build runs containers in OCI mode only"
	SINGULARITY_OCI=1 split inside --no-oci "$image" true
	is_fatal "While initializing: --oci and --no-oci cannot be used together"
	SINGULARITY_NO_OCI=1 split inside "$image" true
	is_fatal "this build runs containers in OCI mode only"
	SINGULARITY_OCI=' ' split inside "$image" echo ok
	is "$out" ok
	SINGULARITY_OCI=yes split inside "$image" true
	is "$status" 255
	is "$err" "FATAL:   While parsing environment variables: while updating flags from environment: "$'\n'"unable to set flag oci to value yes: strconv.ParseBool: parsing \"yes\": invalid syntax"
	sed 's/^oci mode = .*/oci mode = no/' "$conf" >native.conf
	split as_user singularity -c native.conf exec "$image" true
	is_fatal "this build runs containers in OCI mode only"
}

@test "deprecated --nohttps says so, even with -s, and the run goes on" {
	split as_user singularity -s exec --nohttps "$image" echo ok
	is "$out" ok
	is "$err" "Flag --nohttps has been deprecated, use --no-https"
	split inside --sif-fuse "$image" true
	is "$status" 255
	has "$err" "Flag --sif-fuse has been deprecated, "
	has "${err##*$'\n'}" "FATAL:   while configuring container: not supported by OCI launcher: SIFFUSE"
}

@test "redundant options print a line and change nothing" {
	split inside --pid "$image" echo ok
	is "$out" ok
	has "$err" "INFO:    --oci runtime uses a PID namespace by default, pid flag is redundant."
	split inside --ipc "$image" echo ok
	has "$err" "INFO:    --oci runtime always uses an IPC namespace, ipc flag is redundant."
	for option in --tmp-sandbox --no-tmp-sandbox --writable-tmpfs --no-eval --network=foo; do
		split inside "$option" "$image" echo ok
		is "$option $out $err" "$option ok "
	done
}

@test "variables that are none of ours, or of no use, change nothing" {
	is "$(SINGULARITY_SHELL=/bin/bash as_user singularity shell "$image" </dev/null; echo "$?")" 0
	is "$(SINGULARITY_ENCRYPTION_PASSPHRASE=x inside "$image" echo ok)" ok
	is "$(SINGULARITY_CPUS=1 inside "$image" echo ok)" ok
}

@test "images that are none" {
	split inside "$dir" true
	is_fatal "OCI mode cannot run bare directory/sandbox images"
	echo text >text
	split inside text true
	is_fatal "image format not recognized"
	split inside none.sif true
	is_fatal "failed to retrieve path for none.sif: lstat $dir/none.sif: no such file or directory"
	split inside foo://bar ls
	is_fatal "Unable to handle foo://bar uri: unsupported transport type: foo"
	is "$(inside "oci-sif:$image" echo ok)" ok
}

@test "exit status: the program's, 128 and the signal, 255 for our own failures" {
	split inside "$image" sh -c 'exit 7'
	is "$status" 7
	split inside --no-pid "$image" sh -c 'kill -9 $$'
	is "$status" 137
	split inside "$image" sh -c 'sh -c "kill -TERM \$\$"; exit $?'
	is "$status" 143
	split inside "$image" true
	is "$status$out$err" 0
}

@test "capabilities: an unknown name warns, and the run goes on" {
	split inside --add-caps CAP_BOGUS "$image" echo ok
	is "$out" ok
	has "$err" "WARNING: Ignoring unknown --add-caps: CAP_BOGUS"
}

@test "callers: Slurm, schedulers, Nextflow, HTCondor, Galaxy-like lines" {
	is "$(inside --bind= "$image" echo ok)" ok
	is "$(inside -B"$dir/a:/x" "$image" cat /x/file)" a
	is "$(as_user env - PATH="$PATH" singularity exec -B "$dir" "$image" /bin/sh -c "cd $dir; cat a/file")" a
	split as_user singularity -s exec "$image" true
	is "$status$out$err" 0
	split as_user singularity -s -q test "$image"
	is "$out$err" "from cmd"
	is "$(as_user singularity --quiet run --ipc --cleanenv --no-eval --userns --pid --home "$dir/a:/var/h" --mount="type=bind,source=$dir/b,target=/in,readonly" --pwd /var/h "$image" cat file /in/file)" $'a\nb'
}

@test "as root too" {
	require_root
	is "$(singularity exec -B "$dir/a:/x" "$image" sh -c 'id -u; cat /x/file')" $'0\na'
	split singularity exec "$image" sh -c 'exit 7'
	is "$status" 7
}
