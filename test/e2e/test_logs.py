"""Where the access log goes, and that no sink ever holds up a request."""

import json
import os
import re
import signal
import socket
import threading

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.running import wait_until

RFC_5424 = re.compile(r"<134>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ remora \d+ access - (.*)", re.DOTALL)


def config(server, to, **log):
    return {"inbound": [inbound(server)], "telemetry": {"access_log": {"to": to, "flush": "20ms", **log}}}


def ask(remora, *targets):
    with RawClient(remora.port) as client:
        for target in targets:
            assert client.get(target).status == 200


@pytest.fixture(params=["unix", "udp"])
def syslog(request, tmp_path_factory):
    """(socket of a syslog daemon, how the configuration calls it)"""
    if request.param == "unix":
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = str(tmp_path_factory.mktemp("s") / "log")
        daemon.bind(path)
        name = f"syslog:unix:{path}"
    else:
        daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        daemon.bind(("127.0.0.1", 0))
        name = f"syslog:udp:127.0.0.1:{daemon.getsockname()[1]}"
    daemon.settimeout(10)
    with daemon:
        yield daemon, name


def test_syslog_gets_a_datagram_a_line(syslog, start_remora, start_server):
    daemon, name = syslog
    remora = start_remora(config(start_server(), name))
    ask(remora, "/one", "/two")
    for target in ("/one", "/two"):
        match = RFC_5424.fullmatch(daemon.recv(65536).decode())
        assert match
        assert json.loads(match.group(1))["path"] == target


def test_a_syslog_daemon_that_restarts_finds_the_lines_waiting(tmp_path_factory, start_remora, start_server):
    path = str(tmp_path_factory.mktemp("s") / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        remora = start_remora(config(start_server(), f"syslog:unix:{path}"))
    os.unlink(path)
    ask(remora, "/while-it-was-gone")
    wait_until(lambda: remora.metric("remora_access_log_errors_total") >= 1, what="the failed write")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        daemon.settimeout(10)
        assert b"/while-it-was-gone" in daemon.recv(65536)


def test_a_template_and_chosen_fields(tmp_path, start_remora, start_server):
    server = start_server()
    path = tmp_path / "text.log"
    remora = start_remora(config(server, str(path), format="text", template='%{method} "%{target}" %{status} 100%%'))
    with RawClient(remora.port) as client:
        client.get('/a"b?c=%0A', headers='User-Agent: x"y\r\n')
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), what="a line")
    assert path.read_text() == 'GET "/a\\"b?c=%0A" 200 100%\n'
    path = tmp_path / "fields.log"
    remora = start_remora(config(server, str(path), fields=["status", "user_agent", "reused", "trail"]))
    with RawClient(remora.port) as client:
        client.get(headers='User-Agent: x"y\\\t\xff\r\n')
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), what="a line")
    line = json.loads(path.read_text())
    assert list(line) == ["status", "user_agent", "reused", "trail"]
    assert (line["status"], line["user_agent"]) == (200, 'x"y\\\t\xff')


def test_rotation_under_load_loses_no_line(start_remora, start_server, wrk):
    remora = start_remora({"inbound": [inbound(start_server())]})
    outcome, rotated = [], 0
    load = threading.Thread(target=lambda: outcome.append(wrk(remora.port, seconds=2)))
    load.start()
    while load.is_alive():
        os.rename(remora.access_log_path, f"{remora.access_log_path}.{rotated}")
        rotated += 1
        remora.send_signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(remora.access_log_path), what="the new file")
    load.join()
    done, errors = outcome[0]
    remora.stop()
    names = [f"{remora.access_log_path}.{number}" for number in range(rotated)] + [remora.access_log_path]
    lines = [json.loads(line) for name in names for line in open(name, encoding="utf-8")]
    # wrk doesn't count the answers that came after its time was over.
    assert errors == 0 and rotated > 3 and done <= len(lines) <= done + 16


def test_a_full_pipe_blocks_no_request_and_its_lines_are_counted(tmp_path, start_remora, start_server, wrk):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    remora = start_remora(config(start_server(), fifo, buffer="4KiB", queue="4KiB"))
    done, errors = wrk(remora.port, seconds=2)
    assert done > 500 and errors == 0
    wait_until(lambda: remora.metric("remora_access_log_dropped_lines_total") > 0, what="dropped lines")
    ask(remora, "/still")
    drain_and_compare(remora, reader)
    os.close(reader)


def test_a_full_stdout_blocks_no_request_and_its_lines_are_counted(start_remora, start_server, wrk):
    reader, writer = os.pipe()
    remora = start_remora(config(start_server(), "stdout", buffer="4KiB", queue="4KiB"), stdout=writer)
    os.close(writer)
    os.set_blocking(reader, False)
    done, errors = wrk(remora.port, seconds=2)
    assert done > 500 and errors == 0
    wait_until(lambda: remora.metric("remora_access_log_dropped_lines_total") > 0, what="dropped lines")
    drain_and_compare(remora, reader)
    os.close(reader)


def drain_and_compare(remora, reader):
    """Reads what waits in the pipe. Every line that wasn't dropped must come, whole."""
    received = b""

    def all_came():
        nonlocal received
        try:
            while data := os.read(reader, 1 << 20):
                received += data
        except BlockingIOError:
            pass
        dropped = remora.metric("remora_access_log_dropped_lines_total")
        return received.count(b"\n") + dropped == remora.metric("remora_requests_total")

    wait_until(all_came, what="every line that wasn't counted as dropped")
    for line in received.splitlines():
        json.loads(line)
    assert received.count(b"\n") == remora.metric("remora_access_log_lines_total")


def test_a_stdout_without_a_reader_ends_nothing(start_remora, start_server):
    reader, writer = os.pipe()
    remora = start_remora(config(start_server(), "stdout"), stdout=writer)
    os.close(writer)
    os.close(reader)
    ask(remora, *["/"] * 10)
    wait_until(lambda: remora.metric("remora_access_log_lost_lines_total") == 10, what="the count of lost lines")
    ask(remora, "/")


def test_a_full_disk_loses_no_request(start_remora, start_server):
    remora = start_remora(config(start_server(), "/dev/full"))
    ask(remora, *["/"] * 10)
    wait_until(lambda: remora.metric("remora_access_log_errors_total") >= 1, what="the failed write")
    wait_until(lambda: "access_log" in remora.output(), what="a word in the log")
    ask(remora, "/")


def test_what_a_client_sends_cannot_write_lines(start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server())]})
    with RawClient(remora.port) as client:
        client.get("/a%0d%0a{\"status\":200}", headers='User-Agent: "}\\u000a{"\r\nX-Request-Id: a"b\r\n')
    line = remora.access_log()[0]
    assert line["path"] == '/a%0d%0a{"status":200}' and line["user_agent"] == '"}\\u000a{"'
    assert line["request_id"] == 'a"b'
