#!/usr/bin/env python3
"""CPU time a request, memory, start-up and reloads of remora beside its peers, on one machine.

All proxies of a scenario run at once and are measured in turns, so that what the machine does beside it hits all of
them alike. `/l4epoll` is the median over the rounds of a proxy's CPU time by that of l4epoll, a byte relay, in the same
round, and `/haproxy` the same by HAProxy's; the interval holds the true median with the chance in brackets.
docs/benchmarks.md tells how to read it.

  ./dev bench                                             every scenario, short
  ./dev bench --scenarios small,16k,1m --rounds 12        what a claim is made from
  ./dev bench --scenarios rate --pin split                wake-ups between CPUs
  ./dev bench --scenarios tls,tls16k,handshake            TLS 1.3 from callers; `handshake`: a full one each request
  ./dev bench --scenarios h2,h2_16k,h2h2,h2h2_16k         HTTP/2 from callers, to HTTP/1 and to HTTP/2
  ./dev bench --scenarios mesh,mesh_h1,mesh_h2            two proxies with mutual TLS between, measured together
  ./dev bench --scenarios idle,idle_tls,idle_mtls,idle_h2 memory of connections that wait
  ./dev bench --readme                                    the README's table from the last run
"""

import argparse
import json
import os
import platform
import sys
import time

import certificates
import proxies
import scenarios
import tables
from traffic import TRAFFIC


def main():
    options = arguments()
    last = os.path.join(options.build, "bench", "last.json")
    source = options.source or (last if options.readme and not options.scenarios else "")
    if source:
        with open(source, encoding="utf-8") as file:
            report = json.load(file)
    else:
        report = measure_all(options)
        for path in filter(None, (last, options.json)):
            with open(path, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=1)
    if options.readme:
        print(tables.readme_table(report))
    elif source:
        for name, results in report["scenarios"].items():
            print_scenario(name, results)


def arguments():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--scenarios", default="", help="of " + ",".join(scenarios.SCENARIOS) + " (default: all)")
    parser.add_argument("--proxies", default="", help="of " + ",".join(proxies.RECIPES) + " (default: all)")
    parser.add_argument("--rounds", type=int, default=6, help="6 or more give a 95 %% interval")
    parser.add_argument("--seconds", type=int, default=2, help="of each measured run")
    parser.add_argument("--warm-up", type=int, default=1, help="seconds before the first round")
    parser.add_argument("--pin", choices=("packed", "split"), default="packed", help=PIN_HELP)
    parser.add_argument("--rate", type=float, default=3000, help="requests a second in `rate`")
    parser.add_argument("--connections", type=int, default=0, help="instead of the scenario's own number")
    parser.add_argument("--idle-connections", type=int, default=0, help="the same for `idle` and its kin")
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--json", default="", help="write the results here too")
    parser.add_argument("--from", dest="source", default="", help="print an earlier result instead of measuring")
    parser.add_argument("--readme", action="store_true", help="print the README's table")
    parser.add_argument("--build", default="build", help="folder with the programs")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.proxy_cpu, options.client_cpu = ("0", "0") if options.pin == "packed" else ("0", "1")
    return options


PIN_HELP = (
    "packed: proxy, client and backend on one CPU (queues are full, the cost of a busy proxy); "
    "split: the proxy on its own CPU (real wake-ups)"
)


def measure_all(options):
    os.makedirs(os.path.join(options.build, "bench"), exist_ok=True)
    names = chosen(options.proxies, proxies.RECIPES, "proxy")
    for name in list(names):
        reason = proxies.why_missing(name, options.build)
        if reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            names.remove(name)
    certificates.make(options.build)
    report = {"machine": machine(), "options": vars(options), "scenarios": {}}
    for scenario in chosen(options.scenarios, scenarios.SCENARIOS, "scenario"):
        results = scenarios.run(scenario, names, options)
        report["scenarios"][scenario] = results
        print_scenario(scenario, results, options)
    return report


def chosen(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            raise SystemExit(f"unknown {what} '{name}'; known are {', '.join(known)}")
    return names


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d"),
        "load": os.getloadavg(),
    }


def print_scenario(name, results, options=None):
    says = TRAFFIC[name].says if name in TRAFFIC else ""
    how = ""
    if options:
        how = f"pin={options.pin} rounds={options.rounds}x{options.seconds}s"
    print(f"\n## {name} {says} {how}".rstrip())
    print(tables.aligned(tables.table_of(name, results)), flush=True)


if __name__ == "__main__":
    main()
