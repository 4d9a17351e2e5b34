"""Makes test/e2e/support importable and its fixtures known to every test below."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))

from support.fixtures import *  # noqa: E402,F403
from support.running import has_fault_seam, is_sanitized  # noqa: E402


def pytest_collection_modifyitems(config, items):
    """The release build has no seam for faults. A sanitizer build without it isn't excused: its tests fail."""
    if not any(item.get_closest_marker("faults") for item in items) or has_fault_seam() or is_sanitized():
        return
    without = [item for item in items if item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]
