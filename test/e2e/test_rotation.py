"""Reloads and rotations of certificates while traffic of every kind runs through TLS: nothing is lost, no stream
breaks, and every handshake shows one whole leaf. Prints what ran meanwhile."""

import collections
import concurrent.futures
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import grpc
import pytest
from support.running import free_port, wait_until

LEAVES = 10  # of each kind, taken in turn
PATIENCE = 20  # seconds until a missing byte fails the test; never waited for when all is well
UPGRADE = (
    "GET /websocket HTTP/1.1\r\nHost: files.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Files:
    """A certificate and its key as files that are replaced."""

    name = "files.test"

    def __init__(self, folder, first):
        self.paths = {kind: os.path.join(folder, f"files.{kind}") for kind in first}
        self.folder = folder
        self.rotate(first)

    def rotate(self, leaf):
        for kind, path in self.paths.items():
            os.replace(shutil.copy(leaf[kind], os.path.join(self.folder, "next")), path)


class Links:
    """As Kubernetes mounts a secret: the files are links through `..data`, a link that is swapped."""

    name = "links.test"

    def __init__(self, folder, first):
        self.folder = folder
        self.paths = {kind: os.path.join(folder, f"links.{kind}") for kind in first}
        self.data = os.path.join(folder, "..data")
        self.count = 0
        self.rotate(first)
        for path in self.paths.values():
            os.symlink(os.path.join("..data", os.path.basename(path)), path)

    def rotate(self, leaf):
        old = os.path.realpath(self.data) if self.count else None
        self.count += 1
        fresh = os.path.join(self.folder, f"..version-{self.count}")
        os.mkdir(fresh)
        for kind, path in self.paths.items():
            shutil.copy(leaf[kind], os.path.join(fresh, os.path.basename(path)))
        os.symlink(os.path.basename(fresh), self.data + "_tmp")
        os.replace(self.data + "_tmp", self.data)
        if old:
            shutil.rmtree(old)


class Traffic:
    """Threads that work until stop(), what they counted, and what went wrong in them."""

    def __init__(self, port, authority):
        self.port = port
        self.authority = authority.certificate
        self.context = self.context_for()
        self.over = threading.Event()
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.problems = []
        self.threads = []

    def context_for(self, *protocols):
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(protocols or ["http/1.1"])
        return context

    def connect(self, name):
        """A new connection with a full handshake, never resumed. The certificate is verified for the name."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, server_hostname=name)

    def leaf_of(self, name):
        with self.connect(name) as connection:
            return common_name(connection)

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def start(self, work, *arguments, times=1):
        def run():
            try:
                work(self, *arguments)
            except Exception as problem:  # whatever it is, the test must hear of it
                self.problems.append(f"{work.__name__}: {problem!r}")

        for _ in range(times):
            self.threads.append(threading.Thread(target=run, daemon=True))
            self.threads[-1].start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"


def common_name(connection):
    return dict(pair for part in connection.getpeercert()["subject"] for pair in part)["commonName"]


def keep_alive_requests(traffic, name):
    """On one connection from the beginning to the end."""
    connection = http.client.HTTPConnection("127.0.0.1", traffic.port, timeout=PATIENCE)
    connection.sock = kept = traffic.connect(name)
    while not traffic.over.is_set():
        connection.request("GET", "/status?200", headers={"Host": name})
        response = connection.getresponse()
        response.read()
        assert (response.status, connection.sock) == (200, kept)
        traffic.count("HTTP/1.1 requests on kept connections")
    connection.close()


def http2_requests(traffic, _):
    command = ["h2load", "-n", "4000", "-c", "4", "-m", "10", f"https://127.0.0.1:{traffic.port}/status?200"]
    while not traffic.over.is_set():
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
        assert "4000 succeeded, 0 failed, 0 errored" in shown and "4000 2xx" in shown, shown
        assert "Application protocol: h2" in shown
        traffic.count("HTTP/2 requests", 4000)


def channel_to(traffic, name):
    with open(traffic.authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = [("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(f"127.0.0.1:{traffic.port}", credentials, options=options)


def grpc_chat(traffic, name):
    """One stream that lasts: each message is answered before the next."""
    answered, sent = threading.Semaphore(1), []

    def messages():
        while answered.acquire(timeout=PATIENCE) and not traffic.over.is_set():
            sent.append(b"message %d" % len(sent))
            yield sent[-1]

    with channel_to(traffic, name) as channel:
        received = 0
        for answer in channel.stream_stream("/test.Echo/Chat")(messages()):
            assert answer == sent[received].upper()
            received += 1
            traffic.count("gRPC messages on streams that last")
            answered.release()
    assert traffic.over.is_set() and received == len(sent)


def grpc_calls(traffic, name):
    with channel_to(traffic, name) as channel:
        call = channel.unary_unary("/test.Echo/Unary")
        while not traffic.over.is_set():
            assert call(b"hello", timeout=PATIENCE) == b"hello"
            traffic.count("gRPC calls")


def web_socket(traffic, name):
    """What is echoed here means nothing to remora: bytes of a tunnel."""
    with traffic.connect(name) as connection:
        connection.sendall(UPGRADE.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        number = 0
        while not traffic.over.is_set():
            message = b"\x82\x0e" + b"%014d" % number
            connection.sendall(message)
            echoed = b""
            while len(echoed) < len(message):
                piece = connection.recv(len(message) - len(echoed))
                assert piece, "the WebSocket was closed"
                echoed += piece
            assert echoed == message
            number += 1
            traffic.count("WebSocket messages on connections that last")


def new_connections(traffic, name, leaves):
    while not traffic.over.is_set():
        with traffic.connect(name) as connection:
            assert common_name(connection) in leaves
            assert connection.session_reused is False
            connection.sendall(f"GET /status?200 HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        traffic.count("full handshakes, each with a request")


class Echo(grpc.GenericRpcHandler):
    """Messages are bytes as they are."""

    def service(self, details):
        return {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
            "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }.get(details.method)

    def chat(self, requests, _):
        for request in requests:
            yield request.upper()


@pytest.fixture
def echo():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def leaves(authority):
    """{server name: its leaves, by common name}"""
    made = {}
    for kind, more in ((Files, ",DNS:localhost,IP:127.0.0.1"), (Links, "")):
        names = [f"{kind.name}-{number}" for number in range(LEAVES)]
        made[kind.name] = {name: authority.leaf(name, f"DNS:{kind.name}{more}") for name in names}
    return made


def start_all(traffic, leaves):
    for name, known in leaves.items():
        traffic.start(keep_alive_requests, name, times=2)
        traffic.start(grpc_chat, name)
        traffic.start(grpc_calls, name)
        traffic.start(web_socket, name, times=2)
        traffic.start(new_connections, name, known)
    traffic.start(http2_requests, None)
    wait_until(lambda: len(traffic.counts) == 6 or traffic.problems, what="traffic of every kind")


def reload(remora, number):
    remora.config["inbound"][0]["routes"][0] = {"match": {"path": f"/never/{number}"}, "answer": 404}
    before = remora.metric("remora_snapshot_generation")
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: remora.metric("remora_snapshot_generation") > before, what=f"reload {number}")


def rotate(remora, traffic, mount, leaf_name, leaf):
    before = remora.metric("remora_snapshot_generation")
    mount.rotate(leaf)
    wait_until(lambda: remora.metric("remora_snapshot_generation") > before, what=f"the reload for {leaf_name}")
    wait_until(lambda: traffic.leaf_of(mount.name) == leaf_name, what=f"handshakes that show {leaf_name}")


@pytest.mark.parametrize("reloads, rotations", [
    (5, 20), pytest.param(50, 200, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_reloads_and_rotations_lose_nothing(reloads, rotations, start_remora, start_app, python_app, echo, authority,
                                            leaves, tmp_path):
    mounts = [kind(str(tmp_path), next(iter(leaves[kind.name].values()))) for kind in (Files, Links)]
    routes = [{"match": {"path": "/never/0"}, "answer": 404}, {"match": {"path": "/test.Echo/*"}, "to": "echo"},
              {"match": {"path": "/websocket"}, "to": "websockets"}, {"to": "app"}]
    services = {"app": {"endpoints": [start_app("http1").address]}, "websockets": {"endpoints": [python_app.address]},
                "echo": {"endpoints": [echo], "protocol": "http2"}}
    listener = {"listen": f"127.0.0.1:{free_port()}", "routes": routes,
                "tls": {"certificates": [mount.paths for mount in mounts]}}
    remora = start_remora({"inbound": [listener], "services": services})
    traffic = Traffic(remora.port, authority)
    start_all(traffic, leaves)
    for number in range(1, rotations + 1):
        mount = mounts[number % 2]
        leaf_name = f"{mount.name}-{(number + 1) // 2 % LEAVES}"
        rotate(remora, traffic, mount, leaf_name, leaves[mount.name][leaf_name])
        if number % (rotations // reloads) == 0:
            reload(remora, number)
        assert traffic.problems == []
    traffic.stop()
    ran = ", ".join(f"{count:,} {what}" for what, count in sorted(traffic.counts.items()))
    failed = {line for line in re.findall(r"^remora_requests_total.*$", remora.admin("/metrics"), re.M)
              if 'status_class="5xx"' in line or 'status_class="0"' in line}
    print(f"{reloads} reloads and {rotations} rotations under {ran}; failed: {len(traffic.problems)}")
    assert traffic.problems == [] and failed == set()
    assert remora.metric("remora_snapshot_generation") > reloads + rotations
    assert remora.metric("remora_tls_handshake_failures_total") == 0
    assert all(count > rotations for count in traffic.counts.values())
