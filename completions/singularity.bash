# bash completion for singularity. Written from the option tables: do not edit.

# What may follow a command, into the variables of the caller.
_singularity_table()
{
	case $1 in
	'singularity')
		commands='cache completion exec help pull run shell sif test version'
		options='--config -c --debug -d --help -h --nocolor --quiet -q --silent -s --verbose -v --version'
		valued='--config -c'
		;;
	'singularity cache')
		commands='clean list'
		options='--help -h'
		valued=''
		;;
	'singularity cache clean')
		commands=''
		options='--days -D --dry-run -n --force -f --help -h --type -T'
		valued='--days -D --type -T'
		;;
	'singularity cache list')
		commands=''
		options='--help -h --type -T --verbose -v'
		valued='--type -T'
		;;
	'singularity completion')
		commands='bash fish zsh'
		options='--help -h'
		valued=''
		;;
	'singularity completion bash')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity completion fish')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity completion zsh')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity exec')
		commands=''
		options='--add-caps --allow-setuid --app --authfile --bind -B --cleanenv -e --cwd --disable-cache --dns --docker-login --drop-caps --env --env-file --fakeroot -f --help -h --home -H --hostname --ipc -i --keep-layers --keep-privs --mount --net -n --network --no-compat --no-eval --no-home --no-https --no-mount --no-pid --no-privs --no-setgroups --no-tmp-sandbox --no-umask --oci --pid -p --scratch -S --tmp-sandbox --userns -u --uts --workdir -W --writable-tmpfs'
		valued='--add-caps --app --authfile --bind -B --cwd --dns --drop-caps --env --env-file --home -H --hostname --mount --network --no-mount --scratch -S --workdir -W'
		;;
	'singularity help')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity pull')
		commands=''
		options='--arch --authfile --dir --disable-cache --docker-login --force -F --help -h --keep-layers --no-https --no-oci --oci --platform --squashfs-codec --squashfs-level'
		valued='--arch --authfile --dir --platform --squashfs-codec --squashfs-level'
		;;
	'singularity run')
		commands=''
		options='--add-caps --allow-setuid --app --authfile --bind -B --cleanenv -e --cwd --disable-cache --dns --docker-login --drop-caps --env --env-file --fakeroot -f --help -h --home -H --hostname --ipc -i --keep-layers --keep-privs --mount --net -n --network --no-compat --no-eval --no-home --no-https --no-mount --no-pid --no-privs --no-setgroups --no-tmp-sandbox --no-umask --oci --pid -p --scratch -S --tmp-sandbox --userns -u --uts --workdir -W --writable-tmpfs'
		valued='--add-caps --app --authfile --bind -B --cwd --dns --drop-caps --env --env-file --home -H --hostname --mount --network --no-mount --scratch -S --workdir -W'
		;;
	'singularity shell')
		commands=''
		options='--add-caps --allow-setuid --app --authfile --bind -B --cleanenv -e --cwd --disable-cache --dns --docker-login --drop-caps --env --env-file --fakeroot -f --help -h --home -H --hostname --ipc -i --keep-layers --keep-privs --mount --net -n --network --no-compat --no-eval --no-home --no-https --no-mount --no-pid --no-privs --no-setgroups --no-tmp-sandbox --no-umask --oci --pid -p --scratch -S --tmp-sandbox --userns -u --uts --workdir -W --writable-tmpfs'
		valued='--add-caps --app --authfile --bind -B --cwd --dns --drop-caps --env --env-file --home -H --hostname --mount --network --no-mount --scratch -S --workdir -W'
		;;
	'singularity sif')
		commands='dump header info list'
		options='--help -h'
		valued=''
		;;
	'singularity sif dump')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity sif header')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity sif info')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity sif list')
		commands=''
		options='--help -h'
		valued=''
		;;
	'singularity test')
		commands=''
		options='--add-caps --allow-setuid --app --authfile --bind -B --cleanenv -e --cwd --disable-cache --dns --docker-login --drop-caps --env --env-file --fakeroot -f --help -h --home -H --hostname --ipc -i --keep-layers --keep-privs --mount --net -n --network --no-compat --no-eval --no-home --no-https --no-mount --no-pid --no-privs --no-setgroups --no-tmp-sandbox --no-umask --oci --pid -p --scratch -S --tmp-sandbox --userns -u --uts --workdir -W --writable-tmpfs'
		valued='--add-caps --app --authfile --bind -B --cwd --dns --drop-caps --env --env-file --home -H --hostname --mount --network --no-mount --scratch -S --workdir -W'
		;;
	'singularity version')
		commands=''
		options='--help -h'
		valued=''
		;;
	esac
}

# Leaves COMPREPLY empty where files are wanted: then bash offers them by itself.
_singularity()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command=singularity wants= i word
	local commands options valued

	COMPREPLY=()
	_singularity_table "$command"
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $wants ]]; then
			wants=
		elif [[ $word == -* ]]; then
			[[ " $valued " == *" $word "* ]] && wants=$word
		elif [[ " $commands " == *" $word "* ]]; then
			command+=" $word"
			_singularity_table "$command"
		else
			return
		fi
	done
	[[ -n $wants ]] && return
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -n $commands ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
	fi
}

complete -o default -F _singularity singularity
