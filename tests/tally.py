#!/usr/bin/python3
"""Sums the suites' results: `N passed, N failed`, and `N skipped` with the reason of each.

    tally.py RESULTS PRESET...

Fails when a test failed, or when a suite that should have run left no result. A GoogleTest program
counts by its cases, as its output in the ctest report lists them; a corpus replay counts as one.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def ctest_counts(case):
    """(passed, failed, skips) of one ctest entry."""
    output = case.findtext("system-out") or ""
    passed = len(re.findall(r"^\[       OK \]", output, re.M))
    skipped = sorted(set(re.findall(r"^\[  SKIPPED \] (\S+)(?: \(|$)", output, re.M)))
    failed = len(set(re.findall(r"^\[  FAILED  \] (\S+\.\S+)", output, re.M)))
    succeeded = case.get("status") == "run"
    if passed + failed + len(skipped) == 0:
        passed = int(succeeded)
    if not succeeded:
        failed = max(failed, 1)
    return passed, failed, [f"{case.get('name')}: {name}" for name in skipped]


def pytest_counts(case):
    skip = case.find("skipped")
    if skip is not None:
        return 0, 0, [f"{case.get('name')}: {skip.get('message')}"]
    bad = case.find("failure") is not None or case.find("error") is not None
    return int(not bad), int(bad), []


def cases_in(path):
    return list(ElementTree.parse(path).iter("testcase")) if path.exists() else []


def main():
    results, presets = Path(sys.argv[1]), sys.argv[2:]
    files = sorted(path.stem for path in (Path(__file__).parent / "e2e").glob("test_*.py"))
    passed, failed, skips = 0, 0, []
    for preset in presets:
        for suite, counts, reports in (("ctest", ctest_counts, [f"{preset}-ctest"]),
                                       ("e2e", pytest_counts, [f"{preset}-e2e-{file}" for file in files])):
            cases = {report: cases_in(results / f"{report}.xml") for report in reports}
            missing = [report for report, found in cases.items() if not found]
            for each in missing:
                print(f"{each}: no result")
            totals = [counts(case) for found in cases.values() for case in found]
            ok, bad = sum(t[0] for t in totals), sum(t[1] for t in totals) + len(missing)
            skipped = [skip for t in totals for skip in t[2]]
            print(f"{preset} {suite}: {ok} ok, {bad} bad, {len(skipped)} left out")
            passed, failed, skips = passed + ok, failed + bad, skips + skipped
    for skip in sorted(set(skips)):
        print(f"skipped {skip}")
    print(f"{passed} passed, {failed} failed" + (f", {len(skips)} skipped" if skips else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
