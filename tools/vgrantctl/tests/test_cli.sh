#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What vgrantctl says about wrong use and a missing module: one line on stderr.
set -eu -o pipefail

program=$1
number=0
failed=0

result() # ok|not-ok|loaded NAME
{
	number=$((number + 1))
	case $1 in
	ok) echo "ok $number $2" ;;
	loaded) echo "ok $number $2 # SKIP the module is loaded here" ;;
	*) echo "not ok $number $2"; failed=1 ;;
	esac
}

# refused NAME STATUS PATTERN ARGUMENT...
refused()
{
	local name=$1 status=$2 pattern=$3 said=0 out
	shift 3
	out=$("$@" 2>&1) || said=$?
	if [ "$said" = "$status" ] && [ "$(wc -l <<<"$out")" = 1 ] &&
	   [[ $out == "vgrantctl: "*$pattern* ]]; then
		result ok "$name"
	else
		echo "# status $said: $out"
		result not-ok "$name"
	fi
}

# usage NAME STATUS ARGUMENT...
usage()
{
	local name=$1 status=$2 said=0 out
	shift 2
	out=$("$program" "$@" 2>&1) || said=$?
	if [ "$said" = "$status" ] && [[ $out == *"usage: vgrantctl list"* ]]; then
		result ok "$name"
	else
		echo "# status $said: $out"
		result not-ok "$name"
	fi
}

echo "TAP version 13"
echo "1..12"
usage help 0 --help
usage no_command 2
usage unknown_option 2 list --frobnicate
usage too_much 2 show 1 2
refused unknown_command 1 "no command frobnicate" "$program" frobnicate
refused bad_count 1 "not a count" "$program" events --count -1
refused bad_timeout 1 "not a timeout" "$program" events --timeout 0
refused show_nothing 1 "show what?" "$program" show
refused show_text 1 "not a pid or space" "$program" show init
refused show_text_window 1 "not a window" "$program" show 1:x

if [ -e /sys/module/vhost_grant ]; then
	result loaded no_module
elif [ "$(id -u)" != 0 ]; then
	refused no_module 1 "run it as root" "$program" list
else
	refused no_module 1 "modprobe vhost_grant" "$program" list
fi

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if [ "$(id -u)" != 0 ]; then
	refused not_root 1 "run it as root" "$program" events
else
	# The build directory may be closed to others.
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	chmod 755 "$copy"
	cp "$program" "$copy/vgrantctl"
	refused not_root 1 "run it as root" "${nobody[@]}" "$copy/vgrantctl" events
fi
exit "$failed"
