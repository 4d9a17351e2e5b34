"""h2spec, strict: the HTTP/2 that remora speaks to clients, without and with TLS."""

import subprocess
import xml.etree.ElementTree

import pytest
import tools

CASES = 146
pytestmark = pytest.mark.timeout(1200)  # what isn't installed yet is built


@pytest.mark.parametrize("way", ["h2c", "tls"])
def test_h2spec(remora_before, python_app, server, suite, tmp_path, way):
    over_tls = way == "tls"
    options = {"tls": server} if over_tls else {}
    remora = remora_before(python_app, protocol="http2", **options)
    report = tmp_path / "report.xml"
    command = [tools.h2spec(), "--strict", "-p", str(remora.port), "-P", "/hello", "-j", str(report)]
    run = subprocess.run(command + ["-t", "-k"] * over_tls, capture_output=True, text=True, timeout=300)
    cases = xml.etree.ElementTree.parse(report).findall(".//testcase")
    bad = [f"{case.get('package')}: {case.get('classname')}" for case in cases if len(case)]
    suite(f"h2spec-{way}", len(cases) - len(bad), len(bad))
    assert not bad, "\n".join(bad) + run.stdout[-4000:]
    assert (run.returncode, len(cases)) == (0, CASES), run.stdout[-2000:] + run.stderr
