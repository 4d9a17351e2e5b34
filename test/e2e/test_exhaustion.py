"""When descriptors run out remora sheds what is new, serves what is old, says so, and recovers."""

import contextlib
import os

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import wait_until

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def held_clients(stack, port, most):
    """Opens connections until remora sheds one; returns those that are served, each of which had an answer."""
    served = []
    for _ in range(most):
        client = stack.enter_context(RawClient(port))
        try:
            client.send(GET)
            while b"\r\n\r\n" not in client.received and client.receive():
                pass
        except OSError:
            return served
        if not client.received.startswith(b"HTTP/1.1 200 "):
            return served
        client.read_response()
        served.append(client)
    raise AssertionError(f"all of {most} connections were served")


def one_at_a_time(connection):
    """Closes after each answer, and says so: the pool stays empty, and idle clients hold no descriptor upstream."""
    connection.read_request()
    connection.send(answer("ok", headers="Connection: close\r\n"))


@pytest.fixture
def start_short(tmp_path, start_remora):
    """start_remora with few descriptors. To look at an object's type the undefined-behaviour sanitizer opens a pipe, and
    takes its failure for a wrong type: that check is off here, and only here."""
    quiet = tmp_path / "suppressions"
    quiet.write_text("vptr:*\n")
    options = f"{os.environ.get('UBSAN_OPTIONS', '')}:suppressions={quiet}"
    return lambda config, descriptors: start_remora(config, descriptors=descriptors, env={"UBSAN_OPTIONS": options})


def is_served(port):
    try:
        with RawClient(port) as client:
            return client.get().status == 200
    except (OSError, AssertionError):
        return False


def test_at_the_descriptor_limit_new_connections_are_shed_and_old_ones_served(start_short, start_server):
    config = {"inbound": [inbound(start_server())], "limits": {"connections": 10_000}, "cores": 1}
    remora = start_short(config, 64)
    with contextlib.ExitStack() as stack:
        # Each answered client leaves its upstream connection in the pool, where the next client finds it.
        served = held_clients(stack, remora.port, 64)
        assert len(served) > 20
        wait_until(lambda: "no descriptor is left" in remora.output(), what="a word in the log")
        for _ in range(3):
            assert all(client.get().status == 200 for client in served)
    wait_until(lambda: is_served(remora.port), what="the recovery")
    assert remora.metric("remora_downstream_connections_shed_total") > 0


def test_without_a_descriptor_for_the_app_the_answer_says_so(start_short, start_server):
    config = {"inbound": [inbound(start_server(one_at_a_time))], "limits": {"connections": 10_000}, "cores": 1}
    remora = start_short(config, 64)
    with contextlib.ExitStack() as stack:
        held = []
        while len(held) < 64:  # idle ones, up to the last descriptor
            client = stack.enter_context(RawClient(remora.port))
            held.append(client)
            if "no descriptor is left" in remora.output():
                break
        wait_until(lambda: "no descriptor is left" in remora.output(), what="the last descriptor to be taken")
        for _ in range(8):
            response = held[0].get()
            if response.status != 200:
                break
            # A descriptor of the admin side came free after all others were taken: it is taken, too.
            held.append(stack.enter_context(RawClient(remora.port)))
        assert response.status == 503
        assert "no_descriptors" in response.get("Proxy-Status")
        # One connection less is room for one to the application. The client's own connection goes on.
        held[1].close()
        wait_until(lambda: held[0].get().status == 200, what="room")
    wait_until(lambda: is_served(remora.port), what="the recovery")
    assert any(line["reason"] == "no_descriptors" for line in remora.access_log())


def test_by_default_a_quarter_of_the_descriptors_is_kept_for_the_apps_side(start_short, start_server):
    remora = start_short({"inbound": [inbound(start_server())], "cores": 1}, 200)
    with contextlib.ExitStack() as stack:
        served = held_clients(stack, remora.port, 200)
        assert len(served) == 150
        with RawClient(remora.port) as late:  # which sends nothing, so that no reset can destroy what it is told
            response = late.read_response()
            assert response.status == 503 and "overloaded" in response.get("Proxy-Status")
            assert late.is_closed_by_peer()
        assert all(client.get().status == 200 for client in served)
        assert remora.admin_status("/ready") == 200
        assert remora.metric("remora_downstream_connections_shed_total") >= 2
    assert "limits.connections" in remora.output()
    wait_until(lambda: is_served(remora.port), what="the recovery")


def test_the_admin_side_answers_while_descriptors_are_out(start_short, start_server):
    """An orchestrator that gets no /live restarts the process, and with it everything that is still served."""
    config = {"inbound": [inbound(start_server())], "limits": {"connections": 10_000}, "cores": 1}
    remora = start_short(config, 64)
    with contextlib.ExitStack() as stack:
        held_clients(stack, remora.port, 64)
        assert remora.admin_status("/live") == 200
