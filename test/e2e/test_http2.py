"""HTTP/2 and HTTP/1 on either side of remora, in every mix: what goes in is what comes out."""

import hashlib
import os
import subprocess

import pytest
from support.fixtures import inbound, parsed
from support.running import free_port

BODY = os.urandom(1 << 20)
PRIOR = "--http2-prior-knowledge"
MIXES = [
    pytest.param("--http1.1", "http1", id="h1-h1"),
    pytest.param("--http1.1", "h2c", id="h1-h2"),
    pytest.param(PRIOR, "http1", id="h2-h1"),
    pytest.param(PRIOR, "h2c", id="h2-h2"),
]


def service(app, protocol, **options):
    return {"endpoints": [app.address], "protocol": "http2" if protocol == "h2c" else "http1", **options}


@pytest.fixture
def between(start_remora, start_app):
    """between(protocol of the app, **listener options) -> remora in front of it."""

    def start(protocol, **options):
        app = start_app(protocol)
        listener = {"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app"}], **options}
        return start_remora({"inbound": [listener], "services": {"app": service(app, protocol)}})

    return start


def url(remora, path="/"):
    return f"http://127.0.0.1:{remora.port}{path}"


def value(headers, name):
    return [text for key, text in headers if key.lower() == name]


@pytest.mark.parametrize("version, protocol", MIXES)
class TestMix:
    def test_get(self, between, curl, version, protocol):
        remora = between(protocol)
        status, headers, body = curl(url(remora, "/orders?id=7"), "-H", "X-Mixed: Yes", version=version)
        about = parsed(body)
        assert (status, about["method"], about["target"]) == (200, "GET", "/orders?id=7")
        assert about["version"] == ("2.0" if protocol == "h2c" else "1.1")
        assert about["headers"]["x-mixed"] == "Yes"
        assert about["headers"][":authority" if protocol == "h2c" else "host"] == f"127.0.0.1:{remora.port}"
        assert about["headers"]["x-forwarded-for"] == "127.0.0.1"
        assert value(headers, "content-type") == ["application/json"]

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_body_both_ways(self, between, curl, version, protocol, framing):
        fields = ["-H", "Expect:"] + (["-H", "Transfer-Encoding: chunked"] if framing == "chunked" else [])
        if framing == "chunked" and version == PRIOR:
            fields = ["-T", "-", "-X", "POST"]  # HTTP/2 has no chunked coding: the length is just not announced
            status, _, body = curl(url(between(protocol), "/echo"), *fields, data=BODY, version=version)
        else:
            status, _, body = curl(url(between(protocol), "/echo"), *fields, "--data-binary", "@-", data=BODY, version=version)
        assert status == 200 and hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()

    def test_head_has_no_body(self, between, curl, version, protocol):
        status, headers, body = curl("-I", url(between(protocol)), version=version)
        assert (status, body) == (200, b"") and int(value(headers, "content-length")[0]) > 0

    @pytest.mark.parametrize("status", [204, 304, 404, 503])
    def test_statuses(self, between, curl, version, protocol, status):
        assert curl(url(between(protocol), f"/status?{status}"), version=version)[0] == status

    def test_a_large_body(self, between, curl, version, protocol):
        status, _, body = curl(url(between(protocol), "/bytes?20000000"), version=version)
        assert status == 200 and len(body) == 20_000_000

    def test_interim_responses_come_first(self, between, version, protocol):
        command = ["curl", "-sS", "-i", "--max-time", "20", version, url(between(protocol), "/early")]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert text.index(" 103") < text.index(" 200") and text.endswith("after hints")

    def test_a_response_cut_short_is_cut_short(self, between, version, protocol):
        command = ["curl", "-sS", "--max-time", "20", version, url(between(protocol), "/reset")]
        assert subprocess.run(command, capture_output=True).returncode != 0

    def test_a_failure_describes_itself(self, start_remora, curl, version, protocol):
        kind = "http2" if protocol == "h2c" else "http1"
        services = {"app": {"endpoints": [f"127.0.0.1:{free_port()}"], "protocol": kind}}
        listener = {"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app"}]}
        remora = start_remora({"inbound": [listener], "services": services})
        status, _, body = curl(url(remora), version=version)
        assert (status, parsed(body)["reason"]) == (503, "connect_refused")


@pytest.mark.parametrize("protocol", ["http1", "h2c"])
def test_many_streams_at_once(between, protocol):
    remora = between(protocol)
    command = ["h2load", "-n", "20000", "-c", "4", "-m", "25", url(remora, "/status?200")]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "20000 succeeded, 0 failed, 0 errored" in text, text
    if protocol == "h2c":
        assert remora.metric("remora_upstream_connects_total") <= 4, "streams share connections"


def test_the_log_says_which_protocol(between, curl):
    remora = between("h2c")
    curl(url(remora, "/logged"), version=PRIOR)
    remora.stop()
    line = remora.access_log()[-1]
    assert (line["protocol"], line["upstream_protocol"], line["path"]) == ("HTTP/2", "HTTP/2", "/logged")
