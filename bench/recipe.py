"""What the measured proxies' files of settings have in common."""

import os
import shutil
from dataclasses import dataclass, field

import certificates
from wires import PLAIN, Wires


@dataclass
class Recipe:
    """A command line and the files it needs, in a folder of its own."""

    name: str
    command: list
    files: dict = field(default_factory=dict)
    reload_signal: int = 0  # 0: can't reload in place


@dataclass
class Place:
    """Where one proxy runs in one scenario, and what it speaks there."""

    port: int
    admin_port: int
    backend: int
    folder: str
    build: str
    wires: Wires = PLAIN
    others: tuple = ()  # further backends, where a scenario has several

    @property
    def backends(self):
        return (self.backend, *self.others)

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def certificates(self):
        return certificates.of(self.build)


def find(program):
    # Debian's /usr/sbin isn't in every user's PATH.
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin") or ""
