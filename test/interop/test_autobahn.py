"""Autobahn's fuzzing client, which speaks HTTP/1.1: what it says of the application is the same through remora. Left
out are its sections 12 and 13, compression of messages, which is between the client and the application."""

import json
import subprocess

import pytest
import tools

CASES = 301
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")  # not strict: how soon the application noticed
LIMIT = 600  # seconds for all cases
pytestmark = pytest.mark.timeout(2400)  # what isn't installed yet is built


@pytest.fixture(scope="module")
def command():
    return tools.autobahn() or pytest.skip("Autobahn's suite needs Python 2.7, and there is none")


@pytest.fixture(scope="module")
def verdicts(command, ways, tmp_path_factory):
    """verdicts(way) -> {case: what it says of the messages and of the close}."""

    def run(way):
        folder = tmp_path_factory.mktemp(way)
        server = {"agent": way, "url": f"ws://127.0.0.1:{getattr(ways, way)}"}
        spec = {"outdir": str(folder), "servers": [server], "cases": ["*"], "exclude-cases": ["12.*", "13.*"]}
        (folder / "spec.json").write_text(json.dumps(spec | {"exclude-agent-cases": {}}))
        said = subprocess.run([*command, "-m", "fuzzingclient", "-s", str(folder / "spec.json")], capture_output=True,
                              text=True, timeout=LIMIT, cwd=folder)
        assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
        cases = json.loads((folder / "index.json").read_text())[way]
        return {case: (about["behavior"], about["behaviorClose"]) for case, about in cases.items()}

    return run


@pytest.fixture(scope="module")
def straight(verdicts):
    return verdicts("direct")


@pytest.mark.parametrize("way, name", [("one", "h1"), ("two", "mesh")])
def test_autobahn(verdicts, straight, suite, way, name):
    seen = verdicts(way)
    bad = [f"{case}: {said}, and straight {straight[case]}" for case, said in sorted(seen.items())
           if not all(word in GOOD for word in said) and said != straight[case]]
    suite(f"autobahn-{name}", len(seen) - len(bad), len(bad))
    assert not bad, "\n".join(bad[:20])
    assert len(seen) == CASES
