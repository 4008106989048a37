"""Images of the service that one study compares: each is one build, everywhere and all the time. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import CannotRun

Levels = Mapping[str, Mapping[str, list[str]]]  # image → server → its digests there, its own first
SHOWN = 19  # letters of a digest, as docker shows them


def check(found: Levels, recorded: Levels) -> list[str]:
    """What should be known of the images before the first trial, in sentences.

    `found` is what the servers have, `recorded` what they had when the study began; empty when it begins. Raises
    CannotRun where a name does not stand for one build.
    """
    problems = []
    for image, servers in found.items():
        lacking = [name for name, digests in servers.items() if not digests]
        builds = {digests[0]: name for name, digests in servers.items() if digests}
        if lacking:
            problems.append(f"{image} is not on {', '.join(lacking)}; bring it there under that name")
        if len(builds) > 1:
            told = ", ".join(f"{digest[:SHOWN]} on {name}" for digest, name in builds.items())
            problems.append(f"{image} is not the same build on every server: {told}; name it by digest")
        before = {digests[0] for digests in recorded.get(image, {}).values() if digests}
        if before and builds and before != set(builds):
            told = f"{', '.join(b[:SHOWN] for b in before)}, now {', '.join(b[:SHOWN] for b in builds)}"
            problems.append(f"{image} is another build than when this study began: {told}; bring the first one back")
    if problems:
        raise CannotRun("; ".join(f"ml_server_image: {problem}" for problem in problems))
    ids: dict[str, list[str]] = {}
    for image, servers in found.items():
        ids.setdefault(next(iter(servers.values()))[0], []).append(image)
    return [
        f"{' and '.join(names)} are one build ({build[:SHOWN]}): what is compared is noise alone"
        for build, names in ids.items()
        if len(names) > 1
    ]
