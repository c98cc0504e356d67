#!/bin/sh
# mkinit.sh ARCH OUTPUT: assembles init_ARCH.S into a static program.
# Where the machine is of another architecture it needs a cross binutils, on
# Debian binutils-aarch64-linux-gnu or binutils-x86-64-linux-gnu.
# The preprocessor is not used, so that a compiler is not needed: sed rewrites
# "#define NAME VALUE" to ".equ", and "//" comments go.
set -eu
arch=$1
out=$2
dir=$(dirname "$0")
case $arch in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) echo "mkinit.sh: no init for $arch" >&2; exit 2 ;;
esac
prefix=
[ "$(uname -m)" = $machine ] || prefix=$machine-linux-gnu-
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sed -E 's,^#define[[:space:]]+([A-Za-z0-9_]+)[[:space:]]+(.*),.equ \1\, \2,; s,[[:space:]]*//.*,,' "$dir/init_$arch.S" >"$tmp/init.s"
"${prefix}as" -o "$tmp/init.o" "$tmp/init.s"
"${prefix}ld" -n -z noseparate-code -z noexecstack --build-id=none -s -o "$tmp/init" "$tmp/init.o"
cat "$tmp/init" >"$out"
