# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion for xtcpctl, xtcpd and xtcp; installed under the name of each. Commands, flags and sysctls
# are asked of the programs themselves, so that they are those of the version that is installed.

_xtcp_offer() # WORD... for the word being typed
{
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "${COMP_WORDS[COMP_CWORD]}")
}

_xtcpctl()
{
	local i command='' words=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --control) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'')
		words="--json --socket --help --version"
		words+=" $("$1" help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')"
		;;
	ss)
		words="-t -a -l -n -p -i -o -e -s -H -O --all --listening --numeric --processes --info"
		words+=" --summary state exclude established listening time-wait syn-recv close-wait"
		words+=" connected sport dport src dst and or not"
		;;
	neigh) words="show add del flush lladdr" ;;
	route) words="show get add replace del default via src mtu advmss window initcwnd metric" ;;
	tcp_metrics) words="show flush" ;;
	link)
		words="show impair in out both off loss= burst= delay= jitter= reorder= duplicate="
		words+=" corrupt= mark= rate= limit= seed="
		;;
	sysctl) words="-a -n $("$1" sysctl 2>/dev/null | awk '{ print $1 }')" ;;
	capture) words="-w -c -s host port tcp icmp arp drop comment and" ;;
	rules) words="show check test" ;;
	nstat) words="-a -s -z $("$1" nstat -z 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
	help) words=$("$1" help 2>/dev/null | awk '/^  [a-z]/ { print $1 }') ;;
	esac
	_xtcp_offer "$words"
}

_xtcpd()
{
	_xtcp_offer "$("$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)"
}

_xtcp()
{
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --rules) ((i++)) ;;
		-*) ;;
		*)
			if declare -F _command_offset >/dev/null; then
				_command_offset "$i"
			fi
			return
			;;
		esac
	done
	_xtcp_offer "--socket --rules --verbose --help --version doctor"
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -o default -F _xtcpctl xtcpctl
complete -o default -F _xtcpd xtcpd
complete -o default -F _xtcp xtcp
