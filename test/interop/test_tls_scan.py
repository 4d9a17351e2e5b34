"""Scanners of TLS at an inbound listener with every default: nothing to find but what is about a test's certificate."""

import json
import subprocess
import sys

import pytest
from support.running import free_port

pytestmark = pytest.mark.timeout(600)

# Headers that testssl.sh looks for are the application's matter; here remora adds them for it, as it may be told to.
HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
}
# What may be found, and why it says nothing about remora.
EXPECTED = {
    "engine_problem": "about the machine that scans: its OpenSSL has no GOST",
    "cert_expirationStatus": "the test's certificate lives for a day",
    "cert_notAfter": "the same",
    "cert_revocation": "the test's authority publishes neither CRL nor OCSP",
    "DNS_CAArecord": "about the zone in DNS of the certificate's name, which is localhost",
}
BAD = ("WARN", "LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")


@pytest.fixture
def target(start_remora, python_app, server):
    listener = {"listen": f"127.0.0.1:{free_port()}", "tls": server}
    listener["routes"] = [{"to": "app", "response_headers": {"set": HEADERS}}]
    remora = start_remora({"inbound": [listener], "services": {"app": python_app.address}})
    return f"localhost:{remora.port}"


def test_sslyze(target, authority, suite, tmp_path):
    """All that Mozilla's intermediate configuration looks at; the exit status says whether it fits."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "sslyze", "--mozilla_config", "intermediate", "--certinfo_ca_file",
               authority.certificate, "--json_out", str(report), target]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    results = json.loads(report.read_text())["server_scan_results"][0]["scan_result"]
    done = [name for name, about in results.items() if about and about["status"] == "COMPLETED"]
    broken = [name for name, about in results.items() if about and about["status"] == "ERROR"]
    failed = len(broken) + run.stdout.count("\n        * ")
    suite("sslyze", len(done), failed)
    assert run.returncode == 0 and not broken, f"{broken}\n{run.stdout[-3000:]}{run.stderr[-1000:]}"
    assert "certificate_info" in done and "tls_1_3_cipher_suites" in done


def test_testssl(target, authority, suite, tmp_path):
    report = tmp_path / "report.json"
    command = ["testssl", "--quiet", "--warnings", "off", "--color", "0", "--ip", "one",
               "--add-ca", authority.certificate, "--jsonfile", str(report), target]
    run = subprocess.run(command, capture_output=True, text=True, timeout=500)
    findings = json.loads(report.read_text())
    bad = [finding for finding in findings if finding["severity"] in BAD and finding["id"] not in EXPECTED]
    suite("testssl", len(findings) - len(bad), len(bad))
    assert not bad, "\n".join(f"{finding['severity']} {finding['id']}: {finding['finding']}" for finding in bad)
    looked_at = {finding["id"] for finding in findings}
    assert {"TLS1_3", "heartbleed", "cert_chain_of_trust"} <= looked_at, run.stdout[-3000:]
