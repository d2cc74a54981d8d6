# SPDX-License-Identifier: BSD-3-Clause
# Loaded beside helpers by the bats files that look at running containers: who runs them, on which runtime, on what kind of host.
# shellcheck disable=SC2154 # variables of helpers.bash
# shellcheck disable=SC2034 # variables for the tests that load this

runtime=crun

# Words before a command that make it the ordinary user's: as_user is a function, and cannot be the last words of another command.
if [ "$(id -u)" -ne 0 ]; then
	user_words=(env)
else
	user_words=(setpriv "--reuid=$user" "--regid=$user" --init-groups --inh-caps=-all -- env "HOME=$user_home" "USER=$user" "LOGNAME=$user")
fi
user_uid=$(id -u "$user")
user_gid=$(id -g "$user")
current_runtimes=/var/tmp/singularity-current-runtimes-$(id -u)

# on_host SCRIPT COMMAND...: runs COMMAND in a mount namespace of its own, after SCRIPT, which makes the host what the test needs
on_host()
{
	local script=$1

	shift
	unshare -m --propagation private -- sh -ec "$script"$'\nexec "$@"' on_host "$@"
}

# use_conf EXPRESSION: from here on, `singularity_as` runs with a configuration that sed has changed; needs root, since it is put over
# the installed one
use_conf()
{
	require_root
	[ -e "$dir/own.conf" ] || cp "$conf" "$dir/own.conf"
	sed -i -E "$1" "$dir/own.conf"
}

# use_runtime NAME: from here on, `singularity_as` runs containers on crun or runc, the installed one or, with "-current", that of
# Debian unstable. Everything but crun needs root.
use_runtime()
{
	local path reason

	runtime=$1
	[ "$runtime" != crun ] || return 0
	case $runtime in
	*-current)
		path=$current_runtimes/bin/${runtime%-current}
		reason=$("$testlib/current-runtimes" "$current_runtimes" 2>&1 >/dev/null) || skip "${reason##*$'\n'}"
		;;
	*) path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$runtime") || skip "$runtime is not installed" ;;
	esac
	mkdir -p "$dir/runtimes"
	ln -sf "$path" "$dir/runtimes/${runtime%-current}"
	ln -sf "$(command -v newuidmap)" "$(command -v newgidmap)" "$dir/runtimes"
	use_conf "s|^(root\|user) search path = .*|\1 search path = $dir/runtimes|"
}

# words_as WHO VERB ARGUMENTS...: the command line of `singularity_as` in $words, for those who want its process id
words_as()
{
	local who=$1 verb=$2

	shift 2
	words=()
	[ ! -e "$dir/own.conf" ] || words=(unshare -m --propagation private -- sh -ec "mount --bind '$dir/own.conf' '$conf'; exec \"\$@\"" sh)
	[ "$who" = root ] || words+=("${user_words[@]}")
	words+=(singularity "$verb")
	[ "$who" != fakeroot ] || words+=(--fakeroot)
	words+=("$@")
}

# singularity_as WHO VERB ARGUMENTS...: as "user", "root" or "fakeroot" (the user, with that option behind the command)
singularity_as()
{
	local words

	words_as "$@"
	"${words[@]}"
}

# no_process PATTERN: none whose command line has it; of the programs that a test started, the last may be about to end
no_process()
{
	for _ in $(seq 50); do
		pgrep -f "$1" >/dev/null || return 0
		sleep 0.02
	done
	echo "left: $(pgrep -a -f "$1")" >&2
	return 1
}

# Everyone that the caller can be.
everyone()
{
	if [ "$(id -u)" -eq 0 ]; then echo "user root fakeroot"; else echo "user fakeroot"; fi
}

# check_inside WHO ARGUMENTS... <TABLE: one container, many looks. A row of the table is
#     numbers of the checklist :: shell command :: what it prints for the user [:: for root [:: with --fakeroot]]
# where lines of output are joined by blanks, a missing cell is the one before it, and @u @g @n @h stand for the user's id, group,
# name and home. A cell "~TEXT" is a pattern of bash, "-" is no output. The arguments end where the container's shell is to follow.
check_inside()
{
	local who=$1 column=0 status=0 i cell output
	local -a numbers commands wanted lines cells

	shift
	case $who in root) column=1 ;; fakeroot) column=2 ;; esac
	while IFS= read -r line; do
		case $line in ''|'#'*) continue ;; esac
		line=${line//@u/$user_uid} line=${line//@g/$user_gid} line=${line//@n/$user} line=${line//@h/$user_home}
		mapfile -t cells <<<"${line// :: /$'\n'}"
		for ((i = 2 + column; i > 2 && i >= ${#cells[@]}; i--)); do :; done
		numbers+=("${cells[0]}") commands+=("${cells[1]}") wanted+=("${cells[i]:-}")
	done
	[ "${#commands[@]}" -gt 0 ]
	for cell in "${commands[@]}"; do
		printf '{ %s\n} 2>&1; printf "\\n==\\n"\n' "$cell"
	done >"$dir/looks"
	split singularity_as "$who" exec "$@" sh -c "$(cat "$dir/looks")"
	[ "$status" -eq 0 ] || { printf '%s: status %s: %s\n' "$who" "$status" "$err" >&2; return 1; }
	mapfile -t lines < <(awk '/^==$/ { print text; text = ""; next } NF { text = text (text == "" ? "" : " ") $0 }' "$dir/.out")
	for i in "${!commands[@]}"; do
		output=${lines[i]:-}
		case ${wanted[i]} in
		-) [ -z "$output" ] && continue ;;
		'~'*) # shellcheck disable=SC2053 # a pattern
			[[ $output == ${wanted[i]#\~} ]] && continue ;;
		*) [ "$output" = "${wanted[i]}" ] && continue ;;
		esac
		printf '%s, %s, %s: %s\nwanted: %s\ngot:    %s\n' "$runtime" "$who" "${numbers[i]}" "${commands[i]}" "${wanted[i]}" "$output" >&2
		status=1
	done
	return "$status"
}

# fails_with WHO TEXT ARGUMENTS...: an exec that ends with 255, nothing on stdout, and TEXT in a last line that is FATAL
fails_with()
{
	local who=$1 text=$2

	shift 2
	split singularity_as "$who" exec "$@"
	[ "$status" -eq 255 ] && [ -z "$out" ] && [[ ${err##*$'\n'} == "FATAL:   "*"$text"* ]] && return
	printf '%s, as %s: %s\nwanted: FATAL:   ...%s\ngot %s: %s%s\n' "$runtime" "$who" "$*" "$text" "$status" "$out" "$err" >&2
	return 1
}

# share_images: a directory $IMAGES, with a cache, for the images that all tests of a file use; called by setup_file, whose `dir` it sets
share_images()
{
	IMAGES=$(mktemp -d /tmp/singularity-images.XXXXXX)
	SINGULARITY_CACHEDIR=$IMAGES/cache
	dir=$IMAGES
	export IMAGES SINGULARITY_CACHEDIR
	chmod 755 "$IMAGES"
}
