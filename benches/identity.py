#!/usr/bin/env python3
"""`clew match` beside Splink 5 on the same records, in one run on one machine.

    make bench-identity                                  # people_1m, febrl3, febrl4, fake_1000
    make bench-identity BENCH="--sets people --seed 7"   # other invented people
    make bench-identity BENCH="--growth 100000,1000000,5000000"

For each set both match without labels and are then held against the truth. Splink runs through `run_splink.py` of the peers' folder
(`--peers` or CLEW_SHARED/peers; the models of its own documentation for febrl3, febrl4 and fake_1000, one with the address as one
comparison and term frequencies for people); Clew runs as `clew match FILE --exclude … --truth …` without a setting. Both
have two threads. Whole processes are measured: wall seconds, CPU seconds and peak memory as the operating system counts them for
the finished child; Splink's process also makes its own evaluation, so that the times compared are those that each reports for
training (or fitting), predicting and clustering: Splink's phases train_* + predict + clustering, Clew's all but reading, encoding
and writing; what it takes with encoding, and as a whole, is printed beside.

Needs `pip install 'splink>=5,<6' pandas pyarrow duckdb` in the Python that `--python` names.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from measure import measure

HERE = pathlib.Path(__file__).resolve().parent
# What Splink counts as loading.
BEFORE = {"reading", "encoding", "writing"}


def people(options, folder, records, seed):
    path = folder / f"people_{records}_{seed}.parquet"
    if not path.exists():
        subprocess.run([options.python, options.peers / "gen_people.py", path, "--records", str(records), "--seed", str(seed)], check=True,
                       stdout=subprocess.DEVNULL)
    return path


FEBRL = """
import duckdb, sys
con = duckdb.connect()
con.execute("set threads=2")
con.execute(f\"\"\"copy (select *, regexp_extract(trim(rec_id), '^([^-]+-[^-]+)', 1) as person from read_csv('{sys.argv[1]}', all_varchar=true, normalize_names=true))
                to '{sys.argv[2]}' (header)\"\"\")
"""


def febrl(options, folder, name):
    """The file with the truth that its ids hold as a column of its own."""
    path = folder / name
    if not path.exists():
        subprocess.run([options.python, "-c", FEBRL, options.peers.parent / "data" / "febrl" / name, path], check=True)
    return path


def sets(options, folder):
    """By name: arguments of `clew match`, and of `run_splink.py`."""
    data = options.peers.parent / "data"
    if "people" in options.sets:
        file = people(options, folder, options.records, options.seed)
        yield "people", [file, "--exclude", "household_id", "--truth", "entity_id", "--id", "record_id"], ["people", "--people", file]
    if "febrl3" in options.sets:
        yield "febrl3", [febrl(options, folder, "dataset3.csv"), "--truth", "person"], ["febrl3"]
    if "febrl4" in options.sets:
        files = [febrl(options, folder, f"dataset4{part}.csv") for part in "ab"]
        yield "febrl4", [*files, "--link", "--truth", "person"], ["febrl4"]
    if "fake1000" in options.sets:
        yield "fake1000", [data / "splink" / "fake_1000.csv", "--truth", "cluster"], ["fake1000"]


def clew(options, arguments, folder):
    command = [options.clew, "match", *arguments, "--out", folder / "out.parquet", "--threads", "2", "--json"]
    seen = measure(command)
    report = json.loads(seen["out"])
    seconds = {phase["phase"]: phase["seconds"] for phase in report["seconds"]}
    truth = report["truth"]
    return {
        "match_s": sum(s for phase, s in seconds.items() if phase not in BEFORE),
        "with_encoding_s": sum(s for phase, s in seconds.items() if phase not in BEFORE - {"encoding"}),
        "wall_s": seen["wall_s"], "cpu_s": seen["cpu_s"], "peak_mb": seen["peak_mb"],
        "f1_at_half": truth["at_threshold"]["f1"], "precision": truth["at_threshold"]["precision"], "recall": truth["at_threshold"]["recall"],
        "clusters_f1": truth["clusters"]["f1"], "b_cubed_f1": truth["b_cubed"]["f1"], "brier": truth["brier"], "pairs": report["pairs"],
    }


def splink(options, arguments, folder):
    out = folder / "splink.json"
    seen = measure([options.python, options.peers / "run_splink.py", *arguments, "--threads", "2", "--out", out])
    report = json.loads(out.read_text())
    secs = report["secs"]
    at_half = report["at_prob_0_5"]
    return {
        "match_s": secs["train_predict_total"] + secs["cluster_cc_0.95"],
        "wall_s": seen["wall_s"], "cpu_s": seen["cpu_s"], "peak_mb": report["peak_rss_mb_train_predict"],
        "f1_at_half": at_half["f1"], "precision": at_half["p"], "recall": at_half["r"],
        "best_f1": report["best_pairwise"]["f1"], "clusters_f1": report["best_clustered"]["f1"],
    }


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def compare(options, folder):
    for name, ours, theirs in sets(options, folder):
        pairs = [(clew(options, ours, folder), splink(options, theirs, folder)) for _ in range(options.reps)]
        a, b = medians([pair[0] for pair in pairs]), medians([pair[1] for pair in pairs])
        print(f"{name}")
        print(f"  Clew    F1 at .5 {a['f1_at_half']:.4f} (P {a['precision']:.4f} R {a['recall']:.4f}), clusters {a['clusters_f1']:.4f}, "
              f"B3 {a['b_cubed_f1']:.4f}, Brier {a['brier']:.4f}, {a['pairs']:.0f} pairs; match {a['match_s']:.2f} s "
              f"(with encoding {a['with_encoding_s']:.2f}, whole process {a['wall_s']:.2f}, {a['cpu_s']:.2f} CPU s), {a['peak_mb']:.0f} MB")
        print(f"  Splink  F1 at .5 {b['f1_at_half']:.4f} (P {b['precision']:.4f} R {b['recall']:.4f}), best {b['best_f1']:.4f}, "
              f"clusters at best {b['clusters_f1']:.4f}; train + predict + cluster {b['match_s']:.2f} s "
              f"(whole process {b['wall_s']:.2f}, {b['cpu_s']:.2f} CPU s), {b['peak_mb']:.0f} MB")
        print(f"  ratio   {b['match_s'] / a['match_s']:.1f} times the speed ({b['match_s'] / a['with_encoding_s']:.1f} with encoding), "
              f"{a['peak_mb'] / b['peak_mb']:.2f} of the memory", flush=True)


def growth(options, folder):
    for records in options.growth:
        file = people(options, folder, records, options.seed)
        seen = clew(options, [file, "--exclude", "household_id", "--truth", "entity_id", "--id", "record_id"], folder)
        print(f"{records:>9} records: match {seen['match_s']:.2f} s, with encoding {seen['with_encoding_s']:.2f}, whole process {seen['wall_s']:.2f}, "
              f"{seen['cpu_s']:.2f} CPU s, {seen['peak_mb']:.0f} MB; {seen['pairs']} pairs, F1 at .5 {seen['f1_at_half']:.4f}, "
              f"clusters {seen['clusters_f1']:.4f}, Brier {seen['brier']:.4f}", flush=True)


def main():
    shared = pathlib.Path(os.environ.get("CLEW_SHARED", HERE.parent.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="people,febrl3,febrl4,fake1000", type=lambda text: text.split(","))
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--reps", type=int, default=1)
    parser.add_argument("--growth", type=lambda text: [int(n) for n in text.split(",")], help="only Clew, on so many invented people each")
    parser.add_argument("--peers", type=pathlib.Path, default=shared / "peers")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--data", type=pathlib.Path, help="where generated files are kept; a temporary folder when left out")
    parser.add_argument("--clew", default=os.environ.get("CLEW", "clew"))
    options = parser.parse_args()
    if not (options.peers / "run_splink.py").is_file():
        sys.exit(f"bench-identity: no {options.peers / 'run_splink.py'}: name the peers' folder with --peers")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        kept = options.data or folder
        kept.mkdir(parents=True, exist_ok=True)
        if options.growth:
            growth(options, kept)
        else:
            compare(options, kept)


main()
