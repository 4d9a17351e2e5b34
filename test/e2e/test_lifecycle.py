"""Reload, drain, signals: nothing is lost, and a bad file changes nothing."""

import os
import signal
import threading

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import free_port, wait_until


def says(word):
    def script(connection):
        while True:
            connection.read_request()
            connection.send(answer(word))

    return script


def word_of(port):
    with RawClient(port) as client:
        return client.get().body


def test_sighup_loads_the_new_file(start_remora, start_server):
    old, new = start_server(says("old")), start_server(says("new"))
    remora = start_remora({"inbound": [inbound(old)]})
    assert word_of(remora.port) == b"old"
    remora.config["inbound"][0]["app"] = new.address
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: word_of(remora.port) == b"new", what="the new configuration")


def test_a_change_of_the_file_is_enough(start_remora, start_server):
    old, new = start_server(says("old")), start_server(says("new"))
    remora = start_remora({"inbound": [inbound(old)]})
    remora.config["inbound"][0]["app"] = new.address
    remora.write_config()
    wait_until(lambda: word_of(remora.port) == b"new", what="the new configuration")


def test_a_bad_file_leaves_the_old_configuration_serving_and_says_so(start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server(says("old")))]})
    remora.config["inbound"][0]["ap"] = "127.0.0.1:1"
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: "did you mean 'app'" in remora.output(), what="a complaint in the log")
    assert word_of(remora.port) == b"old"
    status, sentence = remora.ask_admin("/ready")
    assert status == 200 and "did you mean 'app'" in sentence
    assert remora.metric("remora_reload_failures_total") >= 1
    assert remora.metric("remora_snapshot_generation") == 1
    # Mended, nothing speaks of it any more.
    remora.config["inbound"][0] = {key: value for key, value in remora.config["inbound"][0].items() if key != "ap"}
    remora.write_config()
    wait_until(lambda: remora.ask_admin("/ready")[1].strip() == "ready", what="the mended file")
    assert remora.metric("remora_snapshot_generation") == 2


BROKEN = {
    "no YAML": "inbound: [",
    "empty": "",
    "gone": None,
    "unknown service": '{"inbound": [{"listen": "127.0.0.1:PORT", "routes": [{"to": "nobody"}]}]}',
    "an address that is taken": '{"inbound": [{"listen": "127.0.0.1:PORT", "app": 1}, {"listen": "TAKEN", "app": 1}]}',
    "an access log in no folder": '{"inbound": [{"listen": "127.0.0.1:PORT", "app": 1}],'
    ' "telemetry": {"access_log": "/no/such/folder/log"}}',
    "a regular expression that isn't one": '{"inbound": [{"listen": "127.0.0.1:PORT",'
    ' "routes": [{"match": {"path": "~ ("}, "answer": 200}]}]}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_whatever_is_wrong_with_the_file_the_old_one_goes_on(text, start_remora, start_server):
    server = start_server(says("old"))
    remora = start_remora({"inbound": [inbound(server)]})
    if text is None:
        os.unlink(remora.config_path)
    else:
        with open(remora.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace("PORT", str(remora.port)).replace("TAKEN", server.address))
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: remora.metric("remora_reload_failures_total") >= 1, what="the refusal")
    assert word_of(remora.port) == b"old"
    assert "the last reload failed" in remora.admin("/ready")
    assert "goes on serving" in remora.output()


def test_a_listener_can_be_added_and_removed(start_remora, start_server):
    server = start_server(says("ok"))
    remora = start_remora({"inbound": [inbound(server)]})
    first, second = remora.port, free_port()
    remora.config["inbound"].append({"listen": f"127.0.0.1:{second}", "app": server.address})
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: answers(second), what="the second listener")
    del remora.config["inbound"][0]
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: not answers(first), what="the end of the first listener")
    assert answers(second)


def answers(port):
    try:
        return word_of(port) == b"ok"
    except (OSError, AssertionError):
        return False


def test_fifty_reloads_and_a_sigterm_under_load_lose_nothing(start_remora, start_server, wrk):
    """wrk runs all the time; each reload is another configuration. Accepting goes on for drain.delay, so that who still
    comes while balancers find out is served as well."""
    config = {"inbound": [inbound(start_server(says("ok")))], "drain": {"delay": "6s", "grace": "5s"}}
    remora = start_remora(config)
    outcome = []
    load = threading.Thread(target=lambda: outcome.append(wrk(remora.port, seconds=5, connections=16)))
    load.start()
    for number in range(1, 51):
        remora.config["inbound"][0]["routes"] = [{"match": {"path": f"/never/{number}"}, "answer": 404}]
        remora.write_config()
        remora.send_signal(signal.SIGHUP)
        wait_until(lambda: remora.metric("remora_snapshot_generation") > number, what=f"reload {number}")
    assert load.is_alive(), "the load ended before the reloads"
    remora.send_signal(signal.SIGTERM)
    wait_until(lambda: remora.admin_status("/ready") == 503, what="ready to turn off")
    load.join()
    done, errors = outcome[0]
    assert done > 0 and errors == 0
    assert remora.process.wait(20) == 0


