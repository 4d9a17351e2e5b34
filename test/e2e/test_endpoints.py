"""Where endpoints come from: a watched file, SRV records; and which of them a request may use: labels, zones, a subset
by chance."""

import collections
import json
import os
import threading

import pytest
from support.dns_server import SERVFAIL, DnsServer
from support.fixtures import outbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import free_port, wait_until

SWAPS = 50


def says(word):
    def script(connection):
        while True:
            connection.read_request()
            connection.send(answer(word))

    return script


class EndpointsFile:
    def __init__(self, folder, endpoints):
        self.path = os.path.join(folder, "endpoints.json")
        self.write(endpoints)

    def write(self, endpoints):
        self.write_text(json.dumps(endpoints))

    def write_text(self, text):
        """In one step, as an orchestrator does."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path + ".new", self.path)


class LinkedEndpoints:
    """As Kubernetes mounts a config map: the file is a link through `..data`, a link that is swapped."""

    def __init__(self, folder, endpoints):
        self.folder = folder
        self.path = os.path.join(folder, "linked.json")
        self.count = 0
        self.write(endpoints)
        os.symlink("..data/linked.json", self.path)

    def write(self, endpoints):
        self.count += 1
        fresh = os.path.join(self.folder, f"..version-{self.count}")
        os.mkdir(fresh)
        with open(os.path.join(fresh, "linked.json"), "w", encoding="utf-8") as file:
            json.dump(endpoints, file)
        os.symlink(os.path.basename(fresh), os.path.join(self.folder, "..data_tmp"))
        os.replace(os.path.join(self.folder, "..data_tmp"), os.path.join(self.folder, "..data"))


class Load:
    """Connections that ask all the time, and what they got."""

    def __init__(self, port, count=4):
        self.port = port
        self.is_over = threading.Event()
        self.statuses = collections.Counter()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]

    def run(self):
        got = collections.Counter()
        try:
            with RawClient(self.port) as client:
                while not self.is_over.is_set():
                    got[client.get().status] += 1
        except Exception as problem:  # noqa: BLE001
            got[repr(problem)] += 1
        with self.lock:
            self.statuses += got

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def get(remora, target="/"):
    with RawClient(remora.port) as client:
        return client.get(target)


def word(remora, target="/"):
    return get(remora, target).body.decode()


def words(remora, target="/", times=30):
    return {word(remora, target) for _ in range(times)}


def start(start_remora, endpoints, routes=None, services=None, **options):
    services = services or {"app": {"endpoints": endpoints}}
    return start_remora({"outbound": [outbound(routes or [{"to": "app"}])], "services": services}, **options)


def live(remora):
    """Addresses of /clusters."""
    services = json.loads(remora.admin("/clusters?format=json"))["services"]
    return {each["address"] for service in services for each in service["endpoints"]}


@pytest.mark.parametrize("kind", [EndpointsFile, LinkedEndpoints])
def test_a_file_that_is_swapped_under_load_fails_no_request(kind, tmp_path, start_server, start_remora):
    apps = [start_server(says(str(i))) for i in range(3)]
    file = kind(str(tmp_path), [apps[0].address])
    remora = start(start_remora, {"file": file.path})
    with Load(remora.port) as load:
        for i in range(SWAPS):
            these = [apps[i % 3].address, apps[(i + 1) % 3].address][: 1 + i % 2]
            file.write(these)
            wait_until(lambda: live(remora) == set(these), what="the new endpoints")  # noqa: B023
    assert set(load.statuses) == {200}, load.statuses
    assert load.statuses[200] > SWAPS
    print(load.statuses)
    assert remora.metric("remora_snapshot_generation") == 1
    assert remora.metric("remora_endpoint_file_good", file=file.path) == 1


def test_requests_at_an_endpoint_that_is_removed_finish(tmp_path, start_server, start_remora):
    arrived, may_answer = threading.Event(), threading.Event()

    def slow(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        arrived.set()
        may_answer.wait(20)
        connection.send("slow")

    apps = [start_server(slow), start_server(says("fast"))]
    file = EndpointsFile(str(tmp_path), [apps[0].address])
    remora = start(start_remora, {"file": file.path})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        assert arrived.wait(20)
        file.write([apps[1].address])
        wait_until(lambda: live(remora) == {apps[1].address}, what="the removal")
        assert words(remora, times=5) == {"fast"}
        may_answer.set()
        assert client.read_response().body == b"slow"


def test_a_broken_file_changes_nothing_and_is_said(tmp_path, start_server, start_remora):
    apps = [start_server(says(name)) for name in "ab"]
    file = EndpointsFile(str(tmp_path), [apps[0].address])
    remora = start(start_remora, {"file": file.path})
    assert word(remora) == "a"
    file.write_text(f'["{apps[1].address}"')
    wait_until(lambda: remora.metric("remora_endpoint_file_failures_total", file=file.path) > 0, what="a word of it")
    assert words(remora, times=5) == {"a"}
    assert remora.metric("remora_endpoint_file_good", file=file.path) == 0
    assert "1 failure(s)" in remora.admin("/clusters")
    assert "the 1 endpoint(s) before it stay" in remora.output()
    file.write([apps[1].address])
    wait_until(lambda: word(remora) == "b", what="the good file")
    # Of a reload, too, the file's endpoints stay.
    file.write_text("")
    remora.config["outbound"][0]["routes"].insert(0, {"match": {"path": "/new"}, "answer": 204})
    remora.write_config()
    wait_until(lambda: get(remora, "/new").status == 204, what="the new configuration")
    assert word(remora) == "b"


def test_srv_records_give_ports_and_follow_their_ttl(start_server, start_remora):
    apps = [start_server(says(name)) for name in "abc"]
    table = {"_http._tcp.app.test": [(0, 1, apps[0].port, "one.test"), (9, 1, apps[2].port, "one.test")]}
    with DnsServer({"one.test": ["127.0.0.1"], "two.test": ["127.0.0.1"], **table}) as dns:
        env = {"REMORA_DNS_SERVERS": dns.address}
        remora = start(start_remora, ["srv://_http._tcp.app.test"], env=env)
        assert words(remora, times=10) == {"a"}, "the other has a worse priority"
        dns.table["_http._tcp.app.test"] = [(0, 1, apps[1].port, "two.test")]
        wait_until(lambda: word(remora) == "b", what="the new record")
        dns.failure = SERVFAIL
        wait_until(lambda: "1 record(s)" in remora.admin("/clusters") and "SERVFAIL" in remora.admin("/clusters"))
        assert word(remora) == "b"
        assert "srv://_http._tcp.app.test" in remora.admin("/clusters")


def test_a_split_between_versions_of_one_service(start_server, start_remora):
    apps = {name: start_server(says(name)) for name in ("v1", "v2")}
    endpoints = [{"address": app.address, "labels": {"version": name}} for name, app in apps.items()]
    to = {name: {"service": "app", "labels": {"version": name}} for name in ("v1", "v2", "v3")}
    routes = [
        {"match": {"path": "/one"}, "to": to["v1"]},
        {"match": {"path": "/none"}, "to": to["v3"]},
        {"match": {"path": "/any"}, "to": {**to["v3"], "fallback": "any"}},
        {"split": [{"to": to["v1"], "weight": 50}, {"to": to["v2"], "weight": 50}]},
    ]
    remora = start(start_remora, endpoints, routes)
    assert words(remora, "/one") == {"v1"}
    assert words(remora) == {"v1", "v2"}
    assert words(remora, "/any") == {"v1", "v2"}
    refused = get(remora, "/none")
    assert refused.status == 503 and "no_matching_endpoint" in refused.get("Proxy-Status")
    explained = remora.admin(f"/explain?url=http://127.0.0.1:{remora.port}/none")
    assert "none of its endpoints has the labels version=v3" in explained
    assert "version=v1" in remora.admin("/clusters")
    word(remora, "/one")
    word(remora, "/any")
    trails = remora.admin("/recent")
    assert "among the 1 endpoint with the labels of the route" in trails
    assert "no endpoint has the labels of the route" in trails


def test_a_subset_by_chance_bounds_the_endpoints_in_use(start_server, start_remora):
    apps = [start_server(says(str(i))) for i in range(6)]
    services = {"app": {"endpoints": [app.address for app in apps], "subset_size": 2}}
    remora = start(start_remora, None, services=services)
    used = words(remora)
    assert len(used) == 2
    assert len(live(remora)) == 2
    # Over a reload, the same.
    remora.config["outbound"][0]["routes"].insert(0, {"match": {"path": "/new"}, "answer": 204})
    remora.write_config()
    wait_until(lambda: get(remora, "/new").status == 204, what="the new configuration")
    assert words(remora) == used


def test_the_own_zone_is_preferred_and_others_get_what_it_lacks(start_server, start_remora):
    apps = [start_server(says(name)) for name in "ab"]
    endpoints = [{"address": app.address, "zone": zone} for app, zone in zip(apps, "ab", strict=True)]
    services = {"app": {"endpoints": endpoints, "zone_aware": True}}
    remora = start(start_remora, None, services=services, env={"REMORA_ZONE": "b"})
    assert words(remora) == {"b"}
    endpoints[1]["address"] = f"127.0.0.1:{free_port()}"
    remora = start(start_remora, None, services=services, env={"REMORA_ZONE": "b"})
    assert words(remora, times=10) == {"a"}, "another try goes to the other zone"


def test_a_port_without_anybody_is_left_when_the_file_says_so(tmp_path, start_server, start_remora):
    app = start_server(says("a"))
    file = EndpointsFile(str(tmp_path), [f"127.0.0.1:{free_port()}"])
    remora = start(start_remora, {"file": file.path})
    assert get(remora).status == 503
    file.write([app.address])
    wait_until(lambda: get(remora).status == 200, what="the endpoint that answers")
