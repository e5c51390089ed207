#!/usr/bin/python3
"""nxgate beside Debian's servers and the kernel's floor: a table for each kind of work.

    python3 tests/bench [WORK...] [--quick] [--write FILE]

Every server has one worker and a processor of its own; what loads it has the others. All take turns,
round after round. The figure is answers per CPU-second of the server (utime + stime of all its threads),
the median of the rounds, since a busy neighbour disturbs it least; others stand beside it.
"""
import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests/e2e")]  # for harness.netns

from bench import Bench  # noqa: E402
from report import rewrite  # noqa: E402
from works import GROUPS, WORKS  # noqa: E402


def machine():
    """In one line, with the day, the commit, and what else it was doing."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                            capture_output=True, check=False).stdout.strip()
    return (f"{time.strftime('%Y-%m-%d')}, commit {commit}, {os.cpu_count()} × {model}, Linux "
            f"{platform.release()}, load {os.getloadavg()[0]:.1f} before")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", metavar="WORK",
                        help=f"of {', '.join([*WORKS, *GROUPS])}; all if none is named")
    parser.add_argument("--nxgate", default=ROOT / "build/release/nxgate")
    parser.add_argument("--tools", default=ROOT / "build/release/tests/bench",
                        help="where floor, pace and the like are")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--write", metavar="FILE", help="write the tables between the markers of FILE")
    options = parser.parse_args()
    unknown = set(options.works) - {*WORKS, *GROUPS}
    if unknown:
        parser.error(f"no such work: {', '.join(sorted(unknown))} (of {', '.join([*WORKS, *GROUPS])})")
    options.works = [work for name in options.works for work in GROUPS.get(name, [name])]
    options.nxgate = str(options.nxgate)
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


def main():
    options = arguments()
    run = machine()
    tables, failures = [], []
    with Bench(options) as bench:
        for name in options.works or WORKS:
            began = time.monotonic()
            print(f"{name}:", file=sys.stderr, flush=True)
            try:
                tables.append(WORKS[name](bench))
            except RuntimeError as failure:
                failures.append(f"{name}: {failure}")
                continue
            print(f"\n{tables[-1].text()}\n({time.monotonic() - began:.0f} s)\n", flush=True)
    print(run)
    if options.write:
        rewrite(options.write, tables, f"{run}, median of {options.rounds}.")
    sys.exit("\n".join(failures) or 0)


if __name__ == "__main__":
    main()
