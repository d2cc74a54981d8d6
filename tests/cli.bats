#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The command line itself: version, help, usage errors, option parsing, environment, log lines, configuration (cli.md 2, 3, 8).
# Nothing here starts a container.

load testlib/helpers

footer="Run 'singularity --help' for more detailed usage information."
support='For additional help or support, please visit https://www.sylabs.io/docs/'

# Usage errors are on stderr alone, with exit status 1 and the footer as the last line.
is_usage_error()
{
	is "$status" 1
	is "$out" ""
	is "${err%%$'\n'*}" "$1"
	is "${err##*$'\n'}" "$footer"
}

is_fatal()
{
	is "$status" 255
	is "$out" ""
	is "${err##*$'\n'}" "FATAL:   $1"
}

# All commands that are listed, groups and their sub-commands, from the help texts.
all_commands()
{
	local group name

	commands_of | while read -r group; do
		echo "$group"
		commands_of "$group" | while read -r name; do echo "$group $name"; done
	done
}

commands_of()
{
	# shellcheck disable=SC2086 # words of a command
	singularity $1 --help | sed -n '/^Available Commands:$/,/^$/s/^  \([^ ]*\) .*/\1/p'
}

@test "--version prints name and number, and reads no configuration" {
	split singularity --version
	is "$out" "singularity-ce version 4.5.1"
	is "$err$status" 0
	split singularity -c /nonexistent --version
	is "$out" "singularity-ce version 4.5.1"
	[[ $out =~ ^([^ ]+)\ version\ ([0-9.]+)$ ]]
}

@test "version prints the number alone, whatever follows" {
	split singularity version
	is "$out" 4.5.1
	is "$err$status" 0
	split singularity version extra args
	is "$out$err$status" 4.5.10
}

@test "version needs a configuration that can be read" {
	split singularity -c "$dir/none" version
	is_fatal "While initializing: couldn't parse configuration file $dir/none: open $dir/none: no such file or directory"
}

@test "singularity alone prints the usage on stderr, also with a broken configuration" {
	split singularity
	is "$status$out" 1
	is "${err%%$'\n'*}" "Usage:"
	is "$(sed -n 2p .err)" "  singularity [global options...] <command>"
	is "${err##*$'\n'}" "$footer"
	lacks "$err" "  buildcfg"
	split singularity -v
	is "$status$out" 1
	split singularity -c /nonexistent
	is "${err%%$'\n'*}" "Usage:"
}

@test "root help is the same by --help, -h and help" {
	split singularity --help
	is "$status$err" 0
	first=$out
	is "$(head -n 1 .out)" ""
	split singularity -h
	is "$out$err" "$first"
	split singularity help
	is "$out$err" "$first"
	has "$first" "  completion "
	has "$first" "  help "
	lacks "$first" buildcfg
}

