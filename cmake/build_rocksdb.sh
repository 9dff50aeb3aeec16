#!/usr/bin/env bash
# Builds an optimized static RocksDB from Debian's source package. Debian's own archive has assertions switched on.
# Usage: build_rocksdb.sh [CACHE_DIR]; prints the folder of librocksdb.a and its headers. Needs dpkg-dev and network; done
# once per version and compiler, 10 to 25 minutes on two cores. JOBS=N: so many at a time.
set -euo pipefail
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/weir}
say() { echo "$@" >&2; }

version=$(dpkg-query -W -f '${source:Version}' librocksdb-dev)
made="$cache/rocksdb-${version}-g++-$(g++ -dumpfullversion)"
if [[ -f $made/librocksdb.a ]]; then
  echo "$made"
  exit 0
fi
command -v dpkg-source >/dev/null || { say "build_rocksdb.sh: dpkg-source is missing: install dpkg-dev"; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d "$cache/rocksdb-build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Source packages from where this machine takes its packages, without a change to its own configuration.
apt="$work/apt"
mkdir -p "$apt/sources" "$apt/lists/partial"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  case $file in
    *.list) { grep -E '^[[:space:]]*deb[[:space:]]' "$file" || true; } | sed -E 's/^([[:space:]]*)deb/\1deb-src/' >"$apt/sources/$(basename "$file")" ;;
    *.sources) sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$apt/sources/$(basename "$file")" ;;
  esac
done 2>/dev/null
apt_get() {
  apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/sources" -o Dir::State::Lists="$apt/lists" \
    -o APT::Sandbox::User=root "$@" >&2
}
say "Fetching the source package, rocksdb $version"
apt_get update
(cd "$work" && apt_get source --download-only "rocksdb=$version" && dpkg-source -x "$(basename "$(ls ./*.dsc)")" source >&2)

say "Building it, which takes a while"
# Hidden, position independent, without what nobody here uses. Portable: the binaries may run on another machine.
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="-fvisibility=hidden -w" \
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DROCKSDB_BUILD_SHARED=OFF -DPORTABLE=ON -DFAIL_ON_WARNINGS=OFF \
  -DWITH_TESTS=OFF -DWITH_ALL_TESTS=OFF -DWITH_TOOLS=OFF -DWITH_CORE_TOOLS=OFF -DWITH_BENCHMARK_TOOLS=OFF -DWITH_TRACE_TOOLS=OFF \
  -DWITH_GFLAGS=OFF -DWITH_LIBURING=OFF -DWITH_SNAPPY=ON -DWITH_LZ4=ON -DWITH_ZSTD=ON -DWITH_ZLIB=ON -DWITH_BZ2=ON >&2
cmake --build "$work/build" --target rocksdb -- ${JOBS:+-j"$JOBS"} >&2

# The folder appears whole.
mkdir "$work/made"
cp "$work/build/librocksdb.a" "$work/made/"
cp -r "$work/source/include" "$work/made/include"
mv -T "$work/made" "$made" 2>/dev/null || [[ -f $made/librocksdb.a ]]
echo "$made"
