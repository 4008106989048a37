#!/usr/bin/env python3
"""How much throughput does another server behind my load balancer add?

`python study.py --grid grid.yaml` deploys the grid's topologies, measures every cell under load and renders report.pdf
and report.html. The first start installs its requirements.
"""

from pathlib import Path

from harness import bootstrap


def main() -> None:
    """Enter the virtual environment, and run the command in it."""
    bootstrap.enter(Path(__file__).resolve().parent, Path(__file__).resolve())
    from commands.app import main as run

    run()


if __name__ == "__main__":
    main()
