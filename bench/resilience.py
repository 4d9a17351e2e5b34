#!/usr/bin/env python3
"""What callers notice of an application that dies, hangs, fails or becomes slow: one of three behind remora, under a
fixed rate of GETs. Each fault once without and once with what should save it, beside runs without a fault.

`failed` is every request that didn't end with 200: another status, a connection that ended, or no answer within
--timeout. Latency counts from when a request was due. docs/benchmarks.md tells more.

  ./dev bench --resilience                               every fault, a minute each
  ./dev bench --resilience --seconds 10 --faults hang    a look
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import load
import tables
from faults import FAULTS, App, low_port
from running import start, stop

CONNECTIONS = 512  # so many requests may wait at once before the next ones wait in the client

# The policy that is claimed. `timeout` bounds a try, not the answer's body.
RETRY = """retry:
          on: [connect-failure, refused-stream, reset, gateway-error, timeout]
          try_timeout: 250ms
          backoff: 5ms"""

# name: (what of the service, what of the route, what it is)
POLICIES = {
    "bare": ("balance: round_robin", "", "nothing but what is on by default, and round_robin"),
    "default": ("", "", "nothing but what is on by default"),
    "resilient": ("balance: peak_ewma\n    outlier: true", RETRY, "peak_ewma, outlier, retry with try_timeout"),
    "floor": (
        "balance: peak_ewma\n    outlier: true\n    retry_budget: { floor: 1000 }",
        RETRY,
        "resilient, and 1,000 retries a second besides the budget's share",
    ),
    "no-retry": ("balance: peak_ewma\n    outlier: true", "", "peak_ewma and outlier"),
    "no-outlier": ("balance: peak_ewma", RETRY, "peak_ewma and retry with try_timeout"),
    "least-request": ("outlier: true", RETRY, "least_request, outlier, retry with try_timeout"),
}

METRICS = ("retries", "retries_denied", "replays", "ejections", "requests_overflowed", "connect_failures")


def main():
    options = arguments()
    results = {}
    for policy in options.policies:
        print(f"{policy}: {POLICIES[policy][2]}\n{route_and_service(policy)}")
    for fault in options.faults:
        load_says = f"{options.rate:.0f} requests/s for {options.seconds:g} s"
        print(f"\n## {fault}: {FAULTS[fault].says}; {load_says}", flush=True)
        results[fault] = {policy: measure(fault, policy, options) for policy in options.policies}
        print(tables.aligned(table_of(results[fault])), flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"options": vars(options), "results": results}, file, indent=1)


def arguments():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--faults", type=names_of(FAULTS), default=list(FAULTS), help="of " + ",".join(FAULTS))
    parser.add_argument(
        "--policies", type=names_of(POLICIES), default=["bare", "resilient"], help="of " + ",".join(POLICIES)
    )
    parser.add_argument("--seconds", type=float, default=60, help="of each run")
    parser.add_argument("--rate", type=float, default=5000, help="requests a second")
    parser.add_argument("--timeout", type=int, default=2000, help="milliseconds until a caller gives up")
    parser.add_argument("--warm-up", type=float, default=1, help="seconds before each run")
    parser.add_argument("--json", default="", help="write the results here")
    parser.add_argument("--build", default="build", help="folder with the programs")
    parser.add_argument("--binary", default="", help="remora, if it isn't in that folder")
    parser.add_argument("--folder", default="", help="for configurations and what /recent told of failures")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.folder = os.path.abspath(options.folder or os.path.join(options.build, "bench", "resilience"))
    options.binary = os.path.abspath(options.binary or os.path.join(options.build, "remora"))
    return options


def names_of(known):
    def names(text):
        for name in text.split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown '{name}'; known are {', '.join(known)}")
        return text.split(",")

    return names


def route_and_service(policy, endpoints="[...]"):
    service, route, _ = POLICIES[policy]
    return f"""    routes:
      - to: app
        {route}
services:
  app:
    endpoints: {endpoints}
    {service}
