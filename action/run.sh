#!/bin/sh
# Runs NXGATE_RUN in a sandbox, adds what it asked for to the job's summary, and has its status.
set -u
report=$(mktemp "${RUNNER_TEMP:-/tmp}/nxgate.XXXXXX")
trap 'rm -f "$report"' EXIT

# words TEXT: those between commas, spaces and ends of lines, with commas between.
words() { printf '%s' "$1" | tr -s ', \t\n' '\n' | sed '/^$/d' | paste -s -d , -; }

allow=$(words "${NXGATE_ALLOW:-}") preset=$(words "${NXGATE_PRESET:-}")
set -- --report "$report"
[ -z "$allow" ] || set -- "$@" --allow "$allow"
[ -z "$preset" ] || set -- "$@" --preset "$preset"
[ -n "$allow$preset" ] || set -- "$@" --deny-all
[ "${NXGATE_FAIL_ON_DENIED:-true}" != true ] || set -- "$@" --fail-on-denied

nxgate run "$@" -- bash -eo pipefail -c "$NXGATE_RUN"
status=$?
[ ! -s "$report" ] || python3 "$(dirname "$0")/summary.py" "$report" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit $status
