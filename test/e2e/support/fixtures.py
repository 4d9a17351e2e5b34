"""The fixtures of the end-to-end and conformance tests."""

import json
import re
import subprocess

import pytest
from support import apps
from support.certificates import SERVER, Authority
from support.raw_server import RawServer, answer_all
from support.running import Remora, free_port


def inbound(app, **options):
    """An inbound listener on a free port, in front of `app` (anything with an address, or a text)."""
    return {"listen": f"127.0.0.1:{free_port()}", "app": getattr(app, "address", app), **options}


def outbound(routes, **options):
    return {"listen": f"127.0.0.1:{free_port()}", "routes": routes, **options}


@pytest.fixture
def start_remora(tmp_path):
    """start_remora({configuration}) -> Remora. Stopped after the test, with exit status and sanitizers checked."""
    started = []

    def start(config, **options):
        folder = tmp_path / f"remora-{len(started)}"
        folder.mkdir()
        started.append(Remora(str(folder), config, **options))
        return started[-1]

    yield start
    for remora in reversed(started):
        remora.stop()


@pytest.fixture
def start_server():
    """start_server(script) -> RawServer. At the end its scripts must have seen no malformed request."""
    started = []

    def start(script=answer_all, **options):
        started.append(RawServer(script, **options))
        return started[-1]

    yield start
    for server in started:
        server.__exit__()
        assert server.problems == []


@pytest.fixture
def python_app(tmp_path):
    app = apps.python_app(str(tmp_path))
    yield app
    app.end()


@pytest.fixture
def start_node_app(tmp_path):
    started = []

    def start(**options):
        started.append(apps.node_app(str(tmp_path), **options))
        return started[-1]

    yield start
    for app in started:
        app.end()


@pytest.fixture
def start_app(tmp_path):
    """start_app("http1" | "h2c" | "https", **environment) -> App."""
    started = []

    def start(protocol, **env):
        started.append(apps.any_app(str(tmp_path), protocol, **env))
        return started[-1]

    yield start
    for app in started:
        app.end()


@pytest.fixture
def remora_before(start_remora):
    """remora_before(server, **listener options): remora with one inbound listener in front of the server."""
    return lambda server, **options: start_remora({"inbound": [inbound(server, **options)]})


@pytest.fixture
def curl():
    """curl(*arguments) -> (status, headers as [(name, value)], body). HTTP errors are answers, not failures."""

    def run(*arguments, data=None, version="--http1.1"):
        command = ["curl", "-sS", "-i", "--max-time", "20", version, *arguments]
        result = subprocess.run(command, input=data, capture_output=True, timeout=40)
        assert result.returncode == 0, f"curl exited with {result.returncode}: {result.stderr.decode()}"
        rest = result.stdout
        while True:
            head, _, rest = rest.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            if status >= 200 or status == 101:
                return status, [tuple(line.split(": ", 1)) for line in lines[1:]], rest

    return run


@pytest.fixture
def wrk():
    """wrk(port, seconds, connections) -> (requests done, errors of any kind)."""

    def run(port, seconds=2, connections=16, target="/", headers=()):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}"]
        command += [part for header in headers for part in ("-H", header)] + [f"http://127.0.0.1:{port}{target}"]
        text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
        sockets = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = sum(map(int, sockets.groups())) if sockets else 0
        return int(re.search(r"(\d+) requests in", text).group(1)), errors + (int(statuses.group(1)) if statuses else 0)

    return run


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server(authority):
    """A leaf for listeners and applications of this machine."""
    return authority.leaf("server", SERVER)


@pytest.fixture(scope="session")
def client(authority):
    return authority.leaf("client", "URI:spiffe://example.org/web")


def parsed(body):
    return json.loads(body)
