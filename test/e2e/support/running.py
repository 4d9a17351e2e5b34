"""remora, and other programs, as processes that are ready when the test gets them and gone when it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

READY_LIMIT = 30  # seconds; sanitizer builds on a busy machine are slow
EXIT_LIMIT = 30
SANITIZER_REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Sanitizer:")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, limit=READY_LIMIT, what="the condition"):
    """Polls until `condition()` is true and returns what it returned; fails the test after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what} didn't come true within {limit} s"
        time.sleep(0.005)


def connects(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A process whose output goes to a file. Ended by its own id."""

    def __init__(self, command, output, env=None, ready_port=None):
        self.output_path = output
        with open(output, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {}))
            )
        if ready_port:
            self.wait_ready(lambda: connects(ready_port))

    def wait_ready(self, condition):
        def ready():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output()}"
            return condition()

        wait_until(ready, what="readiness")

    def output(self):
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Stops it and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(EXIT_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"didn't end within {EXIT_LIMIT} s:\n{self.output()[-4000:]}") from None


class Remora(Program):
    """remora with a configuration given as a dict (JSON is YAML). Ready once /ready says so."""

    def __init__(self, folder, config, arguments=(), env=None):
        self.folder = folder
        self.config = dict(config)
        self.admin_port = free_port()
        self.access_log_path = os.path.join(folder, "access.log")
        self.config.setdefault("admin", f"127.0.0.1:{self.admin_port}")
        self.config.setdefault("drain", {"delay": "0s", "grace": "5s"})
        # Lines are looked for as soon as the exchange ended.
        log = {"to": self.access_log_path, "format": "json", "flush": "20ms"}
        self.config.setdefault("telemetry", {}).setdefault("access_log", log)
        self.config_path = os.path.join(folder, "remora.yaml")
        self.write_config()
        command = [binary(), "run", self.config_path, *arguments]
        super().__init__(command, os.path.join(folder, "remora.log"), env)
        self.wait_ready(lambda: self.admin_status("/ready") == 200)

    @property
    def port(self):
        """Of the first listener, the inbound ones first."""
        return self.ports[0]

    @property
    def ports(self):
        listeners = self.config.get("inbound", []) + self.config.get("outbound", [])
        return [int(listener["listen"].rsplit(":", 1)[1]) for listener in listeners]

    def write_config(self):
        """Replaces the file in one step, as an orchestrator does."""
        with open(self.config_path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=1)
        os.replace(self.config_path + ".new", self.config_path)

    def admin(self, path, method="GET"):
        """The body of an admin page as text; an error status is an exception."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode()

    def admin_status(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metric(self, name, **labels):
        """The sum of the samples of that name with these labels; 0 when there is none."""
        total = 0.0
        for line in self.admin("/metrics").splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)(?: \d+)?", line)
            if match and match.group(1) == name:
                have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                if all(have.get(key) == value for key, value in labels.items()):
                    total += float(match.group(3))
        return total

    def access_log(self, at_least=1):
        """The lines so far as dicts, once there are `at_least` that many."""

        def lines():
            if not os.path.exists(self.access_log_path):
                return []
            with open(self.access_log_path, encoding="utf-8") as file:
                return [json.loads(line) for line in file.read().splitlines()]

        wait_until(lambda: len(lines()) >= at_least, what=f"an access log of {at_least} lines")
        return lines()

    def stop(self):
        """SIGTERM; the exit status must be 0 and no sanitizer may have complained."""
        status = self.end()
        said = self.output()
        print(said[-8000:])  # pytest shows it when the test failed
        assert not SANITIZER_REPORT.search(said), said[-8000:]
        assert status == 0, f"exit status {status}:\n{said[-8000:]}"


def binary():
    path = os.environ.get("REMORA_BIN", os.path.join(os.path.dirname(__file__), "../../../build/remora"))
    assert os.path.exists(path), f"{path} isn't built: ./dev build"
    return os.path.abspath(path)
