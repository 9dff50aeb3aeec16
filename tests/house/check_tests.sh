#!/usr/bin/env bash
# Every test runs: none is disabled or skipped, and each file of tests is part of the build.
# Usage: check_tests.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1
build_dir=$2
failed=0

if grep -rnE 'DISABLED_|GTEST_SKIP' "$source_dir/tests" --include='*.cc' --include='*.h'; then
  echo "Disabled or skipped tests, see above: a test either runs or is deleted."
  failed=1
fi
if grep -rnE '\bDISABLED\b|SKIP_(RETURN_CODE|REGULAR_EXPRESSION)|WILL_FAIL' "$source_dir/tests" --include=CMakeLists.txt --include='*.cmake'; then
  echo "Tests disabled in CMake, see above."
  failed=1
fi
while IFS= read -r file; do
  if ! grep -qF "\"file\": \"$file\"" "$build_dir/compile_commands.json"; then
    echo "Not part of any test program: $file"
    failed=1
  fi
done < <(find "$source_dir/tests" -name '*_test.cc')
while IFS= read -r file; do
  if ! grep -rqF "$file" "$build_dir" --include=CTestTestfile.cmake; then
    echo "Not registered with add_test: $file"
    failed=1
  fi
done < <(find "$source_dir/tests" -name '*_test.sh')
((failed)) || echo "Every test is enabled and registered."
exit "$failed"
