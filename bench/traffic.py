"""The streams of requests whose CPU cost is measured, and what they are sent with."""

import os
from dataclasses import dataclass

import certificates
import load
from wires import H2, H2H2, PLAIN, TLS, Http, Tls, Wires

RELAY = "l4epoll"
PEER = "haproxy"


@dataclass
class Traffic:
    path: str
    connections: int
    open_loop: bool = False
    close: bool = False
    wires: Wires = PLAIN
    inside: Http | None = None  # what the two proxies of a mesh speak between them; None: no mesh, one proxy
    reference: str = RELAY  # whose CPU time the README's ratios are taken to
    instead: tuple = ()  # these are measured, and in place of remora only
    says: str = ""


def beside_haproxy(path, connections, **settings):
    # A relay can't end TLS or HTTP/2, so another proxy is the yardstick.
    return Traffic(path, connections, reference=PEER, **settings)


RESILIENT = ("remora-in-turn", "remora-resilient")

TRAFFIC = {
    "small": Traffic("/s", 64, says="128-byte answers, as fast as they come"),
    "resilient": Traffic(
        "/s", 64, instead=RESILIENT, reference=RESILIENT[0], says="`small` to three backends, without and with all"
    ),
    "16k": Traffic("/m", 64, says="16 KiB answers"),
    "1m": Traffic("/l", 16, says="1 MiB answers"),
    "rate": Traffic("/s", 32, open_loop=True, says="128-byte answers at a fixed rate, Poisson arrivals"),
    "close": Traffic("/s", 16, close=True, says="a connection for each request"),
    "tls": beside_haproxy("/s", 64, wires=TLS, says="TLS 1.3 to HTTP/1, 128-byte answers"),
    "tls16k": beside_haproxy("/m", 64, wires=TLS, says="TLS 1.3 to HTTP/1, 16 KiB answers"),
    "handshake": beside_haproxy("/s", 16, close=True, wires=TLS, says="a full TLS 1.3 handshake for each request"),
    "h2": beside_haproxy("/s", 4, wires=H2, says="HTTP/2 to HTTP/1, 4 connections of 25 streams"),
    "h2_16k": beside_haproxy("/m", 4, wires=H2, says="the same with 16 KiB answers"),
    "h2h2": beside_haproxy("/s", 4, wires=H2H2, says="HTTP/2 to HTTP/2, 4 connections of 25 streams"),
    "h2h2_16k": beside_haproxy("/m", 4, wires=H2H2, says="the same with 16 KiB answers"),
    "mesh": beside_haproxy("/s", 64, inside=Http.OWN, says="two proxies, mutual TLS between, HTTP as they choose"),
    "mesh_h1": beside_haproxy("/s", 64, inside=Http.ONE, says="the same, HTTP/1 between the two"),
    "mesh_h2": beside_haproxy("/s", 64, inside=Http.TWO, says="the same, HTTP/2 between the two"),
}


def reference_of(scenario):
    return TRAFFIC[scenario].reference if scenario in TRAFFIC else RELAY


def run_load(traffic, port, seconds, options):
    connections = options.connections or traffic.connections
    if traffic.open_loop:
        program = os.path.join(options.build, "fixrate")
        rate = options.rate
        return load.fixrate(program, port, traffic.path, traffic.connections, rate, seconds, options.client_cpu)
    if traffic.wires.down.http is Http.TWO:
        return load.h2load(port, traffic.path, connections, seconds, options.client_cpu)
    tls = certificates.of(options.build).client_config if traffic.wires.down.tls is not Tls.NONE else ""
    return load.wrk(port, traffic.path, connections, seconds, options.client_cpu, traffic.close, tls)
