"""Makes test/e2e/support importable and its fixtures known to every test below."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))

from support.fixtures import *  # noqa: E402,F403
