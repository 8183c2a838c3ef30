#!/usr/bin/env python3
"""`clew journey` beside ClickHouse (chdb), DuckDB, Polars, PM4Py and r4pm, on the same file in one run.

    make bench-journey
    benches/journey.py --clew BINARY --events 1000000 --reps 1

The events and the peers' queries are those of ../shared/peers (gen_events.py, run_peers.py; the exact meaning of each task is in
the header of the latter). Equal answers are asserted: the digest over Clew's rows must be that of every peer. For peers, the
CPU seconds are those of the query alone inside a running process, the least of --reps; for Clew, those of the whole command with
start and output, the least of --reps, as the operating system counts them. Peak memory is that of the process. Two threads each.

Needs `pip install chdb duckdb polars pyarrow numpy`, and pandas, pm4py and r4pm for the part at a million events.
"""

import argparse
import datetime
import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

from measure import measure

STEPS = "product_view,add_to_cart,checkout_start,payment_attempt,order_confirmed"
COLUMNS = ["--case", "person_id", "--time", "ts"]
ACTIVITY = ["--activity", "touchpoint"]
TASKS = {
    "dfg": ["dfg", *ACTIVITY],
    "paths": ["paths", *ACTIVITY, "--gap", "30m", "--depth", "5", "--top", "50"],
    "retention": ["retention", "--period", "week"],
    "funnel": ["funnel", *ACTIVITY, "--steps", STEPS, "--window", "7d", "--by", "segment"],
}
# CPU seconds of the best peer, times this, is the goal.
GOALS = {"dfg": 0.4, "paths": 0.33, "retention": 1.0, "funnel": 1.0, "all": 0.2}


