"""The application closes a connection just as remora reuses it. The client must never notice, and nothing runs twice."""

import collections
import contextlib
import os
import random
import selectors
import signal
import socket
import threading
import time

import pytest
from support import strict
from support.fixtures import outbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import wait_until

CLIENTS = 4
CLOSE_CHANCE = 0.7


class RacingApp:
    """Answers, spins for up to `spread` seconds, and closes. It knows of every request whether it was executed, and
    whether it had arrived before the close."""

    def __init__(self, ending, spread=0.0003):
        self.ending = ending
        self.spread = spread
        self.chance = random.Random(1)
        self.executed = []
        self.arrived = set()  # unread, before the close

    def __call__(self, connection):
        while True:
            request = connection.read_request()
            self.executed.append(request.target[1:])
            connection.send(answer("ok"))
            if self.chance.random() < CLOSE_CHANCE:
                end = time.perf_counter() + self.chance.random() * self.spread
                while time.perf_counter() < end:
                    pass
                return self.ending(self, connection)


def close(app, connection):
    """As applications do. The kernel sends a FIN when nothing is unread, else a reset: so a request that meets a FIN
    had not arrived, and one that meets a reset had."""
    connection.close()


def close_and_tell(app, connection):
    """What came before the shutdown can still be read after it; what comes later is answered with a reset."""
    connection.socket.shutdown(socket.SHUT_RDWR)
    left = connection.socket.recv(65536)
    if left:
        app.arrived.add(left.split(b" ", 2)[1][1:].decode())
    connection.close()


def race(remora, requests, method):
    """Sends requests with numbers of their own; returns {number: status}."""
    statuses = {}

    def run(client_number):
        with RawClient(remora.port) as client:
            for count in range(requests // CLIENTS):
                number = f"{client_number}-{count}"
                client.send(f"{method} /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                statuses[number] = client.read_response().status

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def check(remora, app, method, requests):
    """Returns how often the race took place."""
    statuses = race(remora, requests, method)
    assert len(statuses) == requests
    failed = {number: status for number, status in statuses.items() if status != 200}
    lines = {line["path"][1:]: line for line in remora.access_log(at_least=requests)}
    assert len(lines) == requests, "an exchange was logged twice"
    assert len(app.executed) == len(set(app.executed)), "a request ran twice"
    assert not set(failed) & set(app.executed), "a request ran, was answered, and failed for the client"
    if method != "POST":
        assert not failed, "a request that may be sent again failed"
    elif app.ending is close_and_tell:
        early = set(failed) - app.arrived
        assert not early, f"failed though they never arrived: {[lines[number] for number in sorted(early)[:5]]}"
    else:
        early = [number for number in failed if lines[number]["reason"] != "upstream_reset"]
        assert not early, f"failed though they never arrived: {[lines[number] for number in early[:5]]}"
    replayed = int(remora.metric("remora_upstream_replays_total"))
    print(f"{method}, {app.ending.__name__}: {requests} requests, {replayed} sent again, {len(failed)} failed after they "
          f"had arrived, {len(app.executed)} executed, none twice")
    return replayed + len(failed)


@pytest.mark.parametrize("ending", [close, close_and_tell])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_failure_reaches_the_client_and_nothing_runs_twice(method, ending, remora_before, start_server):
    app = RacingApp(ending)
    check(remora_before(start_server(app)), app, method, 1000)


class HeldOpen:
    """An application of one thread for many connections, all of which it closes when told to. It executes requests."""

    def __init__(self):
        self.executed = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.orders, self.inbox = socket.socketpair()
        self.selector.register(self.inbox, selectors.EVENT_READ, self.obey)
        self.open = {}
        self.is_over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.is_over:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def accept(self, listener):
        connection, _ = listener.accept()
        self.open[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ, self.serve)

    def serve(self, connection):
        if connection not in self.open:
            return  # closed by an order of the same turn
        with contextlib.suppress(ConnectionResetError):
            data = connection.recv(65536)
            if data:
                return self.execute(connection, self.open[connection] + data)
        self.close(connection)

    def execute(self, connection, data):
        try:
            request, used = strict.read_request(data)
        except strict.Incomplete:
            self.open[connection] = data
            return
        self.open[connection] = data[used:]
        self.executed.append(request.target[1:])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def close(self, connection):
        self.selector.unregister(connection)
        del self.open[connection]
        connection.close()

    def obey(self, inbox):
        self.is_over = inbox.recv(1) == b"E"
        for connection in list(self.open):
            self.close(connection)
        inbox.send(b".")

    def close_all(self, order=b"C"):
        """Nothing is unread when remora is stopped: a FIN now, and a reset for whatever still comes."""
        self.orders.send(order)
        assert self.orders.recv(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close_all(b"E")
        self.thread.join()
        for each in (self.listener, self.orders, self.inbox, self.selector):
            each.close()


def stop_process(pid):
    os.kill(pid, signal.SIGSTOP)

    def is_stopped():
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"

    wait_until(is_stopped, what="the stop")


def provoke(remora, app, method, rounds, clients=700):
    """While remora is stopped, requests come for it, and only then the application closes every connection: remora
    finds both at once, takes a connection of which it doesn't know yet that it is closed, and writes to it. Returns how
    often it did."""
    statuses = {}
    held = [RawClient(remora.port, patience=30) for _ in range(clients)]
    before = remora.metric("remora_upstream_replays_total")
    for number, client in enumerate(held):  # so that each has a connection to the application waiting
        client.send(f"{method} /warm-{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    for client in held:
        client.read_response()
    for round_number in range(rounds):
        stop_process(remora.pid)
        for number, client in enumerate(held):
            client.send(f"{method} /{round_number}-{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        app.close_all()
        os.kill(remora.pid, signal.SIGCONT)
        for number, client in enumerate(held):
            statuses[f"{round_number}-{number}"] = client.read_response().status
    for client in held:
        client.close()
    failed = {number: status for number, status in statuses.items() if status != 200}
    counts = collections.Counter(app.executed)
    twice = [number for number, count in counts.items() if count > 1]
    races = int(remora.metric("remora_upstream_replays_total") - before)
    print(f"{method}: {len(statuses)} requests, {races} met a closed connection and were sent again, {len(failed)} failed, "
          f"{len(twice)} executed twice")
    assert not failed, f"failed though the connection was closed before they came: {list(failed.items())[:10]}"
    assert not twice, twice[:10]
    assert all(counts[number] == 1 for number in statuses)
    return races


def before_held_open(start_remora, app):
    # One core, so that one loop finds more events than it takes at a time (256): requests first, closes later.
    services = {"app": {"endpoints": [app.address], "limits": {"idle_connections": 4096}}}
    return start_remora({"outbound": [outbound([{"to": "app"}])], "services": services, "cores": 1})


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_request_that_met_a_closed_connection_is_sent_again(method, start_remora):
    with HeldOpen() as app:
        assert provoke(before_held_open(start_remora, app), app, method, rounds=1) >= 200


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_ten_thousand_closed_connections(method, start_remora):
    races = 0
    with HeldOpen() as app:
        remora = before_held_open(start_remora, app)
        while races < 10_000:
            app.executed.clear()
            gained = provoke(remora, app, method, rounds=5)
            assert gained, "the race is no longer provoked"
            races += gained


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ending", [close, close_and_tell])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_ten_thousand_random_races(method, ending, remora_before, start_server):
    """In rounds with an application and a remora each, until the race took place 10,000 times."""
    races = 0
    while races < 10_000:
        app = RacingApp(ending)
        races += check(remora_before(start_server(app)), app, method, 4000)
    print(f"{method}, {ending.__name__}: {races} races")
