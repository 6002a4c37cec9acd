#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# vgrantctl looks at a live owner and a live peer. Runs as root where the module
# is loaded, with vgrantctl and vgrantctl_actors in ../bin.
set -eu

bin=$(cd "$(dirname "$0")/../bin" && pwd)
ctl=$bin/vgrantctl
instances=/sys/kernel/tracing/instances
work=$(mktemp -d)
number=0
failed=0
owner=
peer=
watcher=

cleanup()
{
	for pid in $owner $peer $watcher; do
		kill -9 "$pid" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap cleanup EXIT

# result NAME COMMAND...: the case passes if the command does.
result()
{
	name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
}

# soon COMMAND...: the command succeeds within ten seconds.
soon()
{
	tries=100
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# says FILE TEXT...: every text is in the file.
says()
{
	file=$1
	shift
	for text; do
		grep -qF -- "$text" "$file" && continue
		echo "# missing: $text"
		sed 's/^/# /' "$file"
		return 1
	done
}

quietly() { "$@" >/dev/null; }

# shows TARGET TEXT...
shows()
{
	target=$1
	shift
	"$ctl" show "$target" --json >"$work/show" && says "$work/show" "$@"
}

lists()
{
	"$ctl" list >"$work/list" && says "$work/list" "$@"
}

# nothing_at TARGET: refused with one line that names it.
nothing_at()
{
	! "$ctl" show "$1" >"$work/show" 2>&1 || return 1
	[ "$(wc -l <"$work/show")" -eq 1 ] && says "$work/show" "$1"
}

watch()
{
	: >"$work/err"
	"$ctl" events "$@" >"$work/events" 2>"$work/err" &
	watcher=$!
	soon grep -q watching "$work/err"
}

watched()
{
	status=0
	wait "$watcher" || status=$?
	[ "$status" -eq "$1" ] && [ ! -e "$instances/vgrantctl.$watcher" ]
}

sees_violation()
{
	watch --json --count 2 --timeout 60 || return 1
	[ -d "$instances/vgrantctl.$watcher" ] || return 1
	kill -USR1 "$peer"
	watched 0 || return 1
	says "$work/events" '"event":"vhost_grant_violation"' "\"pid\":$peer" \
		'"comm":"pe\\x20er\\x0a\\x1b"' '"iova":33554432' '"readonly":0'
}

stops_on()
{
	watch || return 1
	kill "-$1" "$watcher"
	watched 0
}

times_out()
{
	watch --count 1 --timeout 0.5 && watched 1
}

echo "TAP version 13"
[ -e /dev/vhost_grant ] || { echo "1..0 # SKIP the module is not loaded"; exit 4; }
echo "1..14"

"$bin/vgrantctl_actors" >"$work/actors" &
owner=$!
soon grep -q peer= "$work/actors"
peer=$(sed 's/.*peer=//' "$work/actors")

"$ctl" info --json >"$work/info"
result info says "$work/info" '"abi_version": 1' '"max_windows": 1024' '"file-source"'
result show_owner shows "$owner" "\"pid\": $owner" '"comm": "vgrantctl_actor"' \
	'"pages_granted": 6' '"pages_pinned": 6' '"length": 67108864' \
	'"hole": "fault"' '"dead": false' '"vmas": 1' '"malformed": 0'
result show_peer shows "$peer" "\"pid\": $peer" '"pages_mapped": 3' \
	'"faults": 3' '"violations_hole": 0' '"mappings": 1'
space=$(sed -n 's/^ *"space": \([0-9]*\),$/\1/p' "$work/show" | head -n 1)
result show_window shows "$space:1" "\"pid\": $peer" '"window": 1'
result show_other_window nothing_at "$space:999"
result list lists "$space:1" 64M "$owner(vgrantctl_actor)" \
	"$peer(pe\\x20er\\x0a\\x1b)"
result events sees_violation
result event_counted shows "$peer" '"violations_hole": 1'
result sigint stops_on INT
result sigterm stops_on TERM
result timeout times_out

kill -USR1 "$owner"
result revoked soon quietly shows "$space:1" '"pages_granted": 0' \
	'"pages_pinned": 0' '"pages_revoked": 6'

kill -9 "$owner"
wait "$owner" 2>/dev/null || :
result owner_gone soon quietly shows "$peer" '"dead": true' '"comm": null'

kill -USR2 "$peer"
result only_mapped soon quietly shows "$peer" '"space": null' '"fds": 0' \
	'"mappings": 1'
exit "$failed"
