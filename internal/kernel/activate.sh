#!/bin/sh
# Runs a program in a conda environment: activate PROGRAM [ARGUMENT...]
# Sets what "conda activate" sets, sources etc/conda/activate.d/*.sh, then becomes PROGRAM.
# Standard output is PROGRAM's alone. Written by corn.
#@prefix

# Packages write their scripts for bash: go on in one, if there are any scripts.
if [ -n "${BASH_VERSION-}" ]; then
	set +o posix
else
	for _corn_f in "$_corn_new"/etc/conda/activate.d/*.sh "${CONDA_PREFIX-}"/etc/conda/deactivate.d/*.sh; do
		[ -e "$_corn_f" ] || continue
		for _corn_b in /bin/bash /usr/bin/bash "$_corn_new/bin/bash"; do
			[ ! -x "$_corn_b" ] || exec "$_corn_b" "$0" "$@"
		done
		break
	done
fi

# The arguments as shell words: scripts may change "$@".
_corn_args=
for _corn_a do
	_corn_q=
	while :; do
		case $_corn_a in
		*\'*) _corn_q=$_corn_q${_corn_a%%\'*}"'\\''" _corn_a=${_corn_a#*\'} ;;
		*) break ;;
		esac
	done
	_corn_args="$_corn_args '$_corn_q$_corn_a'"
done

# A script that ends the shell (exit, an unset variable, bad syntax) ends itself only:
# the launcher starts again after it. The trap runs while the script's redirections are
# in force, so standard input and output are kept aside.
exec 8<&0 9>&1
_corn_i=
trap '
	set +eux
	echo "corn: activation script $_corn_f ended early" >&2
	CONDA_PREFIX=$_corn_new _CORN_DONE=$_corn_i
	export CONDA_PREFIX _CORN_DONE
	eval "exec \"\$0\" $_corn_args <&8 >&9 8<&- 9>&-"
' EXIT

# _corn_source FILE: "||" keeps the "set -e" of a script from ending the shell.
_corn_source() {
	_corn_f=$1
	shift
	if [ -f "$_corn_f" ] && [ -r "$_corn_f" ]; then
		# shellcheck disable=SC1090
		. "$_corn_f" </dev/null >&2 || :
	fi
	set +euxf
}

# _corn_list ORDER FOLDER: the scripts of a folder, sorted by bytes as conda sorts them.
_corn_list() {
	_corn_lc=${LC_ALL-} _corn_had_lc=${LC_ALL+y}
	LC_ALL=C
	_corn_scripts=
	for _corn_f in "$2"/*.sh; do
		_corn_q=
		while :; do
			case $_corn_f in
			*\'*) _corn_q=$_corn_q${_corn_f%%\'*}"'\\''" _corn_f=${_corn_f#*\'} ;;
			*) break ;;
			esac
		done
		case $1 in
		up) _corn_scripts="$_corn_scripts '$_corn_q$_corn_f'" ;;
		down) _corn_scripts="'$_corn_q$_corn_f' $_corn_scripts" ;;
		esac
	done
	if [ -n "$_corn_had_lc" ]; then LC_ALL=$_corn_lc; else unset LC_ALL; fi
}

# Leave the environment that the server itself may have been activated in.
if [ -n "${CONDA_PREFIX-}" ] && [ "$CONDA_PREFIX" != "$_corn_new" ]; then
	_corn_list down "$CONDA_PREFIX/etc/conda/deactivate.d"
	eval "set -- $_corn_scripts"
	for _corn_s do
		_corn_source "$_corn_s"
	done
fi

if [ -z "${_CORN_DONE-}" ]; then
	# The environment's programs come first, and once.
	_corn_p=:${PATH:-/usr/local/bin:/usr/bin:/bin}:
	while :; do
		case $_corn_p in
		*":$_corn_new/bin:"*) _corn_p=${_corn_p%%":$_corn_new/bin:"*}:${_corn_p#*":$_corn_new/bin:"} ;;
		*) break ;;
		esac
	done
	_corn_p=${_corn_p#:}
	_corn_p=${_corn_p%:}
	PATH=$_corn_new/bin${_corn_p:+:$_corn_p}
	CONDA_PREFIX=$_corn_new
	CONDA_DEFAULT_ENV=$_corn_name
	CONDA_SHLVL=1
	export PATH CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL
#@variables
fi

_corn_i=0
_corn_list up "$_corn_new/etc/conda/activate.d"
eval "set -- $_corn_scripts"
for _corn_s do
	_corn_i=$((_corn_i + 1))
	if [ "$_corn_i" -gt "${_CORN_DONE:-0}" ]; then
		_corn_source "$_corn_s"
	fi
done

trap - EXIT
unset _CORN_DONE
eval "exec $_corn_args 8<&- 9>&-"
