"""What the interop suites share: certificates, and a closing line for each suite with the cases that it had."""

import pytest
from websocket_ways import Ways


@pytest.fixture(scope="session")
def mutual(authority, server, client):
    """(`tls` of the listener, `tls` of the service) for two remoras that prove to each other who they are."""
    return {**server, "client_ca": authority.certificate}, {"ca": authority.certificate, **client}


@pytest.fixture(scope="module")
def ways(tmp_path_factory, mutual):
    ways = Ways(tmp_path_factory.mktemp("ways"), mutual)
    yield ways
    ways.stop()


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