@test "every command answers --help alone: stdout, success, support line below two empty lines" {
	for command in $(all_commands | tr ' ' /); do
		# shellcheck disable=SC2086 # words of a command
		split singularity -c /nonexistent ${command//\// } --help
		is "$status$err" 0
		has "$out" "  singularity ${command//\// }"
		is "$(tail -n 3 .out)" $'\n\n'"$support"
		first=$out
		# shellcheck disable=SC2086
		split singularity -c /nonexistent help ${command//\// }
		is "$out$err" "$first"
	done
}

@test "help neither reads the configuration nor makes a user directory" {
	export SINGULARITY_CONFIGDIR=$dir/user
	singularity -c /nonexistent version --help >/dev/null
	singularity -c /nonexistent help version >/dev/null
	[ ! -e "$dir/user" ]
}

@test "help: sorted options, one text column, at most 80 columns" {
	for command in $(all_commands | tr ' ' /); do
		# shellcheck disable=SC2086
		split singularity ${command//\// } --help
		sed -n '/^Options:$/,/^$/p' .out | grep '^  ' >list
		[ "$(awk 'length > 80' list)" = "" ] || { echo "$command"; cat list; return 1; }
		sed -nE 's/^  (-.,|   ) (--[a-z-]+).*/\2/p' list >names
		[ -s names ]
		LC_ALL=C sort -c names
		[ "$(sed -E 's/^(  (-.,|   ) --[a-z-]+( [a-zA-Z0-9]+)? +).*/\1/; t; d' list | awk '{ print length }' | sort -u | wc -l)" = 1 ]
	done
}

# Options in the help of COMMAND: name, letter or "-", type.
options_of()
{
	# shellcheck disable=SC2086 # words of a command
	singularity $1 --help | sed -n -E 's/^  (-(.), |    )--([a-z-]+)( ([A-Za-z0-9]+))?( .*|)$/\3 -\2 \5/p' |
		awk '{ if (NF < 3) $3 = "bool"; print $1, $2, $3 }' | grep -v '^help '
}

@test "options: letter and type are those of the reference; hidden ones stay hidden" {
	own=' --squashfs-codec --squashfs-level '
	count=0
	for command in exec run shell test pull 'cache list' 'cache clean'; do
		while read -r name letter type; do
			count=$((count + 1))
			[[ "$own" != *" --$name "* ]] || continue
			row=$(awk -F '\t' -v c="$command" -v n="--$name" '$1 == c && $2 == n { print ($3 == "" ? "-" : $3), $4, $8, $9 }' \
				"$BATS_TEST_DIRNAME/fixtures/flags.tsv")
			is "$command --$name: $row" "$command --$name: $letter $type no no"
		done <<<"$(options_of "$command")"
	done
	[ "$count" -ge 170 ] || { echo "$count" >&2; false; }
}

@test "help of a word that is no command" {
	split singularity help nonsense
	is "$status$out" 0
	is "${err%%$'\n'*}" 'Unknown help topic [`nonsense`]'
	split singularity help completion nonsense
	is "$status$err" 0
	is "$out" "$(singularity completion --help)"
}

@test "unknown command, with and without a suggestion" {
	split singularity foo
	is_usage_error 'Error: unknown command "foo" for "singularity"'
	lacks "$err" "Did you mean"
	split singularity verson
	is_usage_error 'Error: unknown command "verson" for "singularity"'
	has "$err" $'\n\nDid you mean this?\n\tversion\n\n\nUsage:\n'
	split singularity comp
	has "$err" $'\tcompletion\n'
}

@test "unknown global option: shape of an option error, whatever follows" {
	split singularity --foo
	is_usage_error 'Error for command "singularity": unknown flag: --foo'
	has "$err" $'\n\nOptions for singularity command:\n\n  -c, --config string'
	split singularity --foo version
	is_usage_error 'Error for command "singularity": unknown flag: --foo'
	split singularity -d=x version
	is_usage_error 'Error for command "singularity": invalid argument "x" for "-d, --debug" flag: strconv.ParseBool: parsing "x": invalid syntax'
}

@test "global options stand before the command only" {
	split singularity version --debug
	is_usage_error 'Error for command "version": unknown flag: --debug'
	split singularity -q -s -v version
	is "$status$out" 04.5.1
}

@test "the option list of an error follows COLUMNS" {
	COLUMNS=60 split singularity --foo
	[ "$(sed '1d;$d' .err | grep -v / | awk 'length > 60' | wc -l)" = 0 ] # a path is one word
	COLUMNS=200 split singularity --foo
	[ "$(awk 'length > 80' .err | wc -l)" -gt 0 ]
	COLUMNS=junk split singularity --foo
	[ "$(sed '1d' .err | grep -v / | awk 'length > 80' | wc -l)" = 0 ]
}

@test "too many and too few arguments" {
	split singularity completion bash x
	is_usage_error 'Error for command "bash": accepts 0 arg(s), received 1'
	has "$err" $'\n\nUsage:\n  singularity [global options...] completion bash\n\n'
	split singularity buildcfg a b
	is_usage_error 'Error for command "buildcfg": accepts at most 1 arg(s), received 2'
}

@test "--help wins over the count of arguments, a bad option over --help" {
	split singularity buildcfg --help a b
	is "$status$err" 0
	split singularity version --foo --help
	is_usage_error 'Error for command "version": unknown flag: --foo'
	split singularity version --help --foo
	is_usage_error 'Error for command "version": unknown flag: --foo'
}

@test "a group: alone its help or an error, with a bad word an error" {
	split singularity completion
	is "$status$err" 0
	is "$out" "$(singularity completion --help)"
	split singularity completion nonsense
	is_usage_error 'Error for command "completion": invalid command'
	has "$err" $'\nUsage:\n  singularity [global options...] completion <command>\n\nAvailable Commands:\n  bash\n'
}

@test "buildcfg: all settings, one setting, no such setting" {
	split singularity buildcfg
	is "$status" 0
	has "$out" $'\n'"PREFIX=$prefix"$'\n'
	has "$out" "IMPLEMENTATION=singularity in C"
	split singularity buildcfg SINGULARITY_CONF_FILE
	is "$out" "$conf"
	split singularity buildcfg NOPE
	is_usage_error 'Error for command "buildcfg": no variable named "NOPE"'
	is "$(singularity buildcfg --help | head -n 1)" "Print the settings that were chosen when the program was built"
}

@test "environment: a bad value of a global option is fatal and not coloured" {
	SINGULARITY_DEBUG=maybe split singularity version
	is "$status$out" 255
	is "$err" "FATAL:   While parsing global environment variables: while updating flags from environment: "$'\n'"unable to set flag debug to value maybe: strconv.ParseBool: parsing \"maybe\": invalid syntax"
	SINGULARITY_DEBUG=' ' split singularity version
	is "$status$out$err" 04.5.1
}

@test "environment: SINGULARITY_DEBUG and SINGULARITY_CONFIG_FILE; SINGULARITY_QUIET does nothing" {
	SINGULARITY_DEBUG=1 split singularity version
	has "$err" "Singularity version: 4.5.1"
	SINGULARITY_CONFIG_FILE=/nonexistent split singularity version
	is "$status" 255
	SINGULARITY_CONFIG_FILE=/nonexistent split singularity -c "$conf" version
	is "$status$out" 04.5.1
	echo 'bogus = 1' >c.conf
	SINGULARITY_QUIET=1 SINGULARITY_SILENT=1 split singularity -c c.conf version
	has "$err" WARNING
	APPTAINER_DEBUG=1 split singularity version
	is "$err" ""
}

@test "log lines: labels, levels and the debug format" {
	printf 'bogus one = 1\nmount home = yes\n' >c.conf
	warning='WARNING: Unknown directive "bogus one" in c.conf, ignoring it.'
	split singularity -c c.conf version
	is "$out" 4.5.1
	is "$err" "$warning"
	split singularity -q -c c.conf version
	is "$err" "$warning"
	split singularity -s -c c.conf version
	is "$err" ""
	split singularity -v -s -c c.conf version
	is "$err" "$warning"
	split singularity -q -d -c c.conf version
	[[ $(head -n 1 .err) =~ ^DEBUG\ \ \ \[U=[0-9]+,P=[0-9]+\]\ +[a-z_]+\(\)\ +Singularity\ version:\ 4\.5\.1$ ]]
	is "$(head -n 1 .err | cut -c 58-)" "Singularity version: 4.5.1"
	split singularity -s -c none version
	is_fatal "While initializing: couldn't parse configuration file none: open none: no such file or directory"
}

@test "log lines are coloured on a terminal only, and not with --nocolor" {
	require script
	echo 'bogus = 1' >c.conf
	split singularity -c c.conf version
	lacks "$err" $'\e'
	script -qec "singularity -c c.conf version" /dev/null >typescript </dev/null
	has "$(cat typescript)" $'\e[33mWARNING:\e[0m Unknown directive'
	script -qec "singularity --nocolor -c c.conf version" /dev/null >typescript </dev/null
	lacks "$(cat typescript)" $'\e'
	script -qec "singularity -c none version" /dev/null >typescript </dev/null || true
	has "$(cat typescript)" $'\e[31mFATAL:  \e[0m While'
}

@test "configuration: a wrong value stops every command but help and --version" {
	echo 'mount home = maybe' >c.conf
	split singularity -c c.conf version
	is_fatal "While initializing: couldn't parse configuration file c.conf: value authorized for directive \"mount home\" are [yes no]"
	split singularity -c c.conf --version
	is "$status$err" 0
	split singularity -c c.conf version --help
	is "$status$err" 0
	echo 'mount dev = foo' >c.conf
	split singularity -c c.conf version
	has "$err" "value authorized for directive 'mount dev' are [yes no minimal]"
}

# A value of every directive that no site has: the reader checks it, and the program runs with it.
@test "configuration: every directive of the reference, none unknown, wrong values refused" {
	local directive type default allowed refused=0

	while IFS=$'\t' read -r directive type default allowed; do
		[ "$directive" != directive ] || continue
		case $type in
		bool|string) value=${allowed##*,} ;;
		uint) value=17 ;;
		list) value="/one, /two" ;;
		esac
		echo "$directive = ${value:-/some/path}" >>all.conf
		case $type,$allowed in
		bool,*|string,?*|uint,*)
			echo "$directive = maybe" >bad.conf
			split singularity -c bad.conf version
			is "$directive $status $out" "$directive 255 "
			has "$err" "FATAL:   While initializing: couldn't parse configuration file bad.conf: "
			refused=$((refused + 1))
			;;
		esac
	done <"$BATS_TEST_DIRNAME/fixtures/config-directives.tsv"
	[ "$(wc -l <all.conf)" -ge 62 ] && [ "$refused" -ge 43 ]
	split singularity -c all.conf version
	is "$status $out $err" "0 4.5.1 "
	echo 'no such thing = 1' >>all.conf
	split singularity -c all.conf version
	is "$status $err" '0 WARNING: Unknown directive "no such thing" in all.conf, ignoring it.'
}

