"""remora, and other programs, as processes that are ready when the test gets them and gone when it ends."""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time

READY_LIMIT = 30  # seconds; sanitizer builds on a busy machine are slow
EXIT_LIMIT = 30
SANITIZER_REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Sanitizer:")


class Ports:
    """Ports of 127.0.0.1 that nobody uses, each given once in the life of this process. Those of one process are a block
    that no other process on this machine takes at the same time: it holds the block's name, an abstract Unix socket,
    which is free again when the process has ended, however that happens."""

    # Below those that the kernel gives to outgoing connections: one of these may be taken before remora listens there.
    BLOCKS = range(10_000, 32_000, 100)

    def __init__(self):
        self.held = []
        self.left = iter(())
        self.blocks = iter(random.sample(self.BLOCKS, len(self.BLOCKS)))

    def next(self):
        while True:
            for port in self.left:
                if self.is_free(port):
                    return port
            self.left = self.take_block()

    def take_block(self):
        for first in self.blocks:
            name = socket.socket(socket.AF_UNIX)
            try:
                name.bind(f"\0remora-test-ports-{first}")
            except OSError:
                name.close()
                continue
            self.held.append(name)
            return iter(range(first, first + self.BLOCKS.step))
        raise AssertionError("each port from 10000 to 31999 was given once: no test needs so many")

    @staticmethod
    def is_free(port):
        if connects(port):
            return False
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False


PORTS = Ports()


def free_port():
    return PORTS.next()


def wait_until(condition, limit=READY_LIMIT, what="the condition"):
    """Polls until `condition()` is true and returns what it returned; fails the test after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what} didn't come true within {limit} s"
        time.sleep(0.005)


def port_in(listen):
    """A configuration's listen address as RawClient takes it."""
    if listen.startswith("unix:@"):
        return "\0" + listen.removeprefix("unix:@")
    if listen.startswith("unix:"):
        return listen.removeprefix("unix:")
    return int(listen.rsplit(":", 1)[1])


def connects(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A process whose output goes to a file. Ended by its own id."""

    def __init__(self, command, output, env=None, ready_port=None, stdout=None, stderr=None):
        self.output_path = output
        with open(output, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(
                command,
                stdout=stdout or file,
                stderr=stderr or file,
                stdin=subprocess.DEVNULL,
                env=dict(os.environ, **(env or {})),
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

    @property
    def pid(self):
        return self.process.pid

    def send_signal(self, number):
        os.kill(self.pid, number)

    def end(self, number=signal.SIGTERM):
        """Stops it and returns the exit status."""
        if self.process.poll() is None:
            self.send_signal(number)
        try:
            return self.process.wait(EXIT_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"didn't end within {EXIT_LIMIT} s:\n{self.output()[-4000:]}") from None


class UnixHttpConnection(http.client.HTTPConnection):
    """http.client over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Remora(Program):
    """remora with a configuration given as a dict (JSON is YAML). Ready once /ready says so.

    `prefix` are words before the command, such as ["unshare", "--fork", "--pid"], and `forks` says whether they stay as
    its parent; `descriptors` is its limit of them; `streams` takes stdout and stderr elsewhere than to the output that
    stop() looks into.
    """

    def __init__(self, folder, config, arguments=(), env=None, prefix=(), forks=True, descriptors=None, **streams):
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
        command = [*prefix, binary(), "run", self.config_path, *arguments]
        if descriptors:
            command = ["prlimit", f"--nofile={descriptors}:{descriptors}", *command]
        self.has_parent = bool(prefix) and forks
        super().__init__(command, os.path.join(folder, "remora.log"), env, **streams)
        self.wait_ready(lambda: self.admin_status("/ready") == 200)

    @property
    def port(self):
        """Of the first listener, the inbound ones first."""
        return self.ports[0]

    @property
    def ports(self):
        """What RawClient takes: a port, or the path of a Unix socket."""
        listeners = self.config.get("inbound", []) + self.config.get("outbound", [])
        return [port_in(listener["listen"]) for listener in listeners]

    @property
    def pid(self):
        """Of remora itself, also behind a prefix that forks."""
        if self.has_parent:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                return int(file.read().split()[0])
        return self.process.pid

    def resident(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def write_config(self):
        """Replaces the file in one step, as an orchestrator does."""
        with open(self.config_path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=1)
        os.replace(self.config_path + ".new", self.config_path)

    def ask_admin(self, path, method="GET", headers=None):
        """(status, body as text) of an admin page."""
        listen = self.config["admin"]
        if listen.startswith("unix:"):
            connection = UnixHttpConnection(listen.removeprefix("unix:"))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port_in(listen), timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def admin(self, path, method="GET"):
        """The body of an admin page as text; any status but a good one fails the test."""
        status, body = self.ask_admin(path, method)
        assert status < 300, f"{method} {path} gave {status}: {body}"
        return body

    def admin_status(self, path):
        """0 when nobody answers."""
        try:
            return self.ask_admin(path)[0]
        except (OSError, http.client.HTTPException):
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
                text = file.read()
            # A reader may come between two pages of one write: what has no end yet is not a line.
            return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

        wait_until(lambda: len(lines()) >= at_least, what=f"an access log of {at_least} lines")
        return lines()

    def stop(self):
        """SIGTERM; the exit status must be 0 and no sanitizer may have complained."""
        status = self.end()
        said = self.output()
        print(said[-8000:])  # pytest shows it when the test failed
        assert not SANITIZER_REPORT.search(said), said[-8000:]
        assert status == 0, f"exit status {status}:\n{said[-8000:]}"


def has_fault_seam():
    """True for a build whose system calls REMORA_FAULTS can make fail."""
    with open(binary(), "rb") as file:
        return b"REMORA_FAULTS\0" in file.read()


def is_sanitized():
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


def binary():
    path = os.environ.get("REMORA_BIN", os.path.join(os.path.dirname(__file__), "../../../build/remora"))
    assert os.path.exists(path), f"{path} isn't built: ./dev build"
    return os.path.abspath(path)
