"""TLS on either side of remora, with the clients and servers that people use."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from support.certificates import SERVER, Authority
from support.fixtures import inbound, parsed
from support.running import free_port, wait_until

BODY = os.urandom(1 << 20)
VERSIONS = pytest.mark.parametrize("version", ["--http1.1", "--http2"])


def url(remora, path="/"):
    return f"https://localhost:{remora.port}{path}"


def as_client(client):
    return ["--cert", client["certificate"], "--key", client["key"]]


@VERSIONS
def test_requests_over_tls(remora_before, python_app, curl, authority, server, version):
    remora = remora_before(python_app, tls=server)
    trust = ["--cacert", authority.certificate]
    status, _, body = curl(*trust, url(remora, "/orders?id=7"), version=version)
    about = parsed(body)
    assert (status, about["target"]) == (200, "/orders?id=7")
    assert ["X-Forwarded-Proto", "https"] in about["headers"]
    _, _, echoed = curl(*trust, "-H", "Expect:", "--data-binary", "@-", url(remora, "/echo"), data=BODY, version=version)
    assert hashlib.sha256(echoed).digest() == hashlib.sha256(BODY).digest()
    assert len(curl(*trust, url(remora, "/bytes?20000000"), version=version)[2]) == 20_000_000
    line = remora.access_log()[0]
    assert (line["tls_version"], line["server_name"]) == ("TLSv1.3", "localhost")


def test_tls12_is_taken_and_older_is_not(remora_before, python_app, curl, authority, server):
    remora = remora_before(python_app, tls=server)
    assert curl("--cacert", authority.certificate, "--tls-max", "1.2", url(remora))[0] == 200
    assert remora.access_log()[0]["tls_version"] == "TLSv1.2"
    old = ["curl", "-sS", "--cacert", authority.certificate, "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", url(remora)]
    assert subprocess.run(old, capture_output=True).returncode != 0


@VERSIONS
def test_a_required_client_certificate(remora_before, python_app, curl, authority, server, client, version):
    remora = remora_before(python_app, tls={**server, "client_ca": authority.certificate})
    trust = ["--cacert", authority.certificate]
    assert curl(*trust, *as_client(client), url(remora), version=version)[0] == 200
    assert remora.access_log()[0]["peer"] == "spiffe://example.org/web"
    refused = subprocess.run(["curl", "-sS", version, *trust, url(remora)], capture_output=True)
    assert refused.returncode != 0
    wait_until(lambda: remora.metric("remora_tls_handshake_failures_total") == 1, what="the failure counted")
    assert remora.access_log(at_least=2)[-1]["reason"] == "tls_client_certificate"


def test_a_client_of_another_authority_is_refused(remora_before, python_app, authority, server, tmp_path):
    other = Authority(tmp_path, "other").leaf("client", "URI:spiffe://example.org/web")
    remora = remora_before(python_app, tls={**server, "client_ca": authority.certificate})
    command = ["curl", "-sS", "--cacert", authority.certificate, *as_client(other), url(remora)]
    assert subprocess.run(command, capture_output=True).returncode != 0
    assert remora.metric("remora_tls_handshakes_total") == 0


def test_a_permissive_port_takes_both(remora_before, python_app, curl, authority, server):
    remora = remora_before(python_app, tls={**server, "plaintext": "accept"})
    assert curl("--cacert", authority.certificate, url(remora))[0] == 200
    assert curl(f"http://127.0.0.1:{remora.port}/")[0] == 200
    assert curl(f"http://127.0.0.1:{remora.port}/", version="--http2-prior-knowledge")[0] == 200


def test_plain_http_to_a_tls_port_is_refused(remora_before, python_app, server):
    remora = remora_before(python_app, tls=server)
    plain = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{remora.port}/"], capture_output=True)
    assert plain.returncode != 0


@pytest.mark.parametrize("protocol", ["auto", "http1", "http2"])
def test_towards_an_endpoint(start_remora, start_app, curl, authority, server, client, protocol):
    app = start_app("https", TLS_KEY=server["key"], TLS_CERT=server["certificate"], TLS_CLIENT_CA=authority.certificate)
    service = {"endpoints": [app.address], "protocol": protocol, "tls": {"ca": authority.certificate, **client}}
    remora = start_remora({"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app"}]}],
                           "services": {"app": service}})
    status, _, body = curl(f"http://127.0.0.1:{remora.port}/secret")
    about = parsed(body)
    assert (status, about["version"]) == (200, "1.1" if protocol == "http1" else "2.0")
    assert "spiffe://example.org/web" in about["peer"]
    line = remora.access_log()[0]
    assert (line["upstream_tls_version"], line["upstream_peer"]) == ("TLSv1.3", "spiffe://example.org/app")


def test_an_endpoint_with_the_wrong_name_is_refused(start_remora, start_app, curl, authority, server):
    app = start_app("https", TLS_KEY=server["key"], TLS_CERT=server["certificate"])
    service = {"endpoints": [app.address], "tls": {"ca": authority.certificate, "server_name": "elsewhere.example"}}
    remora = start_remora({"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app"}]}],
                           "services": {"app": service}})
    status, _, body = curl(f"http://127.0.0.1:{remora.port}/")
    assert (status, parsed(body)["reason"]) == (503, "upstream_certificate")


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_an_endpoint_that_refuses_us_after_the_handshake_is_passed_over(start_remora, start_app, curl, authority, server,
                                                                        protocol):
    """In TLS 1.3 the client is done first, and learns only then that its certificate was asked for."""
    strict = start_app("https", TLS_KEY=server["key"], TLS_CERT=server["certificate"], TLS_CLIENT_CA=authority.certificate)
    lenient = start_app("https", TLS_KEY=server["key"], TLS_CERT=server["certificate"])
    listener = {"listen": f"127.0.0.1:{free_port()}", "routes": [{"match": {"path": "/strict"}, "to": "strict"}, {"to": "both"}]}
    common = {"protocol": protocol, "tls": {"ca": authority.certificate}}
    remora = start_remora({"inbound": [listener], "services": {
        "strict": {"endpoints": [strict.address], **common},
        "both": {"endpoints": [strict.address, lenient.address], **common}}})
    status, _, body = curl("-d", "x", f"http://127.0.0.1:{remora.port}/strict")
    assert (status, parsed(body)["reason"]) == (503, "upstream_tls")
    for _ in range(4):
        assert curl("-d", "x", f"http://127.0.0.1:{remora.port}/")[0] == 200


def test_bytes_to_a_tls_endpoint_agree_on_no_protocol(start_remora, authority, server):
    """A service that would speak HTTP/2 if asked isn't, where remora carries bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server["certificate"], server["key"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    agreed = []

    def answer(listener):
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True) as connection:
            agreed.append(connection.selected_alpn_protocol())
            connection.sendall(connection.recv(100).upper())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = {"endpoints": [f"127.0.0.1:{listener.getsockname()[1]}"], "tls": {"ca": authority.certificate}}
        threading.Thread(target=answer, args=[listener], daemon=True).start()
        remora = start_remora({"inbound": [{"listen": f"127.0.0.1:{free_port()}", "tcp": "bytes"}],
                               "services": {"bytes": service}})
        with socket.create_connection(("127.0.0.1", remora.port), timeout=10) as client:
            client.sendall(b"abc")
            assert client.recv(100) == b"ABC"
    assert agreed == [None]


