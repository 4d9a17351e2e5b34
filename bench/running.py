"""Starts and stops what is measured. Every process started here is ended by its own id, whatever goes wrong."""

import atexit
import os
import signal
import socket
import subprocess
import time

import processes
import proxies

FIRST_ANSWER_LIMIT = 15  # seconds
_started = []


@atexit.register
def _end_all():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, cpu, output):
    with open(output, "w", encoding="utf-8") as file:
        process = subprocess.Popen(["taskset", "-c", cpu, *command], stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    _started.append(process)
    return process


class Running:
    """A proxy (or, as `direct`, the backend itself) that answers. `with Running(...)` stops it."""

    def __init__(self, name, backend, options):
        self.name = name
        self.process = None
        if name == "direct":
            self.port, self.pids = backend.port, backend.pids
            return
        folder = os.path.join(options.build, "bench", name)
        os.makedirs(folder, exist_ok=True)
        place = proxies.Place(free_port(), free_port(), backend.port, folder, options.build)
        self.recipe, self.port = proxies.RECIPES[name](place), place.port
        for file, text in self.recipe.files.items():
            with open(place.path(file), "w", encoding="utf-8") as out:
                out.write(text)
        began = time.monotonic()
        self.process = start(self.recipe.command, options.proxy_cpu, place.path("output.log"))
        answered = self.wait_for_answer(place.path("output.log"))
        self.start_millis = (answered - began) * 1e3
        self.pids = processes.tree(self.process.pid)

    def wait_for_answer(self, output):
        """The moment of the first 200. Asks every 0.2 ms: a start takes a few."""
        limit = time.monotonic() + FIRST_ANSWER_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"GET /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if connection.recv(100).startswith(b"HTTP/1.1 200"):
                        return time.monotonic()
            except OSError:
                time.sleep(0.0002)
        with open(output, encoding="utf-8", errors="replace") as file:
            said = file.read()[-2000:]
        raise SystemExit(f"{self.name} gave no 200 on port {self.port} within {FIRST_ANSWER_LIMIT} s\n{said}")

    def reload(self):
        self.process.send_signal(self.recipe.reload_signal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            stop(self.process)


class Backend:
    def __init__(self, options):
        self.port = free_port()
        program = os.path.join(options.build, "backend")
        output = os.path.join(options.build, "bench", "backend.log")
        self.process = start([program, str(self.port)], options.client_cpu, output)
        self.pids = [self.process.pid]
        limit = time.monotonic() + 5
        while socket.socket().connect_ex(("127.0.0.1", self.port)) and time.monotonic() < limit:
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
