"""The proxies that are measured: how each is configured and started. To add one, write a function like the others.

Every L7 peer runs one worker, keeps connections on both sides, adds X-Forwarded-For and a request id, and (the names
with +log) writes a JSON access log to a file. remora always runs with everything on: log, metrics, trail, trace
context and request ids. No server resumes TLS sessions: a handshake is a full one.
"""

import os
import signal

from certificates import IDENTITY, SERVER_NAME
from envoy import envoy, install_envoy
from recipe import Recipe, find
from wires import Http, Tls


def remora(place, service="", route=""):
    """`service` and `route`: further keys of theirs."""
    wires = place.wires
    protocols = {Http.OWN: "auto", Http.ONE: "http1", Http.TWO: "http2"}
    listener = [f"listen: 127.0.0.1:{place.port}"]
    services = ""
    if wires.down.tls is not Tls.NONE or wires.down.http is not Http.ONE:
        listener.append(f"protocol: {protocols[wires.down.http]}")
    if wires.down.tls is not Tls.NONE:
        listener.append(f"tls: {remora_listener_tls(place)}")
    if wires.up.tls is Tls.NONE and wires.up.http is Http.ONE and not service:
        listener.append(f"app: 127.0.0.1:{place.backend}")
    else:
        listener.append(f"routes: [{{ to: app{route} }}]")
        addresses = ", ".join(f"127.0.0.1:{port}" for port in place.backends)
        services = f"services:\n  app:\n    endpoints: [{addresses}]\n{service}"
        services += f"    protocol: {protocols[wires.up.http]}\n"
        services += f"    tls: {remora_service_tls(place)}\n" if wires.up.tls is not Tls.NONE else ""
    config = f"""{"outbound" if wires.outbound else "inbound"}:
  - {(chr(10) + "    ").join(listener)}
{services}telemetry:
  access_log: {{ to: {place.path("access.log")}, format: json }}
admin: 127.0.0.1:{place.admin_port}
cores: 1
"""
    command = [os.path.join(place.build, "remora"), "run", place.path("remora.yaml")]
    return Recipe("remora", command, {"remora.yaml": config}, signal.SIGHUP)


def remora_in_turn(place):
    """Three applications, and nothing but what is on by default."""
    return remora(place, "    balance: round_robin\n")


def remora_resilient(place):
    """The same with all that guards against applications that fail, which here never has anything to do."""
    service = """    balance: least_request
    outlier: true
    limits: { requests: 1000, pending: 1000 }
"""
    retry = "retry: { on: [connect-failure, refused-stream, reset, gateway-error, timeout], try_timeout: 5s }"
    return remora(place, service, f", timeout: 10s, rate_limit: 1000000/s, {retry}")


def remora_listener_tls(place):
    files = place.certificates
    text = f"certificate: {files.chain}, key: {files.key}, min_version: 1.3, tickets: false"
    if place.wires.down.tls is Tls.MUTUAL:
        text += f", client_ca: {files.authority}, client: required, client_names: {{ sans: '{IDENTITY}' }}"
    return f"{{ {text} }}"


def remora_service_tls(place):
    files = place.certificates
    own = f"certificate: {files.chain}, key: {files.key}"
    return f"{{ ca: {files.authority}, {own}, server_name: {SERVER_NAME}, min_version: 1.3 }}"


def l4epoll(place):
    return Recipe("l4epoll", [os.path.join(place.build, "l4epoll"), str(place.port), str(place.backend)])