@test "configuration: the installed file is the shipped one and is kept by a second installation" {
	cmp "$conf" "$source/etc/singularity.conf"
	mkdir -p dest"$prefix"/etc/singularity
	echo 'oci mode = yes # mine' >dest"$prefix"/etc/singularity/singularity.conf
	DESTDIR=$dir/dest "$source/etc/install-conf" "$source/etc/singularity.conf" "$prefix/etc/singularity"
	is "$(cat dest"$prefix"/etc/singularity/singularity.conf)" 'oci mode = yes # mine'
}

@test "output that cannot be written is an error" {
	status=0
	singularity version >/dev/full 2>.err || status=$?
	is "$status" 255
	has "$(cat .err)" "FATAL:   "
}

@test "both programs give the same help" {
	image=$prefix/libexec/singularity/singularity-image
	is "$("$image" --help)" "$(singularity --help)"
	is "$("$image" --version)" "$(singularity --version)"
	split "$image" nonsense
	is_usage_error 'Error: unknown command "nonsense" for "singularity"'
}

@test "completion scripts are those that are installed; bash completes commands and options" {
	cmp <(singularity completion bash) "$prefix/share/bash-completion/completions/singularity"
	cmp <(singularity completion zsh) "$prefix/share/zsh/site-functions/_singularity"
	cmp <(singularity completion fish) "$prefix/share/fish/vendor_completions.d/singularity.fish"
	complete_words()
	{
		bash --norc -c 'source <(singularity completion bash); COMP_WORDS=(singularity "$@"); COMP_CWORD=$#
			_singularity; echo "${COMPREPLY[*]}"' bash "$@"
	}
	is "$(complete_words ver)" version
	is "$(complete_words -c file completion '')" "bash fish zsh"
	is "$(complete_words --ver)" "--verbose --version"
	is "$(complete_words version --h)" "--help"
	is "$(complete_words -c '')" ""
}

@test "completion scripts of zsh and fish are free of syntax errors" {
	require zsh fish
	singularity completion zsh | zsh -n
	singularity completion fish | fish -n
}

@test "manual pages are there for every command" {
	require scdoc
	for command in $(all_commands | tr ' ' -); do
		[ -s "$prefix/share/man/man1/singularity-$command.1" ] || { echo "no page for $command"; return 1; }
	done
	[ -s "$prefix/share/man/man1/singularity.1" ]
	[ -s "$prefix/share/man/man5/singularity.conf.5" ]
}
