#!/usr/bin/env python3
"""If I add servers behind my load balancer, how much more throughput do I really get?

`python study.py --grid grid.yaml` deploys, loads and measures every cell of the grid and renders
report.pdf and report.html. The first start installs what it needs.
"""

from pathlib import Path

from harness import bootstrap


def main() -> None:
    """Enter the environment, which a bare Python has nothing of, and hand over."""
    bootstrap.enter(Path(__file__).resolve().parent, Path(__file__).resolve())
    from commands.app import main as run

    run()


if __name__ == "__main__":
    main()
