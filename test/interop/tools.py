"""What the suites run, installed into a cache folder outside of this repository. Versions are fixed: a suite that is
run again must be the same suite. As a program it prints the python that has the suites' packages."""

import contextlib
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "remora", "interop")
INSTALL_LIMIT = 900  # seconds; a slow network and two cores that build gRPC

PYTHON_PACKAGES = ["h2==4.4.1", "websockets==17.4", "sslyze==6.3.1"]
AUTOBAHN = "autobahntestsuite==25.10.1"
# h2spec has no go.mod of its own: without these lines Go would take libraries that need a newer Go than Debian's.
GO_MODULE = """module interop

go 1.19

require (
	github.com/fatih/color v1.16.0
	github.com/spf13/cobra v1.8.0
	github.com/summerwind/h2spec v2.2.1+incompatible
	golang.org/x/net v0.17.0
	google.golang.org/grpc {grpc}
)
"""
GRPC = "v1.85.0"
GRPC_GO = (1, 25)  # what it needs
RATE_LIMIT_SERVICE = "github.com/envoyproxy/ratelimit/src/service_cmd@v1.4.1-0.20260122083618-3fb702589d36"
RATE_LIMIT_SERVICE_GO = (1, 25)
GRPC_FOR_DEBIANS_GO = "v1.64.1"  # the last one that Go 1.19 builds


def run(command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, **options)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout


@contextlib.contextmanager
def installing(name, content):
    """(folder, whether something is to do): a folder of the cache for that content; half of one is made anew."""
    folder = os.path.join(CACHE, f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}")
    done = os.path.join(folder, ".complete")
    if os.path.exists(done):
        yield folder, False
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    yield folder, True
    with open(done, "w", encoding="ascii"):
        pass


def python():
    """A python with PYTHON_PACKAGES that also sees Debian's pytest."""
    base = "/usr/bin/python3"
    with installing("python", " ".join([base, run([base, "--version"]), *PYTHON_PACKAGES])) as (folder, is_new):
        program = os.path.join(folder, "bin", "python")
        if is_new:
            run([base, "-m", "venv", "--system-site-packages", folder])
            run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES])
    return program


def go_version():
    """(its text, (major, minor))"""
    version = run(["go", "env", "GOVERSION"])
    return version, tuple(map(int, re.search(r"go(\d+)\.(\d+)", version).groups()))


@functools.cache
def go_program(package):
    """The path of that package's program, built."""
    version, numbers = go_version()
    module = GO_MODULE.format(grpc=GRPC if numbers >= GRPC_GO else GRPC_FOR_DEBIANS_GO)
    name = package.split("/", 1)[1].replace("/", "-")
    with installing(name, version + module) as (folder, is_new):
        program = os.path.join(folder, "program")
        if is_new:
            with open(os.path.join(folder, "go.mod"), "w", encoding="ascii") as file:
                file.write(module)
            env = dict(os.environ, GOPATH=os.path.join(CACHE, "go"), GOFLAGS="-mod=mod -modcacherw")
            run(["go", "build", "-o", program, package], cwd=folder, env=env)
    return program


def h2spec():
    return go_program("github.com/summerwind/h2spec/cmd/h2spec")


def grpc_client():
    return go_program("google.golang.org/grpc/interop/client")


def grpc_server():
    return go_program("google.golang.org/grpc/interop/server")


@functools.cache
def rate_limit_service():
    """The path of Envoy's rate limit service, or None where Go is too old for it."""
    version, numbers = go_version()
    if numbers < RATE_LIMIT_SERVICE_GO:
        return None
    with installing("ratelimit", version + RATE_LIMIT_SERVICE) as (folder, is_new):
        if is_new:
            env = dict(os.environ, GOPATH=os.path.join(CACHE, "go"), GOBIN=folder, GOFLAGS="-modcacherw")
            run(["go", "install", RATE_LIMIT_SERVICE], env=env)
    return os.path.join(folder, "service_cmd")


def autobahn():
    """The command of Autobahn's test suite, or None: it needs Python 2.7, which Debian 12 doesn't have."""
    base = python2()
    if not base:
        return None
    with installing("autobahn", base + AUTOBAHN) as (folder, is_new):
        packages = os.path.join(folder, "packages")
        if is_new:
            run([base, "-m", "pip", "install", "--quiet", "--target", packages, AUTOBAHN])
    # Its packages share a namespace, which only a folder that is read as site-packages has.
    script = f"import site; site.addsitedir({packages!r}); from autobahntestsuite import wstest; wstest.run()"
    return [base, "-c", script]


def python2():
    """One with pip: first in PATH, or among pyenv's, whose own program in PATH runs only what was chosen."""
    for program in ["python2.7", *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7")))]:
        try:
            run([program, "-m", "pip", "--version"])
        except (OSError, AssertionError):
            continue
        return program
    return None


if __name__ == "__main__":
    print(python())
