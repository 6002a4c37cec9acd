#!/bin/bash
# SPDX-License-Identifier: MIT
# What is installed: symbols, headers, man pages, pkg-config.
# usage: test_install.sh SOURCE_DIR BUILD_DIR STAGE
set -eu -o pipefail

src=$1 out=$2 stage=$3
root=$stage/usr/local
lib=$root/lib/libvgrant.so.1
work=$out/check/install
mkdir -p "$work"

header_symbols() {
	"${CC:-cc}" -E -P -I "$root/include" "$root/include/vgrant.h" |
		grep -o '\bvgrant_[a-z0-9_]*(' | tr -d '(' | sort -u
}

map_symbols() {
	sed -n 's/^\t\t\(vgrant_[a-z0-9_]*\);$/\1/p' "$src/libvgrant.map" |
		sort -u
}

exported_symbols() {
	nm -D --defined-only "$lib" | sed -n 's/.* T \([^@]*\)@@VGRANT_.*/\1/p' |
		sort -u
}

header_matches_map() {
	[ "$(header_symbols | wc -l)" -gt 30 ] &&
		diff <(header_symbols) <(map_symbols)
}

# Nothing else, under any version, is visible from outside.
library_matches_map() {
	diff <(exported_symbols) <(map_symbols) &&
		[ "$(nm -D --defined-only "$lib" | grep -vc ' A ')" = \
			"$(map_symbols | wc -l)" ]
}

soname() {
	readelf -d "$lib" | grep -q 'SONAME.*\[libvgrant.so.1\]' &&
		[ "$(readlink "$root/lib/libvgrant.so")" = libvgrant.so.1 ]
}

# A program that links statically must not meet short, common names.
static_names_are_prefixed() {
	! nm -g --defined-only "$root/lib/libvgrant.a" |
		awk 'NF == 3 { print $3 }' | grep -v '^\(vgrant\|vg\)_'
}

headers_stand_alone() {
	local flags=(-I "$root/include" -Wall -Wextra -pedantic -Werror
		-fsyntax-only)

	echo '#include <vgrant.h>' >"$work/header.c"
	echo '#include <linux/vhost_grant_kvm.h>' >"$work/kvm.c"
	"${CC:-cc}" -std=c11 "${flags[@]}" "$work/header.c" "$work/kvm.c"
}

# What was released under a version stays under it.
versions() {
	local released='T vgrant_open@@VGRANT_1\.0$\|T vgrant_kvm_ways@@VGRANT_1\.1$'

	[ "$(nm -D --defined-only "$lib" | grep -c "$released")" = 2 ]
}

header_is_cxx() {
	command -v c++ >/dev/null || return 4
	echo '#include <vgrant.h>' >"$work/header.cc"
	echo '#include <linux/vhost_grant_kvm.h>' >>"$work/header.cc"
	c++ -I "$root/include" -Wall -Wextra -Werror -fsyntax-only \
		"$work/header.cc"
}

man_page_per_call() {
	local symbol page

	for symbol in $(map_symbols); do
		page=$root/share/man/man3/$symbol.3
		[ -f "$page" ] || { echo "no $page" && return 1; }
		if grep -q '^\.so ' "$page"; then
			page=$root/share/man/$(sed -n 's/^\.so //p' "$page")
		fi
		grep -q "^\.F[no] $symbol\b" "$page" ||
			{ echo "$page does not describe $symbol" && return 1; }
	done
}

man_overview_is_complete() {
	local symbol

	for symbol in $(map_symbols); do
		grep -q "^\.Xr $symbol 3" "$root/share/man/man7/vgrant.7" ||
			{ echo "vgrant.7 does not name $symbol" && return 1; }
	done
}

man_pages_are_clean() {
	local pages

	command -v mandoc >/dev/null || return 4
	mapfile -t pages < <(grep -L '^\.so ' "$root"/share/man/man[37]/vgrant*)
	mandoc -Tlint -W warning "${pages[@]}"
}

man_pages_render() {
	local page

	command -v man >/dev/null || return 4
	for page in "$root"/share/man/man[37]/vgrant*; do
		(cd "$root/share/man" &&
			man --warnings=w -E UTF-8 -l "$page") \
			>"$work/page" 2>"$work/warnings"
		grep -q 'libvgrant' "$work/page" || { echo "$page is empty" && return 1; }
		[ ! -s "$work/warnings" ] || { cat "$work/warnings" && return 1; }
	done
}

pkg_config_version() {
	[ "$(PKG_CONFIG_LIBDIR=$root/lib/pkgconfig pkg-config --modversion \
		libvgrant)" = 1.1.0 ]
}

# The examples were built against the stage; here is no device to find.
example_says_what_to_do() {
	[ ! -e /dev/vhost_grant ] || return 4
	! LD_LIBRARY_PATH=$root/lib "$out/examples/iotlb" </dev/null \
		2>"$work/said" &&
		grep -q '^iotlb: /dev/vhost_grant: .*modprobe vhost_grant$' \
			"$work/said"
}

tests=(header_matches_map library_matches_map versions soname static_names_are_prefixed
	headers_stand_alone header_is_cxx man_page_per_call
	man_overview_is_complete man_pages_are_clean man_pages_render
	pkg_config_version example_says_what_to_do)
echo "1..${#tests[@]}"
n=0
bad=0
for t in "${tests[@]}"; do
	n=$((n + 1))
	rc=0
	"$t" >"$work/log" 2>&1 || rc=$?
	case $rc in
	0) echo "ok $n - $t" ;;
	4) echo "ok $n - $t # SKIP what it needs is not here" ;;
	*)
		echo "not ok $n - $t"
		sed 's/^/# /' "$work/log"
		bad=1
		;;
	esac
done
exit $bad
