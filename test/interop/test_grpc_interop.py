"""The gRPC project's interoperability tests, its client and server in Go, through one remora and through two."""

import subprocess

import pytest
import tools
from support.fixtures import outbound
from support.running import Program, free_port

# All that need no credentials of a cloud, without cacheable_unary, which the Go client doesn't have, and
# pick_first_unary: the Go server doesn't tell its id, so that it fails without a proxy as well.
CASES = """empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server
    cancel_after_begin cancel_after_first_response status_code_and_message special_status_message custom_metadata
    unimplemented_method unimplemented_service orca_per_rpc orca_oob rpc_soak channel_soak""".split()
# What the two orca cases look at only shows through this policy of the client.
POLICY = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}'
LIMIT = 60  # seconds a case
pytestmark = pytest.mark.timeout(1200)  # what isn't installed yet is built


@pytest.fixture
def app(tmp_path):
    port = free_port()
    program = Program([tools.grpc_server(), "-port", str(port)], str(tmp_path / "server.log"), ready_port=port)
    yield {"endpoints": f"127.0.0.1:{port}", "protocol": "http2"}
    program.end()


@pytest.fixture
def arguments(request, start_remora, remora_before, app, authority, server, mutual):
    """Of the client, for a way to the server."""
    if request.param == "h2c":
        return ["-server_port", str(remora_before(app, protocol="http2").port)]
    if request.param == "tls":
        trust = ["-use_tls", "-use_test_ca", "-ca_file", authority.certificate]
        return [*trust, "-server_port", str(remora_before(app, tls=server).port)]
    listener, service = mutual
    far = remora_before(app, tls=listener)
    peer = {"endpoints": f"127.0.0.1:{far.port}", "tls": service}
    near = start_remora({"outbound": [outbound([{"to": "peer"}])], "services": {"peer": peer}})
    return ["-server_port", str(near.port)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("arguments", ["h2c", "tls", "mesh"], indirect=True)
def test_grpc(request, arguments, suite, case):
    suite(f"grpc-{request.node.callspec.params['arguments']}")
    command = [tools.grpc_client(), "-server_host", "localhost", *arguments, "-test_case", case]
    command += ["-service_config_json", POLICY] if case.startswith("orca") else []
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
