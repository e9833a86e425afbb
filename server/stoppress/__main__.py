"""`python -m stoppress` is `stoppress`."""

from __future__ import annotations

from stoppress.cli import main

main()
