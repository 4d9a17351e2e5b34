"""Applications as people write them: Python's http.server and Node's http, each in a process of its own."""

import os
import signal

from support.running import Program, free_port

FOLDER = os.path.dirname(os.path.abspath(__file__))


class App(Program):
    def __init__(self, command, folder, **env):
        self.port = free_port()
        env = {key: str(value) for key, value in env.items()}
        output = os.path.join(folder, f"app-{self.port}.log")
        self.start = lambda: super(App, self).__init__([*command, str(self.port)], output, env, ready_port=self.port)
        self.start()

    def kill_and_restart(self):
        """Without warning, and anew at the same port."""
        self.end(signal.SIGKILL)
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


def python_app(folder):
    return App(["/usr/bin/python3", os.path.join(FOLDER, "python_app.py")], folder)


def node_app(folder, keep_alive_millis=5000):
    """Node closes idle connections after keep_alive_millis: the race that a proxy must hide."""
    return App(["node", os.path.join(FOLDER, "node_app.js")], folder, KEEP_ALIVE_MILLIS=keep_alive_millis)


def any_app(folder, protocol, **env):
    """Node speaking http1, h2c or https (HTTP/2 and HTTP/1 by ALPN)."""
    return App(["node", os.path.join(FOLDER, "node_any_app.js")], folder, PROTOCOL=protocol, **env)
