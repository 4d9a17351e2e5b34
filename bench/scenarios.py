"""What is done to the proxies. Each scenario returns {proxy: rows}, one row a round, the rounds interleaved: every
proxy is measured once before any is measured again, and each round begins with the next proxy."""

import contextlib
import re
import shutil
import subprocess
import threading
import time

import certificates
import load
import proof
import processes
import talk
import wires
from proxies import can_speak
from running import Backend, Mesh, Running
from traffic import TRAFFIC, run_load


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def traffic_rounds(name, names, options):
    traffic = TRAFFIC[name]
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(Backend(options)) for _ in range(2 if traffic.instead else 0)]
        backend = stack.enter_context(Backend(options, traffic.wires.up, others))
        running = [stack.enter_context(proxy) for proxy in started(traffic, names, backend, options)]
        rows = {proxy.name: [] for proxy in running}
        for proxy in running:
            proof.check(proxy, options)
            if traffic.close:
                proof.check_closes(proxy, options)
            proof.check_answers(proxy, run_load(traffic, proxy.port, options.warm_up, options))
        for number in range(options.rounds):
            for proxy in rotated(running, number):
                rows[proxy.name].append(measure(traffic, proxy, options))
        for proxy in running:
            calls = calls_a_request(traffic, proxy, options)
            for row in rows[proxy.name]:
                row["calls"] = calls
    return rows


def started(traffic, names, backend, options):
    """Those of the proxies that can do it, one after the other."""
    if traffic.instead:
        names = traffic.instead if "remora" in names else ()
    for name in names:
        if traffic.inside is None and can_speak(name, traffic.wires):
            yield Running(name, backend, options, traffic.wires)
        elif traffic.inside is not None and can_speak(name, wires.mesh(traffic.inside)[0]):
            yield Mesh(name, backend, options, traffic.inside)


def measure(traffic, proxy, options):
    pids = proxy.all_pids()
    cpu, split = processes.cpu_micros(pids), processes.user_and_system_micros(pids)
    switched, began = processes.switches(pids), time.monotonic()
    answers = run_load(traffic, proxy.port, options.seconds, options)
    took = time.monotonic() - began
    used = processes.cpu_micros(pids) - cpu
    user, system = (after - before for after, before in zip(processes.user_and_system_micros(pids), split))
    done = max(answers.done, 1)
    resident, proportional = processes.memory_kib(pids)
    return {
        "cpu": used / done,
        "user_ticks": user,
        "system_ticks": system,
        "done": answers.done,
        "rate": answers.rate,
        "p50": answers.median_micros,
        "p99": answers.p99_micros,
        "errors": answers.errors,
        "load_percent": used / took / 1e4,
        "rss": resident,
        "pss": proportional,
        "switches": (processes.switches(pids) - switched) / done,
    }


def calls_a_request(traffic, proxy, options):
    """System calls a request, in a short run of its own because counting slows what it counts. None: can't count."""
    pids = ",".join(map(str, proxy.all_pids()))
    counters = (
        (["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids], r"^(\d+),"),
        (["strace", "-c", "-f", "-q", *(f"-p{pid}" for pid in pids.split(","))], r"^100\.00\s+\S+\s+\S*\s+(\d+)\s"),
    )
    for command, count in counters:
        if not shutil.which(command[0]):
            continue
        counter = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)  # until it is attached
        if counter.poll() is not None:
            continue
        answers = run_load(traffic, proxy.port, 1, options)
        counter.send_signal(2)
        match = re.search(count, counter.communicate()[1], re.M)
        if match and answers.done:
            return int(match.group(1)) / answers.done
    return None


def start_rounds(names, options):
    """From exec to the first 200, and the memory half a second later, before any work."""
    rows = {name: [] for name in names if name != "direct"}
    with Backend(options) as backend:
        for number in range(options.rounds):
            for name in rotated(list(rows), number):
                with Running(name, backend, options) as proxy:
                    time.sleep(0.5)
                    resident, proportional = processes.memory_kib(proxy.pids)
                    cpu = processes.cpu_micros(proxy.pids) / 1e3
                    row = {"millis": proxy.start_millis, "cpu_millis": cpu, "rss": resident, "pss": proportional}
                    rows[name].append(row)
    return rows


# Connections that had one exchange each and then wait: how many, and what they speak.
IDLE = {
    "idle": (5000, wires.PLAIN),
    "idle_tls": (1000, wires.TLS),
    "idle_mtls": (1000, wires.MUTUAL),
    "idle_h2": (1000, wires.H2),
}


def idle_rounds(scenario, names, options):
    """Memory and CPU with connections that wait."""
    count, between = IDLE[scenario]
    rows = {name: [] for name in names if name != "direct" and can_speak(name, between)}
    with Backend(options) as backend:
        for name in rows:
            with Running(name, backend, options, between) as proxy:
                proof.check(proxy, options)
                rows[name].append(idle(proxy, options.idle_connections or count, certificates.of(options.build)))
    return rows


def idle(proxy, count, files):
    def connect_and_get():
        return talk.connect_and_get(proxy.port, proxy.wires.down, files)

    # One exchange first, so that what is allocated once isn't counted as a connection's.
    with connect_and_get():
        time.sleep(0.5)
    time.sleep(0.5)
    before = processes.memory_kib(proxy.pids)[1]
    switched, began = processes.switches(proxy.pids), time.monotonic()
    time.sleep(3)
    alone = (processes.switches(proxy.pids) - switched) / (time.monotonic() - began)
    connections = [connect_and_get() for _ in range(count)]
    time.sleep(1.5)
    proof.check_open(proxy, connections)
    during = processes.memory_kib(proxy.pids)[1]
    cpu, switched, began = processes.cpu_micros(proxy.pids), processes.switches(proxy.pids), time.monotonic()
    time.sleep(3)
    waited = time.monotonic() - began
    used = (processes.cpu_micros(proxy.pids) - cpu) / waited
    woken = (processes.switches(proxy.pids) - switched) / waited
    for connection in connections:
        connection.close()
    time.sleep(1)
    return {
        "pss_before": before,
        "pss_during": during,
        "pss_after": processes.memory_kib(proxy.pids)[1],
        "bytes": (during - before) * 1024 / count,
        "cpu_a_second": used,
        "wakeups_a_second": woken,
        "wakeups_a_second_alone": alone,
    }


def reload_rounds(names, options):
    """Requests that failed while the configuration was loaded again and again under load."""
    rows = {}
    with Backend(options) as backend:
        for name in names:
            if name == "direct":
                continue
            with Running(name, backend, options) as proxy:
                if proxy.recipe.reload_signal:
                    rows[name] = [reload_under_load(proxy, options)]
    return rows


def reload_under_load(proxy, options):
    seconds = max(10, options.seconds)
    done = threading.Event()

    def keep_reloading():
        for _ in range(options.reloads):
            proxy.reload()
            if done.wait(seconds / options.reloads * 0.9):
                return

    reloader = threading.Thread(target=keep_reloading)
    reloader.start()
    answers = load.wrk(proxy.port, "/s", 64, seconds, options.client_cpu)
    done.set()
    reloader.join()
    alive = proxy.process.poll() is None
    return {"reloads": options.reloads, "done": answers.done, "errors": answers.errors, "alive": alive}


SCENARIOS = [*TRAFFIC, *IDLE, "start", "reload"]


def run(scenario, names, options):
    if scenario in TRAFFIC:
        return traffic_rounds(scenario, names, options)
    if scenario in IDLE:
        return idle_rounds(scenario, names, options)
    return {"start": start_rounds, "reload": reload_rounds}[scenario](names, options)