def test_a_sigterm_while_clients_come_and_go_loses_nothing(start_remora, start_server):
    """Clients as behind a balancer: they come anew when told to close, until /ready turns off."""
    remora = start_remora({"inbound": [inbound(start_server(says("ok")))], "drain": {"delay": "1s", "grace": "10s"}})
    no_more, counts, problems = threading.Event(), [], []

    def come_and_go():
        count = 0
        try:
            while not no_more.is_set():
                with RawClient(remora.port) as client:
                    is_told_to_close = False
                    while not is_told_to_close:
                        response = client.get()
                        assert response.body == b"ok"
                        count += 1
                        # Nothing forbids to leave a kept connection in place of being told.
                        is_told_to_close = response.has_token("Connection", "close") or no_more.is_set()
        except (OSError, AssertionError) as problem:
            problems.append(problem)
        counts.append(count)

    clients = [threading.Thread(target=come_and_go) for _ in range(8)]
    for client in clients:
        client.start()
    wait_until(lambda: remora.metric("remora_downstream_connections_active") >= 8, what="the clients")
    remora.send_signal(signal.SIGTERM)
    wait_until(lambda: remora.admin_status("/ready") == 503, what="ready to turn off")
    no_more.set()
    for client in clients:
        client.join()
    assert problems == [] and sum(counts) > 0
    assert remora.process.wait(20) == 0


def test_the_accept_queue_is_emptied_before_the_end(start_remora, start_server):
    """Connections that the kernel accepted before SIGTERM, and that remora hasn't seen yet."""
    remora = start_remora({"inbound": [inbound(start_server(says("ok")))], "drain": {"delay": "0s", "grace": "10s"}})
    remora.send_signal(signal.SIGSTOP)
    clients = [RawClient(remora.port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(200)]
    remora.send_signal(signal.SIGTERM)
    remora.send_signal(signal.SIGCONT)
    for client in clients:
        # The first ones may be answered before the signal is seen; then the connection ends by being quiet.
        assert client.read_response().body == b"ok"
        assert client.is_closed_by_peer()
        client.close()
    assert remora.process.wait(20) == 0


def test_idle_connections_are_not_closed_under_a_client_that_uses_them(start_remora, start_server):
    """Only connections quiet for a second are closed: a client in the middle of its work gets a last answer that says
    close, and never a connection that ends under its request."""
    remora = start_remora({"inbound": [inbound(start_server(says("ok")))], "drain": {"delay": "0s", "grace": "10s"}})
    with RawClient(remora.port) as client:
        assert client.get().body == b"ok"
        remora.send_signal(signal.SIGTERM)
        wait_until(lambda: remora.admin_status("/ready") == 503, what="ready to turn off")
        response = client.get()
        assert response.body == b"ok" and response.has_token("Connection", "close")


def test_sigterm_finishes_what_runs(start_remora, start_server):
    entered, release = threading.Event(), threading.Event()

    def waits(connection):
        connection.read_request()
        entered.set()
        release.wait(20)
        connection.send(answer("finished"))
        connection.wait_for_end()

    remora = start_remora({"inbound": [inbound(start_server(waits))], "drain": {"delay": "200ms", "grace": "10s"}})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert entered.wait(10)
        remora.send_signal(signal.SIGTERM)
        wait_until(lambda: remora.admin_status("/ready") != 200, what="ready to turn off")
        release.set()
        response = client.read_response()
        assert response.body == b"finished" and response.has_token("Connection", "close")
        assert client.is_closed_by_peer()


def test_the_grace_time_ends_what_never_finishes(start_remora, start_server):
    def never(connection):
        connection.read_request()
        connection.wait_for_end()

    server = start_server(never)
    remora = start_remora({"inbound": [inbound(server)], "drain": {"delay": "0s", "grace": "300ms"}})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: server.requests, what="the request at the app")
        remora.send_signal(signal.SIGTERM)
        assert remora.process.wait(20) == 0


def test_sigusr1_reopens_the_access_log(start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server(says("ok")))]})
    word_of(remora.port)
    assert len(remora.access_log()) == 1
    os.rename(remora.access_log_path, remora.access_log_path + ".1")
    remora.send_signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(remora.access_log_path), what="a new file")
    word_of(remora.port)
    assert len(remora.access_log()) == 1
