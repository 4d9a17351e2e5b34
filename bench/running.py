"""Starts and stops what is measured. Every process started here is ended by its own id, whatever goes wrong."""

import atexit
import os
import signal
import socket
import subprocess
import time

import processes
import proxies
import talk
import wires
from recipe import Place
from wires import Http, Leg

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

    inside = None  # no mesh

    def __init__(self, name, backend, options, between=wires.PLAIN, part=""):
        self.name, self.wires = name, between
        self.process = None
        if name == "direct":
            self.port, self.pids = backend.port, backend.pids
            return
        folder = os.path.join(options.build, "bench", name + part)
        os.makedirs(folder, exist_ok=True)
        others = tuple(getattr(backend, "others", ()))
        place = Place(free_port(), free_port(), backend.port, folder, options.build, between, others)
        self.recipe, self.port = proxies.recipe_of(name, place), place.port
        for file, text in self.recipe.files.items():
            with open(place.path(file), "w", encoding="utf-8") as out:
                out.write(text)
        began = time.monotonic()
        self.process = start(self.recipe.command, options.proxy_cpu, place.path("output.log"))
        answered = self.wait_for_answer(place)
        self.start_millis = (answered - began) * 1e3
        self.pids = processes.tree(self.process.pid)

    def wait_for_answer(self, place):
        """The moment of the first 200. Asks every 0.2 ms: a start takes a few."""
        limit, why = time.monotonic() + FIRST_ANSWER_LIMIT, ""
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                with talk.connect_and_get(self.port, self.wires.down, place.certificates):
                    return time.monotonic()
            except OSError as error:
                why = str(error)
                time.sleep(0.0002)
        with open(place.path("output.log"), encoding="utf-8", errors="replace") as file:
            said = file.read()[-2000:]
        stop(self.process)
        raise SystemExit(f"{self.name} gave no 200 on port {self.port}: {why}\n{said}")

    def all_pids(self):
        """Now: a reload or a load may have started more."""
        return processes.tree(self.process.pid) if self.process else self.pids

    def reload(self):
        self.process.send_signal(self.recipe.reload_signal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            stop(self.process)


class Mesh:
    """Two proxies of one kind, the caller's and the called one's, measured together."""

    def __init__(self, name, backend, options, inside):
        callers, called = wires.mesh(inside)
        self.name, self.wires, self.inside = name, wires.PLAIN, inside
        self.called = Running(name, backend, options, called, "-called")
        try:
            self.caller = Running(name, self.called, options, callers, "-caller")
        except BaseException:
            stop(self.called.process)
            raise
        self.port = self.caller.port

    def all_pids(self):
        return self.caller.all_pids() + self.called.all_pids()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.caller.process)
        stop(self.called.process)


class Backend:
    """The application: HTTP/1, or HTTP/2 by prior knowledge."""

    def __init__(self, options, leg=Leg(), others=()):
        self.port, self.others = free_port(), [backend.port for backend in others]
        program = os.path.join(options.build, "h2backend" if leg.http is Http.TWO else "backend")
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
