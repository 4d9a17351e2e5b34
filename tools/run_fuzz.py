#!/usr/bin/env python3
"""Runs each fuzz target for some CPU seconds, keeps the inputs that reach new code, and adds up the time.

Each target starts from test/fuzz/corpus/TARGET, works on a copy in the build folder, and at the end only inputs that
reach code which the stored ones don't are added. test/fuzz/ledger.tsv holds the CPU seconds and runs since the start.
"""

import argparse
import glob
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys

import source_tree

CORPUS = "test/fuzz/corpus"
LEDGER = "test/fuzz/ledger.tsv"
LONGEST_INPUT = 16384  # past every bound on a head's single parts, short enough to try thousands a second


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder with the targets")
    parser.add_argument("--seconds", type=int, default=60, help="CPU seconds a target")
    parser.add_argument("targets", nargs="*", help="names such as path_fuzz; all when absent")
    options = parser.parse_args()
    targets = sorted(glob.glob(os.path.join(options.build, "*_fuzz")))
    if options.targets:
        targets = [target for target in targets if os.path.basename(target) in options.targets]
    if len(targets) < max(1, len(options.targets)):
        sys.exit("no such fuzz target was built: test/fuzz/*_fuzz.cc")
    failed = [target for target in targets if not fuzz(target, options)]
    print(f"{len(targets) - len(failed)} targets without a finding, {len(failed)} with one")
    return 1 if failed else 0


def fuzz(target, options):
    name = os.path.basename(target)
    stored, work = os.path.join(CORPUS, name), os.path.join(options.build, "corpus", name)
    seeds, findings = os.path.join(options.build, "seeds"), os.path.join(options.build, "findings", name + "-")
    for folder in (stored, work, seeds, os.path.dirname(findings)):
        os.makedirs(folder, exist_ok=True)
    write_seeds(seeds)
    used, executions, complaint = run_for(target, options.seconds, [work, stored, seeds], findings)
    ledger = read_ledger()  # now: another run may have written meanwhile
    seconds_before, executions_before = ledger.get(name, (0, 0))
    ledger[name] = (seconds_before + used, executions_before + executions)
    write_ledger(ledger)
    outcome = f"FINDING, see {findings}*" if complaint else "ok"
    print(f"{name}: {used:.0f} CPU s now, {ledger[name][0]:.0f} in all, {ledger[name][1]} runs: {outcome}", flush=True)
    if complaint:
        print(complaint, file=sys.stderr)
    elif subprocess.run([target, "-merge=1", stored, work, seeds], capture_output=True).returncode == 0:
        shutil.rmtree(work)
    return not complaint


def run_for(target, seconds, folders, findings):
    """(CPU seconds, runs, the end of what libFuzzer said about a finding or ''). Its own limit is on wall time, so a
    busy machine needs several goes."""
    began, executions = cpu_seconds(), 0
    command = [target, *folders, f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={findings}"]
    # Wall time, on a machine that may be busy with other things: an endless loop is found all the same.
    command += ["-print_final_stats=1", "-timeout=300", "-rss_limit_mb=2048"]
    while (missing := seconds - (cpu_seconds() - began)) >= 1:
        limit = f"-max_total_time={math.ceil(missing)}"
        result = subprocess.run([*command, limit], capture_output=True, text=True, errors="replace")
        count = re.search(r"number_of_executed_units: (\d+)", result.stderr)
        executions += int(count.group(1)) if count else 0
        if result.returncode:
            return cpu_seconds() - began, executions, "\n".join(result.stderr.splitlines()[-40:])
    return cpu_seconds() - began, executions, ""


def write_seeds(folder):
    """The hostile bytes of the conformance tests, a file each: starting points for every parser."""
    for path in glob.glob("test/conformance/data/*.json"):
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        stem = os.path.splitext(os.path.basename(path))[0]
        for number, row in enumerate(rows):
            with open(os.path.join(folder, f"{stem}-{number}"), "wb") as file:
                file.write(row["raw"].encode("latin-1"))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_ledger():
    if not os.path.exists(LEDGER):
        return {}
    with open(LEDGER, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().splitlines()[1:]]
    return {name: (float(seconds), int(runs)) for name, seconds, runs in rows}


def write_ledger(ledger):
    with open(LEDGER, "w", encoding="utf-8") as file:
        file.write("target\tcpu_seconds\truns\n")
        for name, (seconds, runs) in sorted(ledger.items()):
            file.write(f"{name}\t{seconds:.0f}\t{runs}\n")


if __name__ == "__main__":
    os.chdir(source_tree.ROOT)
    sys.exit(main())
