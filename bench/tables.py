"""Results as text: a table for each scenario, and the one for README.md."""

import statistics

from figures import spread, summary
from traffic import PEER, RELAY, RESILIENT, TRAFFIC, reference_of

IDLE_BESIDE_PEER = ("idle_tls", "idle_mtls", "idle_h2")


def median(rows, key):
    values = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(values) if values else float("nan")


def split(rows):
    """(user, system) microseconds a request over all rounds: ticks are too coarse for one."""
    done = max(sum(row["done"] for row in rows), 1)
    return sum(row["user_ticks"] for row in rows) / done, sum(row["system_ticks"] for row in rows) / done


def shown(value, digits):
    return "-" if value != value else f"{value:.{digits}f}"  # not a number: nobody told


def cpu_summary(results, name, reference_name):
    reference = [row["cpu"] for row in results.get(reference_name, [])]
    return summary([row["cpu"] for row in results[name]], reference)


def interval(figures):
    ratio = figures.get("ratio")
    if not ratio:
        return "-", "-"
    return f"{ratio['median']:.2f}", f"{ratio['low']:.2f}..{ratio['high']:.2f} ({ratio['coverage'] * 100:.0f} %)"


def traffic_table(results):
    references = [name for name in (RELAY, PEER, RESILIENT[0]) if name in results]
    ratios = tuple(head for name in references for head in (f"/{name}", "interval"))
    heads = ("proxy", "us/req", "min..max") + ratios + ("user", "system", "calls", "rps", "p50 us", "p99 us")
    table = [heads + ("pss KiB", "switches", "errors")]
    for name, rows in results.items():
        figures = spread([row["cpu"] for row in rows])
        user, system = split(rows)
        row = (name, f"{figures['median']:.2f}", f"{figures['min']:.2f}..{figures['max']:.2f}")
        for reference in references:
            row += interval(cpu_summary(results, name, reference))
        row += (f"{user:.2f}", f"{system:.2f}", shown(median(rows, "calls"), 2), f"{median(rows, 'rate'):.0f}")
        row += (shown(median(rows, "p50"), 0), shown(median(rows, "p99"), 0), f"{median(rows, 'pss'):.0f}")
        table.append(row + (f"{median(rows, 'switches'):.3f}", str(sum(r["errors"] for r in rows))))
    return table


def start_table(results):
    table = [("proxy", "ms to first 200", "min..max", "ms above l4epoll", "cpu ms", "rss KiB", "pss KiB")]
    reference = [row["millis"] for row in results.get(RELAY, [])]
    for name, rows in results.items():
        millis = [row["millis"] for row in rows]
        above = [own - other for own, other in zip(millis, reference)]
        figures = spread(millis)
        row = (name, f"{figures['median']:.1f}", f"{figures['min']:.1f}..{figures['max']:.1f}")
        row += (f"{statistics.median(above):+.1f}" if above else "-", f"{median(rows, 'cpu_millis'):.1f}")
        table.append(row + (f"{median(rows, 'rss'):.0f}", f"{median(rows, 'pss'):.0f}"))
    return table


def idle_table(results):
    table = [("proxy", "pss KiB before", "with", "after", "bytes/connection", "cpu us/s", "wake-ups/s", "with none")]
    for name, (row, *_) in results.items():
        line = (name, str(row["pss_before"]), str(row["pss_during"]), str(row["pss_after"]), f"{row['bytes']:.0f}")
        line += (f"{row['cpu_a_second']:.0f}", f"{row['wakeups_a_second']:.1f}")
        table.append(line + (f"{row['wakeups_a_second_alone']:.1f}",))
    return table


def reload_table(results):
    table = [("proxy", "reloads", "requests", "failed", "alive after")]
    for name, (row, *_) in results.items():
        table.append((name, str(row["reloads"]), str(row["done"]), str(row["errors"]), str(row["alive"]).lower()))
    return table


def table_of(scenario, results):
    special = {"start": start_table, "reload": reload_table}
    return special.get(scenario, idle_table if is_idle(scenario) else traffic_table)(results)


def is_idle(scenario):
    return scenario.split("_")[0] == "idle"


def aligned(table):
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def readme_table(report):
    """Markdown; CPU as ratios to the relay, or to HAProxy where the relay can't take part, because those travel between
    machines. The former have a line for each proxy, the latter, of which there are many, one for each scenario."""
    beside_relay, beside_peer = {}, {}
    for name, results in report["scenarios"].items():
        if reference_of(name) not in (RELAY, PEER):
            continue  # of remora alone
        is_new = reference_of(name) == PEER or name in IDLE_BESIDE_PEER
        (beside_peer if is_new else beside_relay)[name] = results
    made = [table for table in (relay_table(beside_relay), peer_table(beside_peer)) if table]
    return "\n\n".join("\n".join(lines) for lines in made)


def relay_table(scenarios):
    if not scenarios:
        return []
    traffic = [name for name in scenarios if name in TRAFFIC]
    heads = ["proxy"] + [f"CPU/request, `{name}`" for name in traffic]
    heads += ["system calls"] if traffic else []
    heads += ["bytes an idle connection"] if "idle" in scenarios else []
    heads += ["first answer after"] if "start" in scenarios else []
    lines = markdown_head(heads)
    for name in proxies_of(scenarios):
        cells = [name] + [traffic_cell(scenarios[scenario], name, RELAY) for scenario in traffic]
        if traffic:
            cells.append(f"{median(scenarios[traffic[0]].get(name, []), 'calls'):.1f}")
        if "idle" in scenarios:
            cells.append(f"{median(scenarios['idle'].get(name, []), 'bytes'):.0f}")
        if "start" in scenarios:
            cells.append(f"{median(scenarios['start'].get(name, []), 'millis'):.0f} ms")
        lines.append("| " + " | ".join(cell.replace("nan", "-") for cell in cells) + " |")
    return lines


def peer_table(scenarios):
    if not scenarios:
        return []
    names = proxies_of(scenarios)
    lines = markdown_head(["scenario", *names])
    for scenario, results in scenarios.items():
        if scenario in TRAFFIC:
            cells = [traffic_cell(results, name, PEER) for name in names]
        else:
            values = [median(results.get(name, []), "bytes") for name in names]
            cells = [shown(value, 0) + (" bytes" if value == value else "") for value in values]
        lines.append(f"| `{scenario}` | " + " | ".join(cells) + " |")
    return lines


def proxies_of(scenarios):
    return list(dict.fromkeys(name for results in scenarios.values() for name in results if name != "direct"))


def markdown_head(heads):
    return ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]


def traffic_cell(results, name, reference):
    if name not in results:
        return "-"
    figures = cpu_summary(results, name, reference)
    ratio = figures.get("ratio", {}).get("median")
    return f"{figures['median']:.1f} µs" + (f" ({ratio:.2f})" if ratio else "")
