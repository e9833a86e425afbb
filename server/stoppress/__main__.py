"""Makes `python -m stoppress` run the command `stoppress`."""

from __future__ import annotations

from stoppress.cli import main

main()
