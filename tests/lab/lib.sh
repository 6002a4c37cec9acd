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

# Two runs at once may share the cache, so whoever fills it, or the part of it
# that is named, holds its lock.
lock_cache() {
	local lock=$VG_CACHE/lock${1:+-$1}

	mkdir -p "$VG_CACHE"
	exec 9>"$lock"
	flock -n 9 && return
	note "another run is filling $VG_CACHE, waiting for it"
	flock 9
}

fresh() { [ -n "$(find "$1" -maxdepth 0 -mmin -1440 2>/dev/null)" ]; }

# Options that make apt-get and apt-cache know another archive than the machine's
apt_options=() apt_suite=''

# From here on apt is about one suite of Debian, from the mirror of the machine's
# own packages: about its packages, or with "deb-src" about what they are made of.
# The machine's sources, lists and caches stay as they are.
use_suite() {
	local dir=$VG_CACHE/apt/$1 type=${2-deb} mirror

	mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Codename: bookworm' | head -n 1)
	[ -n "$mirror" ] || return
	mkdir -p "$dir/lists/partial"
	printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
		"$type" "$mirror" "$1" >"$dir/sources.list"
	apt_suite=$1
	apt_options=(-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o Dir::State::Status=/dev/null
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
}

# Refreshes the package lists, "now" or at most "daily". Returns false if the
# archive cannot be reached.
apt_update() {
	local stamp=$VG_CACHE/apt-updated${apt_suite:+-$apt_suite} run=as_root

	[ "$1" = daily ] && fresh "$stamp" && return
	note "apt-get update${apt_suite:+ for $apt_suite}"
	[ -z "$apt_suite" ] || run='command'
	"$run" apt-get "${apt_options[@]}" -q update -o APT::Update::Error-Mode=any \
		>"$VG_CACHE/apt.log" 2>&1 || return
	touch "$stamp"
}

apt_cache() { apt-cache "${apt_options[@]}" "$@"; }

# download DIR PACKAGE...
download() {
	(cd "$1" && shift && apt-get "${apt_options[@]}" -q download \
		-o APT::Sandbox::User=root "$@") >>"$VG_CACHE/apt.log" 2>&1
}