def rows_of(task, report):
    """Rows as run_peers.py makes them."""
    if task == "dfg":
        # Half microseconds survive the way through milliseconds; digits behind them do not.
        whole = lambda ms: math.floor(round(ms * 2000) / 2)
        return [(e["from"], e["to"], e["n"], whole(e["median_wait_ms"])) for e in report["edges"]]
    if task == "paths":
        return [(">".join(p["activities"]), p["sessions"]) for p in report["paths"]]
    if task == "retention":
        day = datetime.date.fromisoformat
        first = min(day(c["cohort"]) for c in report["cohorts"])
        return [
            ((day(c["cohort"]) - first).days // 7, p["n"], p["active"])
            for c in report["cohorts"]
            for p in c["periods"]
            if p["active"]
        ]
    levels = lambda group: enumerate(group["reached_exactly"])
    return [(group["group"], level, n) for group in report["groups"] for level, n in levels(group) if n]


def clew(binary, path, task, reps):
    asked = TASKS.get(task, ["all", *ACTIVITY, "--steps", STEPS, "--window", "7d"])
    command = [binary, "journey", asked[0], str(path), *COLUMNS, *asked[1:], "--threads", "2", "--json"]
    runs = [measure(command) for _ in range(reps)]
    best = min(runs, key=lambda run: run["cpu_s"])
    return {key: min(run[key] for run in runs) for key in ("wall_s", "cpu_s")} | {
        "peak_mb": max(run["peak_mb"] for run in runs),
        "report": json.loads(best["out"]),
    }


def line(name, cpu, wall, memory, note=""):
    print(f"  {name:22} {cpu:7.2f} s CPU {wall:7.2f} s wall {memory:7.0f} MB  {note}", flush=True)


def peers_of(peers, path, out, reps, cells):
    script = str(peers / "run_peers.py")
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, script, str(path), str(out), "--reps", str(reps), "--scratch", scratch, "--only", ",".join(cells)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())["cells"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clew", default=os.environ.get("CLEW", "clew"), help="the binary; say in what you quote whether it is a release")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--reps", type=int, default=3)
    shared = os.environ.get("CLEW_SHARED", str(pathlib.Path(__file__).parent / "../../shared"))
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(shared) / "peers")
    parser.add_argument("--tools", default="chdb,duckdb,polars", help="of chdb, duckdb, polars")
    parser.add_argument("--native", action="store_true", help="also the peers' own tables (their loading is not counted)")
    parser.add_argument("--skip-process-mining", action="store_true", help="without PM4Py and r4pm at a million events")
    parser.add_argument("--only-clew", action="store_true", help="without peers, for sizes that they cannot hold")
    parser.add_argument("--folder", type=pathlib.Path, default=None, help="where files go; kept when named")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="write all figures as JSON")
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("run_peers", arguments.peers / "run_peers.py")
    run_peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run_peers)

    folder = arguments.folder or pathlib.Path(tempfile.mkdtemp(prefix="clew-bench-"))
    folder.mkdir(parents=True, exist_ok=True)

    def events(n):
        path = folder / f"events_{n}.parquet"
        if not path.exists():
            subprocess.run([sys.executable, str(arguments.peers / "gen_events.py"), str(path), "--events", str(n)], check=True)
        return path

    path = events(arguments.events)
    print(f"{arguments.events:,} events, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, the least of {arguments.reps} runs")
    figures, sum_of_bests = {}, 0.0
    for task in TASKS:
        print(f"{task}:")
        ours = clew(arguments.clew, path, task, arguments.reps)
        digest = run_peers.digest(rows_of(task, ours["report"]))
        figures[task] = {key: ours[key] for key in ("wall_s", "cpu_s", "peak_mb")} | {"digest": digest}
        line("clew", ours["cpu_s"], ours["wall_s"], ours["peak_mb"])
        if arguments.only_clew:
            continue
        cells = [f"{tool}:{task}" for tool in arguments.tools.split(",")]
        if arguments.native:
            cells += [f"{tool}:{task}_n" for tool in arguments.tools.split(",") if tool != "polars"]
        found = peers_of(arguments.peers, path, folder / f"peers_{task}_{os.getpid()}.json", arguments.reps, cells)
        for cell, run in found.items():
            if "error" in run:
                sys.exit(f"{cell}: {run['error']}")
            assert run["digest"] == digest, f"{cell} answers otherwise: {run['rows']} rows, {run['head']}, ours {digest}"
            line(cell, run["cpu_s"], run["min"], run["peak_rss_mb"], "own table" if cell.endswith("_n") else "")
        best = min(run["cpu_s"] for cell, run in found.items() if not cell.endswith("_n"))
        sum_of_bests += best
        figures[task] |= {"peers": found, "ratio": ours["cpu_s"] / best}
        print(f"  equal answers; CPU clew / best peer from Parquet: {ours['cpu_s'] / best:.2f} (goal {GOALS[task]})")

    print("all four in one scan:")
    ours = clew(arguments.clew, path, "all", arguments.reps)
    report = ours["report"]
    for task, part in (("dfg", "dfg"), ("paths", "paths"), ("retention", "retention")):
        assert run_peers.digest(rows_of(task, report[part])) == figures[task]["digest"], f"{task} differs in one scan"
    line("clew", ours["cpu_s"], ours["wall_s"], ours["peak_mb"])
    figures["all"] = {key: ours[key] for key in ("wall_s", "cpu_s", "peak_mb")}
    if not arguments.only_clew:
        figures["all"] |= {"sum_of_bests": sum_of_bests, "ratio": ours["cpu_s"] / sum_of_bests}
        print(f"  CPU clew / sum of the best peers: {ours['cpu_s'] / sum_of_bests:.2f} (goal {GOALS['all']})")

    if not (arguments.skip_process_mining or arguments.only_clew):
        million = events(1_000_000)
        print("1,000,000 events, process map:")
        ours = clew(arguments.clew, million, "dfg", arguments.reps)
        counts = run_peers.digest([row[:3] for row in rows_of("dfg", ours["report"])])
        line("clew, whole command", ours["cpu_s"], ours["wall_s"], ours["peak_mb"])
        found = peers_of(arguments.peers, million, folder / f"peers_1m_{os.getpid()}.json", arguments.reps, ["pm4py:dfg", "r4pm:dfg"])
        for cell, run in found.items():
            if "error" in run:
                print(f"  {cell}: {run['error']}")
                continue
            assert run["digest_counts"] == counts, f"{cell} counts otherwise"
            query, whole = run["cpu_s"] / ours["cpu_s"], (run["min"] + run["load_s"]) / ours["wall_s"]
            note = f"and {run['load_s']} s wall to load; clew: {query:.1f} times less CPU than the query, {whole:.1f} times faster than both"
            line(cell, run["cpu_s"], run["min"], run["peak_rss_mb"], note)
        figures["million"] = {key: ours[key] for key in ("wall_s", "cpu_s", "peak_mb")} | {"peers": found}
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
