"""An application in Node as it comes: it closes connections that were idle for 5 s, at about the time when the next
request may come."""

import threading
import time

from support.fixtures import parsed
from support.raw_client import RawClient
from support.running import wait_until

CONNECTIONS = 48


def test_node_with_its_default_keep_alive_timeout(remora_before, start_node_app):
    """Clients come back between 4.6 and 5.6 s after their last request, when Node's timers are about to close, or have
    just closed, the connections that those left. POST: nothing but a proof lets remora send it again."""
    app = start_node_app()
    remora = remora_before(app)
    clients = [RawClient(remora.port, patience=20) for _ in range(CONNECTIONS)]
    post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    for client in clients:
        client.send(post)
    numbers = [parsed(client.read_response().body)["number"] for client in clients]
    assert remora.metric("remora_upstream_connections_idle") > CONNECTIONS / 2
    begun = time.monotonic()
    answers = []

    def come_back(client, after):
        wait_until(lambda: time.monotonic() >= begun + after, what="the moment")
        answers.append(client.send(post).read_response())

    threads = [
        threading.Thread(target=come_back, args=(client, 4.6 + number / CONNECTIONS)) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [response.status for response in answers] == [200] * CONNECTIONS
    numbers += [parsed(response.body)["number"] for response in answers]
    assert sorted(numbers) == list(range(1, 2 * CONNECTIONS + 1)), "a request was executed twice"
    for client in clients:
        client.close()


def test_load_against_a_node_that_closes_quickly(remora_before, start_node_app, wrk):
    """10 ms: every pause of a connection is long enough."""
    done, errors = wrk(remora_before(start_node_app(keep_alive_millis=10)).port, seconds=2, connections=64)
    assert done > 0 and errors == 0
