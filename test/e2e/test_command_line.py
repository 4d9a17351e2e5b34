"""What a person types: check, explain, schema, version, and run with what is wrong."""

import glob
import json
import os
import re
import subprocess

import pytest
from support.running import binary

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
EXAMPLES = sorted(glob.glob(os.path.join(ROOT, "examples/*.yaml")))


def remora(*arguments):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("path", EXAMPLES, ids=os.path.basename)
def test_every_example_is_good_and_so_is_its_long_form(path, tmp_path):
    with open(path, encoding="utf-8") as file:
        names_certificates = "certs/" in file.read()  # which only a deployment has
    effective = remora("check", "--effective", path)
    assert (effective.returncode, effective.stderr) == (0, ""), effective.stderr
    long_form = tmp_path / "long.yaml"
    long_form.write_text(effective.stdout)
    for each in () if names_certificates else (path, str(long_form)):
        result = remora("check", each)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert remora("check", "--effective", str(long_form)).stdout == effective.stdout


WRONG = {
    "an unknown key": ("inbound:\n  - listen: 8080\n    app: 3000\n    edg: true\n", r":4:5: .*edg.*did you mean 'edge'"),
    "a missing unit": ("inbound:\n  - listen: 8080\n    app: 3000\n    timeouts: { idle: 5 }\n", r":4:\d+: .*timeouts\.idle"),
    "an unknown service": ("outbound:\n  - listen: 4140\n    routes:\n      - to: ordrs\nservices: { orders: 1.2.3.4:80 }\n",
                           r":4:\d+: .*ordrs.*did you mean 'orders'"),
    "no YAML": ("inbound: [\n", r":\d+:\d+: "),
    "nothing": ("{}\n", r"inbound"),
    "a bad regular expression": ('outbound:\n  - listen: 4140\n    routes:\n      - match: { path: "~ (" }\n        answer: 200\n',
                                 r":4:\d+: .*path"),
}


@pytest.mark.parametrize("text, expected", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("command", ["check", "run"])
def test_what_is_wrong_is_said_with_its_place(command, text, expected, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    result = remora(command, str(path))
    assert result.returncode == 1
    assert re.search(expected, result.stderr), result.stderr
    assert str(path) in result.stderr and "terminate" not in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = remora("check", str(tmp_path / "none.yaml"))
    assert result.returncode == 1 and "none.yaml" in result.stderr


def test_the_schema_is_json_and_knows_the_keys():
    result = remora("schema")
    schema = json.loads(result.stdout)
    assert result.returncode == 0 and "inbound" in schema["properties"]


def test_version_and_help():
    assert re.fullmatch(r"remora \d+\.\d+\.\d+\n", remora("version").stdout)
    for command in ("run", "check", "explain"):
        result = remora(command, "--help")
        assert result.returncode == 0 and command in result.stdout


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "file", "--inbound", "1=2"], ["run", "--inbound", "x"]])
def test_a_wrong_command_says_so_and_ends_with_an_error(arguments):
    result = remora(*arguments)
    assert result.returncode in (1, 2) and result.stderr
