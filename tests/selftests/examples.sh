#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The examples of libvgrant do on the real module what their texts promise. Runs
# as root where the module is loaded, with the examples in ../bin.
set -eu

bin=$(cd "$(dirname "$0")/../bin" && pwd)
work=$(mktemp -d)
number=0
failed=0
owner=

cleanup()
{
	[ -z "$owner" ] || kill -9 "$owner" 2>/dev/null || :
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
		sed 's/^/# /' "$work"/*.out
		failed=1
	fi
}

says() { grep -qxF -- "$2" "$work/$1.out"; }

has_socket()
{
	tries=100
	until [ -S "$work/socket" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

owner_and_peer()
{
	"$bin/owner" "$work/socket" >"$work/owner.out" 2>&1 &
	owner=$!
	has_socket || return 1
	timeout 20 "$bin/peer" "$work/socket" >"$work/peer.out" 2>&1 || return 1
	wait "$owner" || return 1
	owner=
}

# A map over a map, an alias, a part taken away, and a full listing.
iotlb()
{
	timeout 20 "$bin/iotlb" >"$work/iotlb.out" 2>&1 <<'UPDATES'
map 0x100000 0x4000 0 rw
map 0x800000 0x1000 0 r
commit
map 0x101000 0x1000 0x8000 r
unmap 0x103000 0x1000
commit
begin
map 0x800000 0x1000 0 r
commit
UPDATES
}

iotlb_says()
{
	cat >"$work/expected" <<'WINDOW'
  0x100000-0x104000 offset 0 rw
  0x800000-0x801000 offset 0 r
  granted 5 pages, revoked 0 so far
  0x100000-0x101000 offset 0 rw
  0x101000-0x102000 offset 0x8000 r
  0x102000-0x103000 offset 0x2000 rw
  0x800000-0x801000 offset 0 r
  granted 4 pages, revoked 2 so far
  0x800000-0x801000 offset 0 r
  granted 1 pages, revoked 5 so far
WINDOW
	cmp -s "$work/expected" "$work/iotlb.out"
}

# guest WAY: what a guest may not do looks different in each way.
guest() { timeout 20 "$bin/guest" "$1" >"$work/guest.out" 2>&1; }

guest_says()
{
	guest "$1" || return 1
	cat >"$work/expected"
	cmp -s "$work/expected" "$work/guest.out"
}

guest_mapped()
{
	guest_says mapped <<'EXITS'
guest: has the window as a mapped slot
guest: read 0x11
guest: refused, KVM does not say where
guest: read 0x22
guest: wrote 0x10000 as if it were a device's
EXITS
}

guest_native()
{
	guest_says native <<'EXITS'
guest: has the window as a native slot
guest: 1 of 4 pages are populated
guest: read 0x11
guest: refused to read 0x11000, where nothing is granted
guest: read 0x22
guest: refused to write 0x10000, which is read-only
EXITS
}

guest_mmio()
{
	guest_says mmio <<'EXITS'
guest: has the window as a mmio slot
guest: 1 of 4 pages are populated
guest: read 0x11
guest: read 0x11000 as if it were a device's
guest: read 0xff
guest: wrote 0x10000 as if it were a device's
EXITS
}

# On a KVM without native slots the example has to say so.
native_result()
{
	if ! guest native && grep -q 'guest: KVM of this kernel cannot take a window' \
		"$work/guest.out"; then
		number=$((number + 1))
		echo "ok $number $1 # SKIP KVM of this kernel has no native memslots"
		return
	fi
	result "$@"
}

echo "TAP version 13"
echo "1..12"
result owner_and_peer_meet owner_and_peer
result peer_reads_the_grant says peer 'peer: the owner says "hello from a memfd"'
result peer_may_not_write_it says peer 'peer: write to the read-only page: Bad address'
result peer_may_not_read_a_hole \
	says peer 'peer: read of a page that is not granted: Bad address'
result owner_reads_the_peer says owner 'owner: the peer wrote "hello from the peer"'
result revoked_is_gone says peer 'peer: read of the revoked page: Bad address'
result owner_is_told grep -q 'owner: the peer tried to write 0x1000' "$work/owner.out"
result iotlb_follows_its_stream iotlb
result iotlb_revokes_no_more_than_it_must iotlb_says
result guest_has_a_mapped_window guest_mapped
native_result guest_has_a_native_window guest_native
native_result guest_has_a_window_as_mmio guest_mmio
exit $failed
