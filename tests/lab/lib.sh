# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the lab's scripts share: where things are kept, how they talk, apt.

VG_CACHE=${VG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vhost_grant}
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
	if [ "$EUID" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "root is needed for '$*', and there is no sudo: run this as root"
	fi
}

# Two runs at once may share the cache, so whoever fills it holds its lock.
lock_cache() {
	mkdir -p "$VG_CACHE"
	exec 9>"$VG_CACHE/lock"
	flock -n 9 && return
	note "another run is filling $VG_CACHE, waiting for it"
	flock 9
}

fresh() { [ -n "$(find "$1" -maxdepth 0 -mmin -1440 2>/dev/null)" ]; }

# Refreshes the package lists, "now" or at most "daily". Returns false if the
# archive cannot be reached.
apt_update() {
	local stamp=$VG_CACHE/apt-updated

	[ "$1" = daily ] && fresh "$stamp" && return
	note "apt-get update"
	as_root apt-get -q update -o APT::Update::Error-Mode=any >"$VG_CACHE/apt.log" 2>&1 || return
	touch "$stamp"
}
