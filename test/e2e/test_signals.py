"""remora as the first process of a container, and under a parent that leaves it odd signals and streams."""

import os
import signal

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.running import wait_until


def as_pid_1(*before):
    """A PID namespace of its own, in which `before` (a shell that execs its arguments) or remora is PID 1."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--fork", "--pid", "--mount-proc", "--kill-child", *before]


def is_first(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        numbers = next(line for line in file if line.startswith("NSpid:"))
    return numbers.split()[-1] == "1"


def serves(remora):
    with RawClient(remora.port) as client:
        return client.get().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_pid_1_it_drains_and_ends_with_0(number, start_remora, start_server):
    """The kernel ignores signals to PID 1 for which it has no handler."""
    remora = start_remora({"inbound": [inbound(start_server())]}, prefix=as_pid_1())
    assert is_first(remora.pid) and serves(remora)
    remora.send_signal(number)
    assert remora.process.wait(20) == 0
    assert "draining" in remora.output()


def test_as_pid_1_it_reloads_and_reopens(start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server())]}, prefix=as_pid_1())
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: remora.metric("remora_reloads_total") >= 1, what="the reload")
    remora.send_signal(signal.SIGUSR1)
    wait_until(lambda: "reopened" in remora.output(), what="the reopening")
    assert serves(remora)


def test_as_pid_1_it_leaves_no_zombies(start_remora, start_server):
    """Orphans of the container (of an exec probe, of a shell) become children of PID 1, which must reap them."""
    orphans = 'for i in 1 2 3; do (sh -c "sleep 0.2 &"); done; exec "$@"'
    remora = start_remora({"inbound": [inbound(start_server())]}, prefix=as_pid_1("sh", "-c", orphans, "sh"))
    assert is_first(remora.pid)

    def children():
        with open(f"/proc/{remora.pid}/task/{remora.pid}/children", encoding="ascii") as file:
            return file.read().split()

    wait_until(lambda: not children(), limit=10, what="the end of the orphans")
    assert serves(remora)


def test_a_second_signal_ends_at_once(start_remora, start_server):
    def never(connection):
        connection.read_request()
        connection.wait_for_end()

    server = start_server(never)
    remora = start_remora({"inbound": [inbound(server)], "drain": {"delay": "60s", "grace": "60s"}})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait(lambda: server.connections, "the attempt")
        remora.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in remora.output(), what="the drain")
        remora.send_signal(signal.SIGTERM)
        assert remora.process.wait(20) == 0


def test_signals_that_the_parent_blocked_or_ignored_still_work(start_remora, start_server):
    """A shell's nohup ignores SIGHUP for its children, and a careless parent leaves a signal mask behind."""
    careless = (
        "import os, signal, sys;"
        "[signal.signal(each, signal.SIG_IGN) for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1)];"
        "signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1));"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    remora = start_remora({"inbound": [inbound(start_server())]}, prefix=["/usr/bin/python3", "-c", careless], forks=False)
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: remora.metric("remora_reloads_total") >= 1, what="the reload")
    remora.send_signal(signal.SIGTERM)
    assert remora.process.wait(20) == 0


def test_a_stderr_without_a_reader_ends_nothing(start_remora, start_server):
    reading, writing = os.pipe()
    remora = start_remora({"inbound": [inbound(start_server())]}, stderr=writing)
    os.close(writing)
    os.close(reading)
    remora.send_signal(signal.SIGHUP)  # writes a line that nobody reads
    wait_until(lambda: remora.metric("remora_reloads_total") >= 1, what="the reload")
    assert serves(remora)


def test_a_full_stderr_stalls_nothing(start_remora, start_server):
    """The process log goes to a pipe whose reader sleeps: neither data nor /ready may wait for it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    remora = start_remora({"inbound": [inbound(start_server())]}, stderr=writing)
    try:
        while os.write(writing, bytes(4096)):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)  # as remora inherited it
    remora.send_signal(signal.SIGHUP)
    try:
        wait_until(lambda: remora.metric("remora_reloads_total") >= 1, limit=10, what="the reload")
        assert serves(remora)
    finally:
        os.close(writing)
        os.close(reading)
