#!/usr/bin/env bash
# check_tests.sh finds what it is there to find.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_tests.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/source/tests/unit" "$work/build/tests"

expect() {  # expect 0|1 TEXT DESCRIPTION
  local code=0
  "$check" "$work/source" "$work/build" >"$work/out" 2>&1 || code=$?
  if [[ $code != "$1" ]] || ! grep -qF -- "$2" "$work/out"; then
    echo "FAILED: $3: exit code $code, expected $1 and \"$2\" in:"
    cat "$work/out"
    exit 1
  fi
}

echo 'TEST(ATest, Passes) {}' >"$work/source/tests/unit/a_test.cc"
echo "[{ \"file\": \"$work/source/tests/unit/a_test.cc\" }]" >"$work/build/compile_commands.json"
expect 0 "enabled and registered" "a registered test"

echo 'TEST(BTest, Passes) {}' >"$work/source/tests/unit/b_test.cc"
expect 1 "unit/b_test.cc" "a file that no program compiles"
rm "$work/source/tests/unit/b_test.cc"

echo 'TEST(ATest, DISABLED_Passes) {}' >"$work/source/tests/unit/a_test.cc"
expect 1 "a_test.cc:1:" "a disabled case"
echo 'TEST(ATest, Passes) { GTEST_SKIP(); }' >"$work/source/tests/unit/a_test.cc"
expect 1 "a_test.cc:1:" "a skipped case"
echo 'TEST(ATest, Passes) {}' >"$work/source/tests/unit/a_test.cc"

echo 'set_tests_properties(a PROPERTIES DISABLED TRUE)' >"$work/source/tests/CMakeLists.txt"
expect 1 "CMakeLists.txt:1:" "a test disabled in CMake"
rm "$work/source/tests/CMakeLists.txt"

touch "$work/source/tests/unit/c_test.sh"
expect 1 "unit/c_test.sh" "a script that is not registered"
echo "add_test([=[c]=] \"$work/source/tests/unit/c_test.sh\")" >"$work/build/tests/CTestTestfile.cmake"
expect 0 "enabled and registered" "a registered script"
echo "passed"
