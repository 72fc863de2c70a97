# A file system root as a container has it, without an engine: usage root.sh ROOT PYTHON ro|rw [OUTSIDE=INSIDE]... -- COMMAND...
# Started in a mount namespace of its own, as an ordinary user with capabilities only there, which COMMAND has not.
# Of the host there is /usr, with the folder PYTHON in the place of /usr/local, read-only, and of /etc what finds names and
# libraries and trusts servers.
set -eu
root=$1 python=$2 mode=$3
shift 3
seen() {
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
}
only_read() { mount -o remount,bind,ro "$root$1"; }
mount --bind "$root" "$root"
for place in bin sbin lib lib64; do
  [ ! -L "/$place" ] || ln -sfn "usr/$place" "$root/$place"
done
seen /usr /usr && only_read /usr
mkdir -p "$root/etc" "$root/proc" "$root/dev" "$root/tmp"
for file in hosts resolv.conf nsswitch.conf passwd group ld.so.cache ssl; do
  [ -e "$root/etc/$file" ] || [ ! -e "/etc/$file" ] || cp -RL "/etc/$file" "$root/etc/" 2> /dev/null || true
done
seen "$python" /usr/local && only_read /usr/local
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
  seen "${1%%=*}" "${1#*=}"
  [ "$mode" = rw ] || only_read "${1#*=}"
  shift
done
shift
[ "$mode" = rw ] || only_read ""
exec chroot "$root" setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
