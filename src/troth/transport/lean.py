"""httpx without its command line. Everything here imports httpx through this module.

httpx imports its own command line where click and rich are installed, as they are with Textual:
70 modules, a third of its import time, for a program that nobody runs here. An ImportError is its
own word for "not installed" (httpx/__init__.py, 0.28.1).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

sys.modules.setdefault("httpx._main", cast("ModuleType", None))

import httpcore  # noqa: E402
import httpx  # noqa: E402

__all__ = ["httpcore", "httpx"]
