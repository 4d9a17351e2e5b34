"""The application closes a connection just as remora reuses it. The client must never notice, and nothing runs twice."""

import random
import threading
import time

import pytest
from support.raw_client import RawClient
from support.raw_server import answer

CLIENTS = 4


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


def closes_soon(seen, chance):
    """A script that answers, waits for a moment of up to 300 us, and closes, read or not."""

    def script(connection):
        while True:
            request = connection.read_request()
            seen.append(request.target[1:])
            connection.send(answer("ok"))
            if chance.random() < 0.7:
                end = time.perf_counter() + chance.random() * 0.0003
                while time.perf_counter() < end:
                    pass
                return

    return script


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("requests", [1000, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_no_failure_reaches_the_client_and_nothing_runs_twice(method, requests, remora_before, start_server):
    seen = []
    server = start_server(closes_soon(seen, random.Random(1)))
    statuses = race(remora_before(server), requests, method)
    assert len(statuses) == requests
    # A request that the application read has run, as far as anyone can tell; one that it never read must be answered.
    failed = {number for number, status in statuses.items() if status != 200}
    assert failed <= set(seen), f"failed though they never arrived: {sorted(failed - set(seen))[:10]}"
    assert len(seen) == len(set(seen)), "a request ran twice"
