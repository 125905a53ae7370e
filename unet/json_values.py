"""Checks of values in JSON from outside."""

import sys
from typing import Any


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number that fits a float; booleans are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
