"""The arithmetic and the parsing of the bench; nothing is measured."""

import json

import figures
import load
import proxies
import pytest
import tables
import wires
from recipe import Place
from wires import Http

WRK = """Running 1s test @ http://127.0.0.1:9101/s
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.77ms  312.00us   6.43ms   88.12%
    Req/Sec    36.41k     2.26k   38.77k    80.00%
  Latency Distribution
     50%    1.70ms
     75%    1.83ms
     90%    2.01ms
     99%  910.00us
  36205 requests in 1.00s, 10.22MB read
  Socket errors: connect 1, read 2, write 0, timeout 0
  Non-2xx or 3xx responses: 4
Requests/sec:  36100.21
Transfer/sec:     10.19MB
"""


def test_wrk_is_understood():
    assert load.parse_wrk(WRK) == load.Answers(36205, 36100.21, 1700, 910, 7)


H2LOAD = """starting benchmark...
Application protocol: {}
finished in 2.01s, 5000.00 req/s, 1.10MB/s
requests: 10010 total, 10100 started, 10010 done, 10004 succeeded, 1 failed, 2 errored, 3 timeout
status codes: 10001 2xx, 4 3xx, 0 4xx, 1 5xx
"""


def test_h2load_is_understood_and_has_no_percentiles():
    assert load.parse_h2load(H2LOAD.format("h2c"), 2) == load.Answers(10004, 5002, None, None, 10)


def test_h2load_without_http2_ends_the_bench():
    with pytest.raises(SystemExit):
        load.parse_h2load(H2LOAD.format("http/1.1"), 2)


def test_the_interval_of_12_rounds_leaves_out_two_at_each_end():
    low, high, covered = figures.median_interval(list(range(1, 13)))
    assert (low, high) == (3, 10) and covered == pytest.approx(0.9614, abs=1e-4)


def test_with_few_rounds_the_interval_is_the_range_and_says_its_coverage():
    assert figures.median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0, 0.75)


def test_ratios_are_taken_round_by_round():
    summary = figures.summary([2.0, 30.0, 4.0], [1.0, 10.0, 4.0])
    assert summary["ratio"]["median"] == 2.0 and summary["median"] == 4.0


def row(cpu):
    keys = ("rate", "p50", "p99", "pss", "switches")
    figures_of_one = {"cpu": cpu, "done": 10, "user_ticks": 20, "system_ticks": 80, "errors": 0, "calls": 4}
    return figures_of_one | dict.fromkeys(keys, 1)


def test_tables_hold_every_proxy():
    results = {"l4epoll": [row(10.0)], "remora": [row(11.0)]}
    text = tables.aligned(tables.table_of("small", results))
    assert "1.10" in text.splitlines()[2] and "2.00" in text
    readme = tables.readme_table({"scenarios": {"small": results}})
    assert "| remora | 11.0 µs (1.10) | 4.0 |" in readme


def test_new_scenarios_are_told_beside_haproxy():
    results = {"haproxy": [row(10.0) | {"p50": None}], "remora": [row(7.0) | {"p50": None}]}
    lines = tables.aligned(tables.table_of("h2", results)).splitlines()
    assert "/haproxy" in lines[0] and "/l4epoll" not in lines[0]
    assert "0.70" in lines[2] and "nan" not in lines[2]
    idle = {"remora": [{"bytes": 6000.4}]}
    readme = tables.readme_table({"scenarios": {"small": {"l4epoll": [row(5.0)]}, "h2": results, "idle_h2": idle}})
    assert "| l4epoll | 5.0 µs (1.00) | 4.0 |\n\n| scenario | haproxy | remora |" in readme
    assert "| `h2` | 10.0 µs (1.00) | 7.0 µs (0.70) |\n| `idle_h2` | - | 6000 bytes |" in readme


def test_both_ratios_are_told_where_both_take_part():
    results = {"l4epoll": [row(5.0)], "haproxy": [row(10.0)], "remora": [row(7.0)]}
    last = tables.aligned(tables.table_of("h2h2", results)).splitlines()[3]
    assert "1.40" in last and "0.70" in last


def test_who_cannot_speak_something_is_left_out():
    assert proxies.can_speak("l4epoll", wires.H2H2) and proxies.can_speak("direct", wires.PLAIN)
    assert not proxies.can_speak("l4epoll", wires.H2) and not proxies.can_speak("direct", wires.TLS)
    assert proxies.can_speak("nginx+log", wires.H2) and not proxies.can_speak("nginx+log", wires.H2H2)
    assert all(proxies.can_speak("remora", between) for between in WIRES.values())


WIRES = {
    "plain": wires.PLAIN,
    "tls": wires.TLS,
    "mutual": wires.MUTUAL,
    "h2": wires.H2,
    "h2h2": wires.H2H2,
    "caller": wires.mesh(Http.TWO)[0],
    "called": wires.mesh(Http.OWN)[1],
}


@pytest.mark.parametrize("between", WIRES)
@pytest.mark.parametrize("name", [name for name, recipe in proxies.RECIPES.items() if recipe])
def test_every_recipe_can_be_written(name, between):
    if not proxies.can_speak(name, WIRES[between]):
        return
    recipe = proxies.RECIPES[name](Place(1, 2, 3, "/folder", "/build", WIRES[between]))
    assert recipe.command
    for file, text in recipe.files.items():
        assert "127.0.0.1" in text
        assert ("/build/bench/certificates/cert.pem" in text or "both.pem" in text) == (
            between in ("tls", "mutual", "caller", "called")
        )
        if file.endswith(".json"):
            json.loads(text)