@VERSIONS
def test_through_two_with_mutual_tls(start_remora, remora_before, python_app, curl, authority, server, client, version):
    far = remora_before(python_app, tls={**server, "client_ca": authority.certificate,
                                         "client_names": {"trust_domains": "example.org"}})
    service = {"endpoints": [f"127.0.0.1:{far.port}"], "tls": {"ca": authority.certificate, **client}}
    near = start_remora({"outbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "peer"}]}],
                         "services": {"peer": service}})
    plain = {"--http2": "--http2-prior-knowledge"}.get(version, version)
    _, _, echoed = curl("-H", "Expect:", "--data-binary", "@-", f"http://127.0.0.1:{near.port}/echo", data=BODY, version=plain)
    assert echoed == BODY
    assert far.access_log()[0]["peer"] == "spiffe://example.org/web"


def test_rotations_under_load_lose_nothing(start_remora, python_app, authority, server, tmp_path):
    """The certificate is exchanged while requests run; new connections get the new one."""
    live = {name: shutil.copy(path, tmp_path / os.path.basename(path)) for name, path in server.items()}
    remora = start_remora({"inbound": [inbound(python_app, tls={name: str(path) for name, path in live.items()})]})
    load = ["h2load", "-n", "6000", "-c", "4", "-m", "10", f"https://127.0.0.1:{remora.port}/status?200"]
    outcome = []
    runner = threading.Thread(target=lambda: outcome.append(subprocess.run(load, capture_output=True, text=True)))
    runner.start()
    for number in range(5):
        fresh = authority.leaf(f"rotated-{number}", SERVER)
        for name, path in fresh.items():
            os.replace(shutil.copy(path, tmp_path / "next"), live[name])
        wait_until(lambda: remora.metric("remora_snapshot_generation") > number + 1, what="the reload")
    runner.join()
    assert "6000 succeeded, 0 failed, 0 errored" in outcome[0].stdout
    shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{remora.port}"], input="", capture_output=True, text=True)
    assert "CN = rotated-4" in shown.stdout
