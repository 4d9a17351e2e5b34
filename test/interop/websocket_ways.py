"""A WebSocket application, and the ways to it: straight, through one remora, and through two with HTTP/2 and mutual TLS
between them."""

import os
import sys

from support.apps import App
from support.fixtures import inbound, outbound
from support.running import Remora


def echo_app(folder):
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_server.py")
    # Some cases send a message in 65536 fragments.
    return App([sys.executable, program], folder, WEBSOCKETS_MAX_FRAGMENTS=100_000)


class Ways:
    """The ports of the application (`direct`), of a remora before it (`one`), and of one before a second (`two`)."""

    def __init__(self, folder, mutual):
        self.started = []
        listener, service = mutual
        self.app = echo_app(str(folder))
        one = self.start(folder / "one", {"inbound": [inbound(self.app)]})
        far = self.start(folder / "far", {"inbound": [inbound(self.app, protocol="http2", tls=listener)]})
        peer = {"endpoints": f"127.0.0.1:{far.port}", "protocol": "http2", "tls": service}
        near = self.start(folder / "near", {"outbound": [outbound([{"to": "peer"}])], "services": {"peer": peer}})
        self.direct, self.one, self.two = self.app.port, one.port, near.port

    def start(self, folder, config):
        folder.mkdir()
        self.started.append(Remora(str(folder), config))
        return self.started[-1]

    def stop(self):
        for remora in reversed(self.started):
            remora.stop()
        self.app.end()
