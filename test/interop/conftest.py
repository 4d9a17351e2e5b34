"""What the interop suites share: certificates, and a closing line for each suite with the cases that it had."""

import pytest
from support.certificates import Authority

NAMES = "DNS:localhost,IP:127.0.0.1,URI:spiffe://example.org/app"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server(authority):
    return authority.leaf("server", NAMES)


@pytest.fixture(scope="session")
def client(authority):
    return authority.leaf("client", "URI:spiffe://example.org/web")


@pytest.fixture(scope="session")
def mutual(authority, server, client):
    """(`tls` of the listener, `tls` of the service) for two remoras that prove to each other who they are."""
    return {**server, "client_ca": authority.certificate}, {"ca": authority.certificate, **client}


@pytest.fixture
def suite(record_property):
    """suite(name, passed, failed) names the closing line that counts this test: as one case, or as so many."""

    def record(name, passed=None, failed=None):
        record_property("suite", name)
        if passed is not None:
            record_property("cases", (passed, failed))

    return record


COUNTS = {}  # {suite: [passed, failed]}, written as the tests report


def pytest_runtest_logreport(report):
    properties = dict(report.user_properties)
    if report.when != "call" and not report.failed or report.skipped or "suite" not in properties:
        return
    counts = COUNTS.setdefault(properties["suite"], [0, 0])
    passed, failed = properties.get("cases") or (int(report.passed), 0)
    counts[0] += passed
    counts[1] += failed or int(report.failed)


def pytest_terminal_summary(terminalreporter):
    for name, (passed, failed) in COUNTS.items():
        terminalreporter.write_line(f"{name}: {passed} passed, {failed} failed")
