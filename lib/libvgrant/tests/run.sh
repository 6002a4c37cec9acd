#!/bin/bash
# SPDX-License-Identifier: MIT
# Run test programs that speak TAP and make one TAP stream of what they say.
# usage: run.sh DIR PROGRAM...
set -eu -o pipefail

dir=$1
shift
n=0
failed=0
echo "TAP version 13"
for program in "$@"; do
	name=$(basename "${program%% *}")
	log=$dir/$name.tap
	rc=0
	# A program may be a script with arguments.
	# shellcheck disable=SC2086
	CMOCKA_MESSAGE_OUTPUT=TAP $program >"$log" 2>&1 || rc=$?
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log" | head -n 1)
	seen=0
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			n=$((n + 1))
			seen=$((seen + 1))
			verdict=${line%%ok *}ok
			rest=${line#"$verdict "}
			rest=${rest#* }
			echo "$verdict $n $name: ${rest#- }"
			[ "$verdict" = ok ] || failed=$((failed + 1))
			;;
		"1.."* | "TAP version"*) ;;
		"# ok - tests" | "# not ok - tests") ;;
		"#"*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done <"$log"
	if [ "$seen" != "${plan:-none}" ] || { [ $rc -ne 0 ] &&
		! grep -q '^not ok' "$log"; }; then
		n=$((n + 1))
		failed=$((failed + 1))
		echo "not ok $n $name: ended with $rc after $seen of ${plan:-?} tests, see $log"
	fi
done
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed"
[ $failed -eq 0 ]
