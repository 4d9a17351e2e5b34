"""Services by name: found, kept fresh, and kept when DNS fails."""

import pytest
from support.dns_server import AAAA, SERVFAIL, DnsServer
from support.fixtures import outbound
from support.raw_client import RawClient
from support.raw_server import RawServer, answer
from support.running import free_port, wait_until


def says(word):
    def script(connection):
        while True:
            connection.read_request()
            connection.send(answer(word))

    return script


@pytest.fixture
def dns():
    with DnsServer({"app.test": ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
def apps(start_server):
    """The same port on two addresses, which say which one they are."""
    port = free_port()
    return [start_server(says(host), port=port, host=host) for host in ("127.0.0.1", "127.0.0.2")]


def start(start_remora, dns, port, **options):
    config = {"outbound": [outbound([{"to": "app"}])], "services": {"app": {"endpoints": [f"dns:app.test:{port}"]}}}
    return start_remora(config, env={"REMORA_DNS_SERVERS": dns.address}, **options)


def word(remora):
    with RawClient(remora.port) as client:
        return client.get().body.decode()


def status(remora):
    with RawClient(remora.port) as client:
        return client.get().status


def test_a_name_is_resolved_before_the_first_request(dns, apps, start_remora):
    assert word(start(start_remora, dns, apps[0].port)) == "127.0.0.1"


def test_the_answer_is_asked_for_again_when_its_time_is_over(dns, apps, start_remora):
    remora = start(start_remora, dns, apps[0].port)
    assert word(remora) == "127.0.0.1"
    dns.table["app.test"] = ["127.0.0.2"]
    wait_until(lambda: word(remora) == "127.0.0.2", what="the new address")


def test_a_long_ttl_is_respected(apps, start_remora):
    with DnsServer({"app.test": ["127.0.0.1"]}, ttl=3600) as dns:
        remora = start(start_remora, dns, apps[0].port)
        asked = len(dns.questions)
        with RawClient(remora.port) as client:
            for _ in range(200):
                assert client.get().status == 200
        assert len(dns.questions) == asked


@pytest.mark.parametrize("trouble", ["servfail", "nxdomain", "silence"])
def test_the_last_good_addresses_stay_when_dns_fails(trouble, dns, apps, start_remora):
    remora = start(start_remora, dns, apps[0].port)
    assert word(remora) == "127.0.0.1"
    asked = len(dns.questions)
    if trouble == "servfail":
        dns.failure = SERVFAIL
    elif trouble == "nxdomain":
        dns.table.clear()
    else:
        dns.is_silent = True
    wait_until(lambda: len(dns.questions) >= asked + 4, what="two more tries for A and AAAA")
    assert word(remora) == "127.0.0.1"
    if trouble != "silence":  # which is a failure only after its timeouts
        wait_until(lambda: "failure(s)" in remora.admin("/clusters"), what="a word on /clusters")
    dns.failure, dns.is_silent = 0, False
    dns.table["app.test"] = ["127.0.0.2"]
    wait_until(lambda: word(remora) == "127.0.0.2", limit=60, what="the address after the trouble")


def test_a_name_that_never_resolved_gives_503_until_it_does(dns, apps, start_remora):
    dns.table.clear()
    remora = start(start_remora, dns, apps[0].port)
    with RawClient(remora.port) as client:
        response = client.get()
        assert response.status == 503 and "dns_failed" in response.get("Proxy-Status")
    dns.table["app.test"] = ["127.0.0.1"]
    wait_until(lambda: status(remora) == 200, what="the name")
    assert remora.access_log()[0]["reason"] == "dns_failed"


def test_a_dns_server_that_is_silent_does_not_delay_the_start_for_long(dns, apps, start_remora):
    dns.is_silent = True
    remora = start(start_remora, dns, apps[0].port)
    assert status(remora) == 503


def test_every_address_of_a_name_is_an_endpoint(dns, apps, start_remora):
    dns.table["app.test"] = ["127.0.0.1", "127.0.0.2"]
    remora = start(start_remora, dns, apps[0].port)
    wait_until(lambda: {word(remora) for _ in range(20)} == {"127.0.0.1", "127.0.0.2"}, what="both addresses")


def test_ipv6_addresses_count(dns, start_remora):
    with RawServer(says("six"), host="::1") as app:
        dns.table["app.test"] = ["::1"]
        remora = start(start_remora, dns, app.port)
        assert word(remora) == "six"
        assert ("app.test", AAAA) in dns.questions


def test_a_reload_while_dns_is_down_loses_no_address(dns, apps, start_remora):
    remora = start(start_remora, dns, apps[0].port)
    assert word(remora) == "127.0.0.1"
    dns.failure = SERVFAIL
    remora.config["outbound"][0]["routes"].append({"match": {"path": "/new"}, "answer": 204})
    remora.write_config()

    def new_route():
        with RawClient(remora.port) as client:
            return client.get("/new").status == 204

    wait_until(new_route, what="the new configuration")
    assert word(remora) == "127.0.0.1"
