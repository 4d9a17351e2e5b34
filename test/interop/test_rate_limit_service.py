"""Envoy's rate limit service, which counts in a real Redis, before two remoras."""

import signal

import pytest
import tools
from support.redis_server import Redis
from support.running import Program, free_port, wait_until
from support.shared_limits import ORDERS, Client, ask_all, counted_by_grpc, results

pytestmark = pytest.mark.timeout(1200)  # what isn't installed yet is built
LIMIT = 300
LIMITS = f"""domain: shop
descriptors:
  - key: generic_key
    value: orders
    rate_limit: {{ unit: day, requests_per_unit: {LIMIT} }}
    descriptors:
      - key: user
        rate_limit: {{ unit: day, requests_per_unit: 3 }}
"""


class EnvoysService:
    def __init__(self, folder, redis):
        (folder / "limits" / "config").mkdir(parents=True)
        (folder / "limits" / "config" / "shop.yaml").write_text(LIMITS)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.folder, self.redis, self.program = folder, redis, None
        self.start()

    def start(self):
        env = {"RUNTIME_ROOT": str(self.folder), "RUNTIME_SUBDIRECTORY": "limits", "RUNTIME_WATCH_ROOT": "false",
               "RUNTIME_IGNOREDOTFILES": "true", "USE_STATSD": "false", "LOG_LEVEL": "warn", "BACKEND_TYPE": "redis",
               "REDIS_SOCKET_TYPE": "tcp", "REDIS_URL": self.redis.address, "HOST": "127.0.0.1",
               "GRPC_HOST": "127.0.0.1", "DEBUG_HOST": "127.0.0.1", "GRPC_PORT": str(self.port),
               "PORT": str(free_port()), "DEBUG_PORT": str(free_port())}
        self.program = Program([tools.rate_limit_service()], str(self.folder / "service.log"), env=env,
                               ready_port=self.port)

    def end(self, number=signal.SIGKILL):
        self.program.end(number)


@pytest.fixture
def service(tmp_path):
    if not tools.rate_limit_service():
        pytest.skip("Envoy's rate limit service needs a newer Go")
    (tmp_path / "redis").mkdir()
    redis = Redis(str(tmp_path / "redis"))
    service = EnvoysService(tmp_path / "service", redis)
    yield service
    if service.program.process.poll() is None:
        service.end()
    redis.end()


def limited(service, *descriptors, **options):
    return counted_by_grpc(service, *descriptors, on_failure="closed", **options)


def ask(remora, user=None):
    """Over a connection of its own."""
    return Client(remora).ask(**({"X-User": user} if user is not None else {}))


def test_two_remoras_share_one_limit_exactly(start_remora, service, suite):
    suite("ratelimit")
    remoras = [start_remora(limited(service, ORDERS)) for _ in range(2)]
    got = ask_all(remoras, goes_on=lambda asked: asked < 100)
    assert got == {200: LIMIT, 429: 800 - LIMIT}
    assert min(results(remora, "allowed") for remora in remoras) > 0
    headers = ask(remoras[0])[1]
    assert 0 < int(headers["Retry-After"]) <= 86400
    assert headers["RateLimit-Policy"] == f'"route";q={LIMIT};w=86400'


def test_each_value_is_counted_by_itself_whatever_its_bytes(start_remora, service, suite):
    suite("ratelimit")
    remora = start_remora(limited(service, ORDERS, {"key": "user", "header": "x-user"}))
    for user in ("anna", "J\xF6rg", "x" * 5000, "a:b_c|d"):
        assert [ask(remora, user)[0] for _ in range(5)] == [200, 200, 200, 429, 429], user
    assert ask(remora)[0] == 200, "it has no descriptor"
    assert ask(remora, "")[0] == 200
    assert results(remora, "failed") == 0
    assert results(remora, "uncounted") == 2


def test_one_that_is_killed_and_comes_back_and_one_that_ends(start_remora, service, suite):
    suite("ratelimit")
    remora = start_remora(limited(service, ORDERS, backoff="10ms"))
    assert ask(remora)[0] == 200
    service.end()
    assert ask(remora)[0] == 503
    service.start()
    wait_until(lambda: ask(remora)[0] == 200, what="being asked again")
    service.program.send_signal(signal.SIGSTOP)
    remora.config["rate_limit_services"]["shared"].update(timeout="50ms", stall="200ms")
    remora.write_config()
    wait_until(lambda: remora.metric("remora_reloads_total") == 1, what="a reload")
    assert ask(remora)[0] == 503
    service.program.send_signal(signal.SIGCONT)
    wait_until(lambda: ask(remora)[0] == 200, what="being asked again")


def test_one_without_its_redis_is_an_error(start_remora, service, suite):
    suite("ratelimit")
    remora = start_remora(limited(service, ORDERS))
    assert ask(remora)[0] == 200
    service.redis.kill()
    assert ask(remora)[0] == 503
    assert results(remora, "failed") + results(remora, "late") >= 1
