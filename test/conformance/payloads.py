"""The payloads of test/conformance/data, and what became of each when it was sent through remora."""

import json
import os
import queue
import threading
from dataclasses import dataclass

from support import strict
from support.raw_client import RawClient
from support.raw_server import Closed, RawServer, answer

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
LANES = 16  # payloads under way at once; each has a listener and an application of its own


@dataclass
class Payload:
    id: str
    raw: bytes
    expect: str  # "reject" or "any"

    @property
    def reading(self):
        """What a strict server makes of these bytes."""
        return strict.read_all_requests(self.raw)


@dataclass
class Outcome:
    answers: bytes  # everything that the client got
    seen: list  # of strict.Reading: what came on each connection to the application
    next_status: int  # of an ordinary request by the next client


def load():
    payloads = []
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".json"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                payloads += [Payload(row["id"], row["raw"].encode("latin-1"), row["expect"]) for row in json.load(file)]
    for number, payload in enumerate(payloads):  # a few ids stand twice
        payload.id = f"{number}:{payload.id}"
    return payloads


def record_and_answer(connection):
    """Answers what it can read; goes on recording after something malformed, so that the test can tell."""
    try:
        while True:
            request = connection.read_request()
            connection.send(answer("" if request.method == "HEAD" else "ok"))
    except strict.Malformed:
        connection.wait_for_end()
        raise Closed from None


def send_all(payloads, start_remora, listener_to):
    """{id: Outcome, or the exception that ended it}. start_remora and listener_to are the fixtures' functions."""
    servers = [RawServer(record_and_answer) for _ in range(LANES)]
    remora = start_remora(
        {
            "inbound": [listener_to(server) for server in servers],
            # Incomplete payloads end soon. Long enough that no complete one is cut on a busy machine.
            "timeouts": {"header": "1s", "body_stall": "1s", "idle": "1s"},
        }
    )
    waiting, outcomes = queue.SimpleQueue(), {}
    for payload in payloads:
        waiting.put(payload)

    def work(port, server):
        while True:
            try:
                payload = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                outcomes[payload.id] = send_one(payload, port, server)
            except Exception as problem:  # the payload's own test tells it
                outcomes[payload.id] = problem

    threads = [threading.Thread(target=work, args=lane) for lane in zip(remora.ports, servers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server in servers:
        server.__exit__()
    return outcomes


def send_one(payload, port, server):
    before = len(server.connections)
    counts = [len(connection.recorded) for connection in server.connections]
    with RawClient(port) as client:
        try:
            client.send(payload.raw)
        except OSError:
            pass  # refused before all of it was sent
        answers = client.read_to_end()
    with RawClient(port) as client:
        next_status = client.get("/next-client").status
    fresh = [connection.recorded[count:] for connection, count in zip(server.connections, counts)]
    fresh += [connection.recorded for connection in server.connections[before:]]
    return Outcome(answers, [strict.read_all_requests(data) for data in fresh if data], next_status)