def nginx(place, log=False):
    logging = "access_log off;"
    if log:
        logging = (
            'log_format j escape=json \'{"ts":"$time_iso8601","method":"$request_method","path":"$request_uri",'
            '"status":$status,"bytes":$body_bytes_sent,"t":$request_time,"peer":"$remote_addr"}\';\n'
            f"  access_log {place.path('access.log')} j buffer=64k flush=1s;"
        )
    scratch = "\n".join(
        f"  {kind}_temp_path {place.path(kind)};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = f"""worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {place.path("pid")};
error_log {place.path("error.log")};
events {{ worker_connections 18000; }}
http {{
  {logging}
{scratch}
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  upstream app {{ server 127.0.0.1:{place.backend}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{place.port}{nginx_listener_words(place.wires.down)};
{nginx_listener_tls(place)}    location / {{
      proxy_pass {"http" if place.wires.up.tls is Tls.NONE else "https"}://app;
      proxy_http_version 1.1;
{nginx_upstream_tls(place)}      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"""
    command = [find("nginx"), "-p", place.folder, "-c", place.path("nginx.conf")]
    return Recipe("nginx", command, {"nginx.conf": config}, signal.SIGHUP)


def nginx_listener_words(leg):
    return (" ssl" if leg.tls is not Tls.NONE else "") + (" http2" if leg.http is Http.TWO else "")


def nginx_listener_tls(place):
    if place.wires.down.tls is Tls.NONE:
        return ""
    files = place.certificates
    lines = [f"ssl_certificate {files.chain}", f"ssl_certificate_key {files.key}", "ssl_protocols TLSv1.3"]
    lines += ["ssl_session_tickets off", "ssl_session_cache off"]
    if place.wires.down.tls is Tls.MUTUAL:
        lines += [f"ssl_client_certificate {files.authority}", "ssl_verify_client on"]
    return "".join(f"    {line};\n" for line in lines)


def nginx_upstream_tls(place):
    if place.wires.up.tls is Tls.NONE:
        return ""
    files = place.certificates
    lines = [f"proxy_ssl_certificate {files.chain}", f"proxy_ssl_certificate_key {files.key}", "proxy_ssl_verify on"]
    lines += [f"proxy_ssl_trusted_certificate {files.authority}", f"proxy_ssl_name {SERVER_NAME}"]
    lines += ["proxy_ssl_server_name on", "proxy_ssl_protocols TLSv1.3"]
    return "".join(f"      {line};\n" for line in lines)


def haproxy(place, log=False):
    fields = '{"ts":"%Ts","method":"%HM","path":"%HU","status":%ST,"bytes":%B,"t":%Ta,"peer":"%ci"}'
    wires = place.wires
    config = f"""global
  nbthread 1
  maxconn 9000
  tune.ssl.cachesize 0
{"  log stdout format raw local0" if log else ""}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option http-keep-alive
  option forwardfor
  http-reuse always
  unique-id-format %{{+X}}o%pid-%Ts-%rt-%ci-%cp
  unique-id-header X-Request-Id
{"  log global" if log else ""}
{f"  log-format '{fields}'" if log else ""}
frontend callers
  bind 127.0.0.1:{place.port}{haproxy_listener_words(place)}
  default_backend app
backend app
  server one 127.0.0.1:{place.backend} pool-max-conn -1 pool-purge-delay 600s{haproxy_server_words(place, wires.up)}
"""
    # Master and worker, so that it can reload; the master idles and costs nothing while requests run.
    command = [find("haproxy"), "-W", "-db", "-f", place.path("haproxy.cfg")]
    return Recipe("haproxy", command, {"haproxy.cfg": config}, signal.SIGUSR2)


def haproxy_listener_words(place):
    leg, files = place.wires.down, place.certificates
    if leg.tls is Tls.NONE:
        return " proto h2" if leg.http is Http.TWO else ""
    words = f" ssl crt {files.chain_and_key} ssl-min-ver TLSv1.3 no-tls-tickets"
    if leg.tls is Tls.MUTUAL:
        words += f" ca-file {files.authority} verify required"
    return words + (" alpn h2" if leg.http is Http.TWO else "")


def haproxy_server_words(place, leg):
    files = place.certificates
    if leg.tls is Tls.NONE:
        return " proto h2" if leg.http is Http.TWO else ""
    words = f" ssl crt {files.chain_and_key} ca-file {files.authority} verify required ssl-min-ver TLSv1.3"
    words += f" sni str({SERVER_NAME}) verifyhost {SERVER_NAME}"
    return words + (" alpn h2" if leg.http is Http.TWO else "")


# `direct` has no proxy: its rows show what the backend itself costs.
RECIPES = {
    "direct": None,
    "l4epoll": l4epoll,
    "remora": remora,
    "nginx": nginx,
    "nginx+log": lambda place: nginx(place, log=True),
    "haproxy": haproxy,
    "haproxy+log": lambda place: haproxy(place, log=True),
    "envoy": envoy,
    "envoy+log": lambda place: envoy(place, log=True),
}


# Only in the scenarios that name them.
VARIANTS = {"remora-in-turn": remora_in_turn, "remora-resilient": remora_resilient}


def recipe_of(name, place):
    return (RECIPES | VARIANTS)[name](place)


def can_speak(name, wires):
    """Whether the proxy can stand between these wires at all."""
    if name in ("direct", "l4epoll"):
        return wires.may_be_relayed()
    return not (name.startswith("nginx") and wires.up.http is Http.TWO)


def why_missing(name, build):
    """Why this proxy can't run here, or ''."""
    if name.startswith("envoy"):
        return install_envoy(build)
    program = name.split("+")[0]
    if program in ("nginx", "haproxy"):
        return "" if find(program) else f"{program} isn't installed"
    if program == "direct" or os.path.exists(os.path.join(build, program)):
        return ""
    return f"{build}/{program} isn't built"
