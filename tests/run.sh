#!/bin/sh
# Builds each preset and runs its suites: unit tests, fuzz corpora, and the end-to-end tests against
# its binary. Ends with one line that sums them all, and fails if anything failed or is missing.
set -u
cd "$(dirname "$0")/.." || exit 1

presets=${NXGATE_PRESETS:-"release asan tsan"}
results=$PWD/build/results
rm -rf "$results"
mkdir -p "$results"

export ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1
# A sanitizer's shadow memory wants fixed addresses, which newer kernels randomise too far.
plain="setarch $(uname -m) -R"
# Making network namespaces takes root.
root=''
[ "$(id -u)" = 0 ] || root=sudo

for preset in $presets; do
    echo "== $preset: build"
    cmake --preset "$preset" >"build/$preset.log" 2>&1 &&
        cmake --build --preset "$preset" >>"build/$preset.log" 2>&1 || {
        tail -n 40 "build/$preset.log"
        continue
    }
    echo "== $preset: unit tests and corpora"
    $plain ctest --test-dir "build/$preset" --output-junit "$results/$preset-ctest.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 \
        --output-on-failure --timeout 600 >"build/$preset-ctest.log" 2>&1 ||
        tail -n 60 "build/$preset-ctest.log"
    echo "== $preset: end to end"
    $root env NXGATE_BINARY="$PWD/build/$preset/nxgate" NXGATE_PRESET="$preset" \
        PYTHONDONTWRITEBYTECODE=1 ASAN_OPTIONS="$ASAN_OPTIONS" UBSAN_OPTIONS="$UBSAN_OPTIONS" \
        TSAN_OPTIONS="$TSAN_OPTIONS" $plain /usr/bin/python3 -m pytest tests/e2e -q \
        -p no:cacheprovider --junitxml "$results/$preset-e2e.xml" --tb=short
done

/usr/bin/python3 tests/tally.py "$results" $presets
