"""The clients: wrk for closed loops (as fast as answers come), fixrate for an open one (at a fixed rate)."""

import json
import re
import subprocess
from dataclasses import dataclass

# What a real caller sends: 392 bytes, 7 headers with Host.
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) sidebench/1",
    "Accept: application/json",
    "Accept-Encoding: gzip, deflate, br",
    "Authorization: Bearer " + "eyJhbGciOi" * 12,
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "X-Api-Version: 3",
)
MICROS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


@dataclass
class Answers:
    done: int
    rate: float  # a second
    median_micros: float
    p99_micros: float
    errors: int


def wrk(port, path, connections, seconds, cpu, close=False):
    """Keeps every connection busy; with close, opens a new one for each request."""
    headers = HEADERS + (("Connection: close",) if close else ())
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += [part for header in headers for part in ("-H", header)]
    command.append(f"http://127.0.0.1:{port}{path}")
    return parse_wrk(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def parse_wrk(text):
    def percentile(which):
        match = re.search(rf"{which}%\s+([\d.]+)([a-z]+)", text)
        return float(match.group(1)) * MICROS[match.group(2)]

    socket_errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(map(int, socket_errors.groups())) if socket_errors else 0
    errors += int(statuses.group(1)) if statuses else 0
    done = int(re.search(r"(\d+) requests in", text).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    return Answers(done, rate, percentile(50), percentile(99), errors)


def fixrate(program, port, path, connections, rate, seconds, cpu):
    lines = "".join(header + "\r\n" for header in HEADERS)
    command = ["taskset", "-c", cpu, program, str(port), path, str(connections), str(rate), str(seconds), lines]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Answers(answer["done"], answer["done"] / seconds, answer["p50"], answer["p99"], answer["err"])
