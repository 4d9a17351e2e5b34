"""A rate_limit that a real Redis counts for several remoras, and what comes of it when that is killed or hangs."""

import time

import pytest
from support import shared_limits
from support.redis_server import Redis
from support.running import wait_until
from support.shared_limits import Client, ask_all, results


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
    return shared_limits.counted_by({"cache": redis.address}, limit, redis="cache", **service)


def test_two_remoras_share_one_limit(start_remora, start_redis):
    redis = start_redis()
    rate, seconds = 200, 4
    remoras = [start_remora(limited(redis, {"requests": f"{rate}/s"})) for _ in range(2)]
    began = time.monotonic()
    got = ask_all(remoras, goes_on=lambda asked: time.monotonic() < began + seconds)
    least = rate + rate * seconds  # all that time everybody asked
    most = rate + rate * (time.monotonic() - began)
    assert set(got) == {200, 429}, got
    assert 0.99 * least <= got[200] <= most + 1, (got, least, most)
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
    shared_limits.check_one_that_is_killed_and_comes_back(remora, redis, on_failure)


def test_one_that_hangs_costs_no_more_than_its_timeout(start_remora, start_redis):
    redis = start_redis()
    remora = start_remora(limited(redis, {"requests": "1000000/s"}, **shared_limits.HASTY))
    shared_limits.check_one_that_hangs_costs_no_more_than_its_timeout(remora, redis)


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
