"""The door: `troth` and `python -m troth`.

Imports nothing but the package itself until it is known what was asked; `--version` needs no more.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of `sys.argv` and return the exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from troth import __version__

        sys.stdout.write(f"troth {__version__}\n")
        return 0
    from troth.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
