"""Programs in a sandbox: what `nxgate run` adds, beside what else an ordinary user has."""
import os
import shutil

from bench import median
from relays import NAME
from report import Table
from sandboxes import GIT, USER, all_sandboxes, lacking, sandboxed

STARTS = 20


def _measured(bench, table, measure, online=True):
    """{name: what `measure(sandboxed, sandbox)` gave in each round}."""
    able = []
    for each in all_sandboxes():
        if reason := lacking(each):
            table.leave_out(each.name, reason)
        elif not (online and each.offline):
            able.append(each)
    with sandboxed(bench) as world:
        return bench.interleaved(able, lambda sandbox: measure(world, sandbox))


def run_start(bench):
    table = Table("run_start", "Start and end of `true`", [("median", "{:.1f} ms"), ("added", "{:.1f} ms")])
    figures = _measured(bench, table, lambda world, sandbox: [world.seconds(sandbox, "true") for _ in range(STARTS)],
                        online=False)
    medians = {name: 1000 * median([each for run in runs for each in run]) for name, runs in figures.items()}
    for name, figure in medians.items():
        table.add(name, figure, None if name == "plain" else figure - medians["plain"])
    table.notes.append("bubblewrap, pasta and slirp4netns check no names. docker run isn't among them: it takes an "
                       "engine, which runs as root.")
    return table


def run_latency(bench):
    table = Table("run_latency", "From connecting to the first octet of the answer to a ClientHello, in a sandbox",
                  [("p50", "{:.0f} µs"), ("p99", "{:.0f} µs")])
    how = "first", bench.options.seconds
    for name, runs in _measured(bench, table, lambda world, sandbox: world.hello_client(sandbox, *how)).items():
        table.add(name, *(median([run[key] for run in runs]) for key in ("p50_us", "p99_us")))
    return table


def run_throughput(bench):
    table = Table("run_throughput", "One connection out of a sandbox, which carries what it can",
                  [("up", "{:.1f} Gbit/s"), ("down", "{:.1f} Gbit/s")])

    def measure(world, sandbox):
        runs = [world.hello_client(sandbox, way, bench.options.seconds) for way in ("up", "down")]
        return [8e-9 * run["octets"] / run["seconds"] for run in runs]

    for name, rounds in _measured(bench, table, measure).items():
        table.add(name, *map(median, zip(*rounds)))
    return table


def run_programs(bench):
    table = Table("run_programs", "Programs in a sandbox", [("git clone", "{:.0f} ms"), ("npm ci", "{:.0f} ms")])

    def measure(world, sandbox):
        clone, project = world.home / "clone", world.home / "project"
        for each in (clone, project, world.home / ".npm"):
            shutil.rmtree(each, ignore_errors=True)
        shutil.copytree(bench.directory / "project", project)
        for path in (project, *project.iterdir()):
            os.chown(path, USER, USER)
        return [1000 * world.seconds(sandbox, "git", "clone", "-q", f"git://{NAME}:{GIT}/served.git", clone),
                1000 * world.seconds(sandbox, "npm", "ci", "--no-audit", "--no-fund", cwd=project)]

    for name, rounds in _measured(bench, table, measure).items():
        table.add(name, *map(median, zip(*rounds)))
    return table
