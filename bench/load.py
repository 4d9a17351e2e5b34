"""The clients: wrk and h2load for closed loops (as fast as answers come), fixrate for an open one (at a fixed rate)."""

import json
import os
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
    median_micros: float | None  # None: the client doesn't tell
    p99_micros: float | None
    errors: int


STREAMS = 25  # of each HTTP/2 connection


def wrk(port, path, connections, seconds, cpu, close=False, tls=""):
    """Keeps every connection busy; with close, opens a new one for each request. `tls`: OpenSSL's settings."""
    headers = HEADERS + (("Connection: close",) if close else ())
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += [part for header in headers for part in ("-H", header)]
    command.append(f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}")
    environment = os.environ | ({"OPENSSL_CONF": tls} if tls else {})
    return parse_wrk(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


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


def h2load(port, path, connections, seconds, cpu):
    """HTTP/2 by prior knowledge, every stream of every connection busy."""
    command = ["taskset", "-c", cpu, "h2load", "-t1", f"-c{connections}", f"-m{STREAMS}", f"-D{seconds}"]
    command += ["--warm-up-time=0"] + [part for header in HEADERS for part in ("-H", header)]
    command.append(f"http://127.0.0.1:{port}{path}")
    return parse_h2load(subprocess.run(command, capture_output=True, text=True, check=True).stdout, seconds)


def parse_h2load(text, seconds):
    """Raises unless the protocol was HTTP/2: nothing else may pass for it. It has no percentiles."""
    if "Application protocol: h2" not in text:
        raise SystemExit(f"h2load didn't speak HTTP/2:\n{text}")
    done, *failures = map(int, re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text).groups())
    others = map(int, re.search(r"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text).groups())
    # Answers of other statuses "failed" already when they are 4xx or 5xx.
    return Answers(done, done / seconds, None, None, sum(failures) + list(others)[0])


def fixrate(program, port, path, connections, rate, seconds, cpu):
    lines = "".join(header + "\r\n" for header in HEADERS)
    command = ["taskset", "-c", cpu, program, str(port), path, str(connections), str(rate), str(seconds), lines]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Answers(answer["done"], answer["done"] / seconds, answer["p50"], answer["p99"], answer["err"])
