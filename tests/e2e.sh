#!/bin/sh
# Runs the end-to-end tests against one build: several files at a time, as most of a test is waiting.
#
#   e2e.sh NXGATE PRESET RESULTS
#
# Leaves RESULTS/PRESET-e2e-FILE.xml, and prints all of a file's output if something in it failed.
set -u
export NXGATE_BINARY="$1" NXGATE_PRESET="$2" PYTHONDONTWRITEBYTECODE=1
export RESULT="$3/$2-e2e"
cd "$(dirname "$0")/.." || exit 1

# Those that take minutes first, or one is left for the end; then by size.
minutes="deb redteam_docker docker_first_process redteam egress_host docker docker_builds links docker_labels"
# shellcheck disable=SC2016
{
    for each in $minutes; do echo "tests/e2e/test_$each.py"; done
    ls -S tests/e2e/test_*.py
} | awk '!seen[$0]++' | xargs -P "$((2 * $(nproc)))" -n 1 sh -c '
    name=$(basename "$1" .py)
    sh tests/e2e/alone.sh "$1" -q --tb=short --junitxml "$RESULT-$name.xml" >"$RESULT-$name.log" 2>&1
    if [ $? = 0 ]; then tail -n 1 "$RESULT-$name.log" | sed "s/^/$name: /"; else cat "$RESULT-$name.log"; fi' one
