"""Reload, drain, signals: nothing is lost, and a bad file changes nothing."""

import os
import signal
import threading

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


def test_reloads_under_load_lose_nothing(start_remora, start_server, wrk):
    remora = start_remora({"inbound": [inbound(start_server(says("ok")))]})
    stop = threading.Event()

    def reload():
        while not stop.wait(0.05):
            remora.send_signal(signal.SIGHUP)

    thread = threading.Thread(target=reload)
    thread.start()
    done, errors = wrk(remora.port, seconds=3)
    stop.set()
    thread.join()
    assert done > 0 and errors == 0


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
