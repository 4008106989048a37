#!/usr/bin/env python3
"""How much throughput does another server behind my load balancer add?

`python study.py --grid grid.yaml` deploys the grid's topologies, measures every cell under load and renders report.pdf
and report.html. The first start installs its requirements.
"""

import os
from pathlib import Path

from harness import bootstrap


def main() -> None:
    """Enter the virtual environment, and run the command in it. A shell that requests completions installs nothing."""
    root = Path(__file__).resolve().parent
    if os.environ.get("_STUDY_COMPLETE") and not bootstrap.is_fresh(root, dev=False):
        return
    bootstrap.enter(root, Path(__file__).resolve())
    from commands.app import main as run

    run()


if __name__ == "__main__":
    main()
