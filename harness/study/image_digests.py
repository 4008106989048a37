"""Check that each image of a comparison is one build: on every server, and during the whole study. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import CannotRun

ImageDigests = Mapping[str, Mapping[str, list[str]]]  # image → server → digests there, the image's own one first
DIGEST_LENGTH = 19  # characters of a digest in a message, as Docker prints it


def check_builds(found: ImageDigests, recorded: ImageDigests) -> list[str]:
    """Return warnings about the compared images; raise CannotRun when an image is more than one build.

    `found` are the servers' images now. `recorded` are those at the start of the study; empty when it starts.
    """
    problems = []
    for image, servers in found.items():
        lacking = [name for name, digests in servers.items() if not digests]
        builds = {digests[0]: name for name, digests in servers.items() if digests}
        if lacking:
            problems.append(f"{image} is missing on {', '.join(lacking)}. Fix: load or pull it there under this name.")
        if len(builds) > 1:
            listed = ", ".join(f"{_short(digest)} on {name}" for digest, name in builds.items())
            problems.append(f"{image} is not the same build on every server ({listed}). Fix: name it by digest.")
        before = {digests[0] for digests in recorded.get(image, {}).values() if digests}
        if before and builds and before != set(builds):
            listed = f"{', '.join(map(_short, before))}, now {', '.join(map(_short, builds))}"
            problems.append(
                f"{image} is another build than at the start of this study ({listed}). "
                "Fix: restore the first build, or start a new study."
            )
    if problems:
        raise CannotRun("\n".join(f"ml_server_image: {problem}" for problem in problems))
    images_of_build: dict[str, list[str]] = {}
    for image, servers in found.items():
        images_of_build.setdefault(next(iter(servers.values()))[0], []).append(image)
    return [
        f"{' and '.join(names)} are the same build ({_short(build)}): differences between them are noise"
        for build, names in images_of_build.items()
        if len(names) > 1
    ]


def _short(digest: str) -> str:
    return digest[:DIGEST_LENGTH]
