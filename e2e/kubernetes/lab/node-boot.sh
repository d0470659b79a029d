#!/bin/sh
# The first process of a node: gives it disks, a network and a kernel as kubelet wants it, then buries orphans until its
# end, which ends every process of the node. Runs in namespaces of its own, so nothing of this is seen outside of it.
set -eu
NAME=$1 DISK=$2 ADDRESS=$3 GATEWAY=$4

hostname "$NAME"
# A disk that stays when the power fails, and memory that does not.
for place in /var/lib /var/log; do
  mkdir -p "$DISK$place"
  mount --bind "$DISK$place" "$place"
done
mount -t tmpfs -o mode=755 tmpfs /run
mount --make-rshared /

# kubelet wants these values; the node shows them without changing the kernel of this machine.
TUNABLES=/run/tunables
mkdir -p "$TUNABLES"
while read -r path value; do
  [ -e "/proc/sys/$path" ] || continue
  file="$TUNABLES/$(echo "$path" | tr / -)"
  echo "$value" >"$file"
  mount --bind "$file" "/proc/sys/$path"
done <<VALUES
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
VALUES

echo 1 >/proc/sys/net/ipv4/ip_forward
for name in iptables ip6tables; do
  path=/proc/sys/net/bridge/bridge-nf-call-$name
  [ ! -e "$path" ] || echo 1 >"$path"
done
ip link set lo up
# The cable is plugged in from outside.
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip address add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$GATEWAY"
shift 4
# RANGE via ADDRESS for each of the other nodes.
while [ $# -ge 2 ]; do
  ip route add "$1" via "$2"
  shift 2
done

: >/run/booted
while :; do
  sleep 1000000 &
  wait $! || true
done
