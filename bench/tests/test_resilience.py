"""What ./dev bench --resilience makes of its runs; nothing is measured."""

import argparse

import faults
import proxies
import pytest
import resilience
from recipe import Place
from traffic import RESILIENT

RUN = {
    "due": 1000,
    "ok": 990,
    "failed": 10,
    "closed": 1,
    "overdue": 2,
    "over50": 5,
    "statuses": {"502": 3, "504": 4},
    "p50": 1200.0,
    "p99": 20_000.0,
    "p999": 50_000.0,
    "max": 90_000.0,
    "shares": [50, 33, 17],
    "metrics": dict.fromkeys(resilience.METRICS, 7.0),
}


def test_a_run_is_a_line_of_the_table():
    heads, line = resilience.table_of({"bare": RUN})
    assert len(heads) == len(line)
    cells = dict(zip(heads, line))
    assert cells["failed"] == "10" and cells["statuses"] == "502:3 504:4" and cells["over 50 ms"] == "0.500 %"
    assert cells["p99 ms"] == "20.0" and cells["retries"] == "7"
    assert cells["shares %"] == "50/33/17"


def test_a_name_that_nobody_knows_is_told():
    assert resilience.names_of(faults.FAULTS)("hang,503") == ["hang", "503"]
    with pytest.raises(argparse.ArgumentTypeError, match="unknown 'flood'; known are none, kill"):
        resilience.names_of(faults.FAULTS)("hang,flood")


@pytest.mark.parametrize("policy", resilience.POLICIES)
def test_every_policy_can_be_written(policy):
    text = resilience.route_and_service(policy, ["127.0.0.1:1", "127.0.0.1:2"])
    assert ("outlier: true" in text) == (policy in ("resilient", "floor", "no-retry", "least-request"))
    assert ("try_timeout" in text) == (policy in ("resilient", "floor", "no-outlier", "least-request"))


@pytest.mark.parametrize("name", RESILIENT)
def test_remora_has_every_backend_of_the_scenario(name):
    recipe = proxies.recipe_of(name, Place(1, 2, 3, "/folder", "/build", others=(4, 5)))
    text = recipe.files["remora.yaml"]
    assert "endpoints: [127.0.0.1:3, 127.0.0.1:4, 127.0.0.1:5]" in text
    assert ("rate_limit" in text and "outlier" in text and "requests: 1000" in text) == (name == "remora-resilient")


def test_ports_are_below_those_of_outgoing_connections():
    assert all(10_000 <= faults.low_port() < 32_000 for _ in range(20))
