# fish completion for singularity. Written from the option tables: do not edit.

set -g __singularity_commands
set -g __singularity_valued
set -a __singularity_commands 'singularity completion'
set -a __singularity_commands 'singularity help'
set -a __singularity_commands 'singularity sif'
set -a __singularity_commands 'singularity version'
set -a __singularity_valued 'singularity --config'
set -a __singularity_valued 'singularity -c'
set -a __singularity_commands 'singularity completion bash'
set -a __singularity_commands 'singularity completion fish'
set -a __singularity_commands 'singularity completion zsh'
set -a __singularity_commands 'singularity sif dump'
set -a __singularity_commands 'singularity sif header'
set -a __singularity_commands 'singularity sif info'
set -a __singularity_commands 'singularity sif list'

# Is the command that was typed so far the one given, with nothing but options behind it?
function __singularity_at
	set -l command singularity
	set -l wants 0
	for word in (commandline -opc)[2..-1]
		if test $wants = 1
			set wants 0
		else if string match -q -- '-*' $word
			contains -- "$command $word" $__singularity_valued; and set wants 1
		else if contains -- "$command $word" $__singularity_commands
			set command "$command $word"
		else
			return 1
		end
	end
	test "$command" = "$argv"
end

complete -c singularity -n '__singularity_at singularity' -f -a completion -d 'Write a completion script for a shell'
complete -c singularity -n '__singularity_at singularity' -f -a help -d 'Print the help of a command'
complete -c singularity -n '__singularity_at singularity' -f -a sif -d 'Look into SIF files'
complete -c singularity -n '__singularity_at singularity' -f -a version -d 'Print the version of the program'
complete -c singularity -n '__singularity_at singularity' -l config -s c -r -d 'read another configuration file than the installed singularity.conf'
complete -c singularity -n '__singularity_at singularity' -l debug -s d -d 'print debugging information, all other messages included'
complete -c singularity -n '__singularity_at singularity' -l help -s h -d 'help for singularity'
complete -c singularity -n '__singularity_at singularity' -l nocolor -d 'print messages without colours'
complete -c singularity -n '__singularity_at singularity' -l quiet -s q -d 'suppress informational messages'
complete -c singularity -n '__singularity_at singularity' -l silent -s s -d 'print errors only'
complete -c singularity -n '__singularity_at singularity' -l verbose -s v -d 'print additional information'
complete -c singularity -n '__singularity_at singularity' -l version -d 'print the name and version of the program'
complete -c singularity -n '__singularity_at singularity completion' -f -a bash -d 'Write the completion script for bash'
complete -c singularity -n '__singularity_at singularity completion' -f -a fish -d 'Write the completion script for fish'
complete -c singularity -n '__singularity_at singularity completion' -f -a zsh -d 'Write the completion script for zsh'
complete -c singularity -n '__singularity_at singularity completion' -l help -s h -d 'help for completion'
complete -c singularity -n '__singularity_at singularity completion bash' -l help -s h -d 'help for bash'
complete -c singularity -n '__singularity_at singularity completion fish' -l help -s h -d 'help for fish'
complete -c singularity -n '__singularity_at singularity completion zsh' -l help -s h -d 'help for zsh'
complete -c singularity -n '__singularity_at singularity help' -l help -s h -d 'help for help'
complete -c singularity -n '__singularity_at singularity sif' -f -a dump -d 'Write the bytes of one object to standard output'
complete -c singularity -n '__singularity_at singularity sif' -f -a header -d 'Print the header of a SIF file'
complete -c singularity -n '__singularity_at singularity sif' -f -a info -d 'Print what is known of one object'
complete -c singularity -n '__singularity_at singularity sif' -f -a list -d 'List the objects of a SIF file'
complete -c singularity -n '__singularity_at singularity sif' -l help -s h -d 'help for sif'
complete -c singularity -n '__singularity_at singularity sif dump' -l help -s h -d 'help for dump'
complete -c singularity -n '__singularity_at singularity sif header' -l help -s h -d 'help for header'
complete -c singularity -n '__singularity_at singularity sif info' -l help -s h -d 'help for info'
complete -c singularity -n '__singularity_at singularity sif list' -l help -s h -d 'help for list'
complete -c singularity -n '__singularity_at singularity version' -l help -s h -d 'help for version'
