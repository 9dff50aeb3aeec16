#!/usr/bin/env bash
# The checks of cmake/WeirFloors.cmake refuse what they are there to refuse, in a tree of two small libraries.
# Usage: floors_test.sh SOURCE_DIR
set -euo pipefail
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CCACHE_DISABLE=1

fail() {
  echo "FAILED: $1"
  cat "$work/out"
  exit 1
}

# A sound tree: base on floor 0, upper on floor 1.
new_tree() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/base" "$work/tree/runtime/upper"
  cp -r "$source_dir/cmake" "$work/tree/cmake"
  echo "#pragma once" >"$work/tree/cmake/pch.h"
  cd "$work/tree"
  cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(Floors VERSION 0.1.0 LANGUAGES C CXX)
include(cmake/WeirToolchain.cmake)
include(cmake/WeirFloors.cmake)
add_subdirectory(base)
add_subdirectory(runtime/upper)
weir_finish_floors()
END
  echo "weir_library(NAME weir_base FLOOR 0 SOURCES base.cc)" >base/CMakeLists.txt
  echo "int Base();" >base/base.h
  printf '#include "base/base.h"\nint Base() { return 1; }\n' >base/base.cc
  echo "weir_library(NAME upper FLOOR 1 SOURCES upper.cc DEPS weir_base)" >runtime/upper/CMakeLists.txt
  echo "int Upper();" >runtime/upper/upper.h
  printf '#include "runtime/upper/upper.h"\n#include "base/base.h"\nint Upper() { return Base(); }\n' >runtime/upper/upper.cc
}
configure() { cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Debug >"$work/out" 2>&1; }
build() { cmake --build build "$@" >"$work/out" 2>&1; }
expect_text() { tr -s ' \n' ' ' <"$work/out" | grep -qF -- "$1" || fail "no \"$1\" in the output"; }

new_tree
configure || fail "a sound tree is refused"
build || fail "a sound tree does not build"
build --target weir_header_check || fail "headers of a sound tree are refused"

echo "inline Missing missing;" >>base/base.h
touch -d "+2 seconds" base/base.h  # Newer than its object, however coarse the clock of the file system.
if build --target weir_header_check; then fail "a header that does not compile alone passes"; fi
expect_text "does not name a type"

new_tree
echo "weir_library(NAME upper FLOOR 1 SOURCES upper.cc)" >runtime/upper/CMakeLists.txt
configure || fail "a tree with an undeclared dependency is refused too early"
if build; then fail "a library that uses what it does not declare links"; fi
expect_text "undefined symbol: Base()"

new_tree
echo "weir_library(NAME same_folder FLOOR 1 SOURCES upper.cc DEPS upper)" >>runtime/upper/CMakeLists.txt
configure || fail "libraries of one folder may not use each other"
mkdir -p runtime/side
echo "weir_library(NAME side FLOOR 1 SOURCES ../upper/upper.cc DEPS upper)" >runtime/side/CMakeLists.txt
sed -i 's|^weir_finish_floors|add_subdirectory(runtime/side)\n&|' CMakeLists.txt
if configure; then fail "a dependency between folders of one floor passes"; fi
expect_text "floor check: side (floor 1) must not depend on upper (floor 1)"

new_tree
mkdir -p runtime/lower
echo "weir_library(NAME lower FLOOR 0 SOURCES ../upper/upper.cc DEPS upper)" >runtime/lower/CMakeLists.txt
sed -i 's|^weir_finish_floors|add_subdirectory(runtime/lower)\n&|' CMakeLists.txt
if configure; then fail "a dependency on a higher floor passes"; fi
expect_text "floor check: lower (floor 0) must not depend on upper (floor 1)"

new_tree
echo "weir_library(NAME upper FLOOR 1 SOURCES upper.cc DEPS later weir_base)" >runtime/upper/CMakeLists.txt
if configure; then fail "a dependency that is not declared before passes"; fi
expect_text "upper depends on later, which is not declared before it"
echo "passed"
