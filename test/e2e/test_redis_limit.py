"""A rate_limit that a real Redis counts for several remoras, and what comes of it when that is killed or hangs."""

import collections
import http.client
import signal
import threading
import time

import pytest
from support.redis_server import Redis
from support.running import free_port, wait_until

SERVICE = {"redis": "cache", "timeout": "5s", "stall": "10s"}


@pytest.fixture
def start_redis(tmp_path):
    started = []

    def start(*options):
        folder = tmp_path / f"redis-{len(started)}"
        folder.mkdir()
        started.append(Redis(str(folder), *options))
        return started[-1]

    yield start
    for redis in started:
        redis.end()


def limited(redis, limit, **service):
    """One that answers by itself what the limit lets through."""
    route = {"name": "all", "answer": 200, "rate_limit": {"service": "shared", **limit}}
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [route]}],
            "services": {"cache": redis.address},
            "rate_limit_services": {"shared": {**SERVICE, **service}}}


class Client:
    def __init__(self, remora):
        self.connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)

    def ask(self, **headers):
        """(status, headers)"""
        self.connection.request("GET", "/", headers=headers)
        response = self.connection.getresponse()
        response.read()
        return response.status, response.headers

    def status(self):
        return self.ask()[0]


def results(remora, result):
    return remora.metric("remora_rate_limit_service_requests_total", service="shared", result=result)


def test_two_remoras_share_one_limit(start_remora, start_redis):
    redis = start_redis()
    rate, seconds = 200, 4
    remoras = [start_remora(limited(redis, {"requests": f"{rate}/s"})) for _ in range(2)]
    got, lock = collections.Counter(), threading.Lock()
    began = time.monotonic()
    end = began + seconds

    def load(remora):
        client, mine = Client(remora), collections.Counter()
        while time.monotonic() < end:
            mine[client.status()] += 1
        with lock:
            got.update(mine)

    threads = [threading.Thread(target=load, args=(remoras[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = rate + rate * (time.monotonic() - began)
    assert set(got) == {200, 429}, got
    assert 0.99 * allowed <= got[200] <= allowed + 1, (got, allowed)
    assert sum(results(remora, "allowed") for remora in remoras) == got[200]
    assert sum(results(remora, "limited") for remora in remoras) == got[429]
    assert min(results(remora, "allowed") for remora in remoras) > 0
    assert redis.calls("evalsha") >= sum(got.values())
    assert redis.calls("eval") <= 8, "the script is sent whole only while it isn't known"
    assert int(redis.ask("pttl", "remora:all")) <= 1001, "what is paid for is forgotten"


def test_a_refusal_and_what_is_told_of_it(start_remora, start_redis):
    redis = start_redis()
    limit = {"requests": "60/m", "burst": 2, "key": {"header": "x-user"}}
    remora = start_remora(limited(redis, limit))
    client = Client(remora)
    assert [client.ask(**{"X-User": "a"})[0] for _ in range(3)] == [200, 200, 429]
    status, headers = client.ask(**{"X-User": "a"})
    assert status == 429
    assert headers["Retry-After"] == "1"
    assert headers["RateLimit-Policy"] == '"route";q=60;w=60'
    assert headers["RateLimit"] == '"route";r=0;t=1'
    assert client.ask(**{"X-User": "b"})[0] == 200
    assert client.ask(**{"X-User": "c" * 5000})[0] == 200
    assert client.ask()[0] == 200
    keys = sorted(redis.ask("keys", "*").splitlines())
    assert keys[0] == "remora:all" and keys[2:] == ["remora:all:0=a", "remora:all:0=b"], keys
    assert keys[1].startswith("remora:all:0#") and len(keys[1]) == 13 + 64, keys
    redis.ask("script", "flush")
    assert client.ask(**{"X-User": "d"})[0] == 200
    assert results(remora, "failed") == 0
    recent = remora.admin("/recent")
    assert "the service that counts says that it is one too many; asking took" in recent
    assert "the service that counts allows it" in recent


@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_one_that_is_killed_and_comes_back(start_remora, start_redis, on_failure):
    redis = start_redis()
    remora = start_remora(limited(redis, {"requests": "1000000/s"}, on_failure=on_failure, backoff="10ms"))
    client = Client(remora)
    assert client.status() == 200
    redis.kill()
    for _ in range(50):
        assert client.status() == (200 if on_failure == "open" else 503)
    assert results(remora, "away") == 50
    words = "let through, since its on_failure is open" if on_failure == "open" else "since its on_failure is closed"
    assert words in remora.admin("/recent")
    if on_failure == "closed":
        assert remora.access_log(51)[-1]["reason"] == "rate_limit_away"
    redis.start()
    before = results(remora, "allowed")
    wait_until(lambda: client.status() == 200 and results(remora, "allowed") > before, what="being asked again")


def test_one_that_hangs_costs_no_more_than_its_timeout(start_remora, start_redis):
    redis = start_redis()
    options = {"timeout": "50ms", "stall": "500ms", "on_failure": "closed", "backoff": "50ms", "backoff_most": "100ms"}
    remora = start_remora(limited(redis, {"requests": "1000000/s"}, **options))
    client = Client(remora)
    wait_until(lambda: client.status() == 200, what="a first answer")
    late_before = results(remora, "late")
    redis.send_signal(signal.SIGSTOP)
    spans = []

    def ask():
        began = time.monotonic()
        assert client.status() == 503
        spans.append(time.monotonic() - began)
        return results(remora, "away") >= 20

    wait_until(ask, what="the connection being given up")
    late = results(remora, "late") - late_before
    assert 1 <= late <= 12, "none waits any more once the stall is over"
    # What is beyond the timeout is the machine's: half of all took no time at all.
    assert sorted(spans)[len(spans) // 2] < 0.5 and max(spans) < 2, spans
    waited = remora.metric("remora_rate_limit_service_seconds_total", service="shared")
    assert waited >= late * 0.05
    redis.send_signal(signal.SIGCONT)
    wait_until(lambda: client.status() == 200, what="being asked again")


def test_a_password_and_its_change(start_remora, start_redis, tmp_path):
    redis = start_redis("--requirepass", "open sesame")
    password = tmp_path / "password"
    password.write_text("wrong\n")
    options = {"on_failure": "closed", "backoff": "1ms", "backoff_most": "10ms", "password_file": str(password)}
    remora = start_remora(limited(redis, {"requests": "1000000/s"}, **options, database=3))
    client = Client(remora)
    assert client.status() == 503
    password.write_text("open sesame\n")
    wait_until(lambda: client.status() == 200, what="the new password being used")
    assert "open sesame" not in remora.admin("/config")
