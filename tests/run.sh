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
# At its end a program of TSan waits a second for late races; a tenth is enough for what is tested here.
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:atexit_sleep_ms=100
# A sanitizer's shadow memory wants fixed addresses, which newer kernels randomise too far.
plain="setarch $(uname -m) -R"
# Making network namespaces takes root.
root=''
[ "$(id -u)" = 0 ] || root=sudo

# build PRESET [COMMAND...]: says why if it fails. COMMAND runs it, as `chrt` does.
build() {
    preset=$1
    shift
    "$@" cmake --preset "$preset" >"build/$preset.log" 2>&1 &&
        "$@" cmake --build --preset "$preset" >>"build/$preset.log" 2>&1 || {
        tail -n 40 "build/$preset.log"
        return 1
    }
}

run() {
    echo "== $1: unit tests and corpora"
    $plain ctest --test-dir "build/$1" --output-junit "$results/$1-ctest.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 \
        --output-on-failure --timeout 600 >"build/$1-ctest.log" 2>&1 ||
        tail -n 60 "build/$1-ctest.log"
    echo "== $1: end to end"
    $root env ASAN_OPTIONS="$ASAN_OPTIONS" UBSAN_OPTIONS="$UBSAN_OPTIONS" TSAN_OPTIONS="$TSAN_OPTIONS" \
        $plain sh tests/e2e.sh "$PWD/build/$1/nxgate" "$1" "$results"
}

# While the tests of one preset wait for this and that, the next is built with what they leave of the
# processors; an interrupt ends that too.
trap 'kill 0' INT
# shellcheck disable=SC2086
set -- $presets
echo "== $1: build"
build "$1" &
while [ $# -gt 0 ]; do
    wait $!
    built=$?
    if [ $# -gt 1 ]; then build "$2" chrt --idle 0 & fi
    [ $built != 0 ] || run "$1"
    shift
done

/usr/bin/python3 tests/tally.py "$results" $presets