"""


def measure(fault, policy, options):
    """One run: {what fixrate says, metrics of remora, what /recent keeps of failures}."""
    folder = os.path.join(options.folder, f"{fault}-{policy}")
    os.makedirs(folder, exist_ok=True)
    kind = FAULTS[fault]
    with contextlib.ExitStack() as stack:
        apps = [
            stack.enter_context(App(folder, options.build, number, kind.sick_micros, kind.sick_status))
            for number in range(3)
        ]
        remora = stack.enter_context(Remora(folder, policy, apps, options))
        run_load(options, remora.port, options.warm_up)  # what connects and allocates for the first time
        before, over, seen, shares = remora.metrics(), threading.Event(), {}, []
        beside = [
            threading.Thread(target=kind.befall, args=(apps, over, options.seconds)),
            threading.Thread(target=keep_failures, args=(remora, over, seen)),
            threading.Thread(target=count_shares, args=(remora, over, options.seconds / 2, shares)),
        ]
        for thread in beside:
            thread.start()
        try:
            answers = run_load(options, remora.port, options.seconds)
        finally:
            over.set()
            for thread in beside:
                thread.join()
        after = remora.metrics()
    with open(os.path.join(folder, "failures.txt"), "w", encoding="utf-8") as file:
        file.write("\n\n".join(seen.values()))
    metrics = {name: after[name] - before[name] for name in METRICS}
    return answers | {"metrics": metrics, "shares": shares, "folder": folder}


def run_load(options, port, seconds):
    lines = "".join(header + "\r\n" for header in load.HEADERS)
    command = [os.path.join(options.build, "fixrate"), port, "/s", CONNECTIONS, options.rate, seconds, lines]
    command = [str(part) for part in [*command, options.timeout]]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer | {"failed": answer["due"] - answer["ok"]}


def keep_failures(remora, over, seen, most=200):
    """Looks at /recent again and again, because it keeps the last ones only."""
    while not over.wait(0.25) and len(seen) < most:
        with contextlib.suppress(OSError):  # asked again
            for text in remora.admin("/recent?status=5xx").split("\n\n"):
                if "endpoint" in text:
                    seen.setdefault(text, text)


def count_shares(remora, over, after, shares):
    """How the requests of the second half were spread over the applications, in percent."""
    if over.wait(after):
        return
    before = remora.requests()
    over.wait()
    counts = [now - then for now, then in zip(remora.requests(), before)]
    shares += [round(100 * count / max(sum(counts), 1)) for count in counts]


class Remora:
    def __init__(self, folder, policy, apps, options):
        self.port, self.admin_port = low_port(), low_port()
        config = f"""inbound:
  - listen: 127.0.0.1:{self.port}
{route_and_service(policy, [f"127.0.0.1:{app.port}" for app in apps])}telemetry: {{ recent: 8192 }}
admin: 127.0.0.1:{self.admin_port}
"""
        path = os.path.join(folder, "remora.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        output = os.path.join(folder, "remora.log")
        self.process = start([options.binary, "run", path], f"0-{os.cpu_count() - 1}", output)
        limit = time.monotonic() + 10
        while True:
            try:
                self.admin("/ready")
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit(f"remora isn't ready ({error}); see {output}") from error
                time.sleep(0.01)

    def admin(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as response:
            return response.read().decode(errors="replace")

    def requests(self):
        (service,) = json.loads(self.admin("/clusters?format=json"))["services"]
        return [endpoint["requests"] for endpoint in service["endpoints"]]

    def metrics(self):
        text = self.admin("/metrics")
        return {
            name: sum(
                float(value) for value in re.findall(rf"^remora_upstream_{name}_total(?:{{.*}})? (\S+)$", text, re.M)
            )
            for name in METRICS
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        stop(self.process)


def table_of(results):
    heads = ("policy", "requests", "failed", "statuses", "closed", "overdue", "over 50 ms", "p50 ms", "p99 ms")
    table = [heads + ("p99.9 ms", "max ms", "retries", "denied", "replays", "ejections", "shares %")]
    for policy, run in results.items():
        statuses = " ".join(f"{status}:{count}" for status, count in run["statuses"].items()) or "-"
        row = (policy, str(run["due"]), str(run["failed"]), statuses, str(run["closed"]), str(run["overdue"]))
        row += (f"{share_over_50(run) * 100:.3f} %",)
        row += tuple(f"{run[key] / 1e3:.1f}" for key in ("p50", "p99", "p999", "max"))
        metrics = run["metrics"]
        names = ("retries", "retries_denied", "replays", "ejections")
        row += tuple(f"{metrics[name]:.0f}" for name in names)
        table.append(row + ("/".join(map(str, run["shares"])),))
    return table


def share_over_50(run):
    return run["over50"] / max(run["due"], 1)


if __name__ == "__main__":
    sys.exit(main())
