"""Medians, ratios and what can be said of them. Pure."""

import math
import statistics


def paired_ratios(values, reference):
    """Each round's value by the reference's value in the same round: noise that both saw cancels out."""
    return [value / other for value, other in zip(values, reference) if other]


def median_interval(values, confidence=0.95):
    """The order-statistic interval of the median: (low, high, coverage). It assumes nothing of the distribution.

    With fewer than 6 values no pair of them covers 95 %: then the whole range is returned with the coverage it has.
    """
    ordered, count = sorted(values), len(values)
    depth = 0  # how many values are left out at each end
    while 2 * (depth + 1) < count and coverage(count, depth + 1) >= confidence:
        depth += 1
    return ordered[depth], ordered[count - 1 - depth], coverage(count, depth)


def coverage(count, depth):
    """The chance that the median lies between the (depth+1)-th smallest and the (depth+1)-th largest of count."""
    return 1 - 2 * sum(math.comb(count, k) for k in range(depth + 1)) / 2**count


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(values, reference):
    """Of one proxy's rounds: the spread, and the ratio to the reference's rounds with its interval."""
    figures = spread(values)
    ratios = paired_ratios(values, reference) if reference else []
    if ratios:
        low, high, covered = median_interval(ratios)
        figures["ratio"] = {"median": statistics.median(ratios), "low": low, "high": high, "coverage": covered}
    return figures
