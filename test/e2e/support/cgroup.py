"""A memory cgroup of its own for a program, version 1 or 2, below the group that the test runs in."""

import contextlib
import os
import pathlib
import uuid


def own_group():
    """(folder, is it version 2) of the test's own memory group; None where there is none to be written."""
    unified = None
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return pathlib.Path("/sys/fs/cgroup/memory" + path), False
        if not controllers:
            unified = pathlib.Path("/sys/fs/cgroup" + path)
    return unified and (unified, True)


class MemoryGroup:
    def __init__(self, folder, is_v2, limit):
        self.folder = folder
        self.is_v2 = is_v2
        self.write("memory.max" if is_v2 else "memory.limit_in_bytes", limit)

    def write(self, name, value):
        (self.folder / name).write_text(str(value), encoding="ascii")

    def read(self, name):
        return (self.folder / name).read_text(encoding="ascii")

    @property
    def prefix(self):
        """Words before a command that is to run inside."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs")]

    def limit(self, size):
        self.write("memory.max" if self.is_v2 else "memory.limit_in_bytes", size)

    def used(self):
        return int(self.read("memory.current" if self.is_v2 else "memory.usage_in_bytes"))

    def peak(self):
        return int(self.read("memory.peak" if self.is_v2 else "memory.max_usage_in_bytes"))

    def kills(self):
        """How many processes the kernel has killed here."""
        text = self.read("memory.events" if self.is_v2 else "memory.oom_control")
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))


@contextlib.contextmanager
def memory_group(limit):
    """A MemoryGroup with this limit in bytes; None where this user can't make one."""
    found = own_group()
    group = None
    if found:
        folder = found[0] / f"remora-test-{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir()
            group = MemoryGroup(folder, found[1], limit)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
    try:
        yield group
    finally:
        if group:
            group.folder.rmdir()
