"""Values read from JSON that others wrote."""

import sys
from typing import Any


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number: no boolean, and no whole number beyond the largest float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
