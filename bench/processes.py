"""What the kernel says of a process and all its children and threads: CPU time, memory, switches. Reads /proc only."""

import os


def tree(pid):
    """The process and everything below it."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        fields = stat_fields(f"/proc/{entry}/stat")
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        process = queue.pop()
        found.append(process)
        queue += children.get(process, [])
    return found


def stat_fields(path):
    """Fields of a stat file from the state on; empty when the process is gone. The name may hold anything."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def threads(pids):
    for pid in pids:
        try:
            yield from (f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue


def read_lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def cpu_micros(pids):
    """Time on a CPU since the start, from the scheduler's own clock: exact where utime and stime have 10 ms."""
    return sum(int(line.split()[0]) for thread in threads(pids) for line in read_lines(thread + "/schedstat")) / 1000


def user_and_system_micros(pids):
    """The split that schedstat doesn't have, in steps of a clock tick: add it up over seconds."""
    tick = 1e6 / os.sysconf("SC_CLK_TCK")
    user = system = 0
    for thread in threads(pids):
        fields = stat_fields(thread + "/stat")
        if fields:
            user += int(fields[11])
            system += int(fields[12])
    return user * tick, system * tick


def memory_kib(pids):
    """(resident, proportional) user memory. Kernel memory of sockets is not in it."""
    resident = proportional = 0
    for pid in pids:
        for line in read_lines(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Rss:"):
                resident += int(line.split()[1])
            elif line.startswith("Pss:"):
                proportional += int(line.split()[1])
    return resident, proportional


def switches(pids):
    """Times that a thread stopped running, by itself or not."""
    lines = (line for thread in threads(pids) for line in read_lines(thread + "/status"))
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
