"""Identity of a study: the hash of its effective configuration, and the differences between two."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import plain_file, secrecy
from harness.balancers import registry
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import BadInput
from harness.grid import server_types
from harness.grid.dataset import Source
from harness.grid.schema import Grid
from harness.grid.target import ScalePlaybook
from harness.records import secret_key
from harness.records.directory import StudyDirectory, digest
from harness.records.sent_file import SentFile
from harness.records.study import Configuration
from harness.secrecy import Masks
from harness.words import short


def effective(grid: Grid, inventory: Inventory) -> Configuration:
    """Return grid, participating hosts and their role variables, with masked secrets.

    Images are among the variables. The tag of an image that is built here is the hash of its build context.
    """
    servers = participating_servers(grid, inventory)
    balancers = [] if grid.platform is not None else [inventory.balancer]
    participating = [*balancers, *servers, *inventory.generators, *inventory.dependencies]
    masks = Masks(secret_key.read, grid.secrets)
    return Configuration(
        grid=masks.grid(grid.model_dump(mode="json", by_alias=True)),
        hosts={host.name: {"group": host.group, **masks.tree(_used(grid, host))} for host in participating},
        files={
            masks.text(name): SentFile(size=source.size, sha256=source.sha256)
            for name, source in sorted(_sources(grid).items())
        },
    )


def _sources(grid: Grid) -> Mapping[str, Source | ScalePlaybook]:
    """Files that decide the study: the files of its traffic, and the playbook that scales a platform."""
    sent = grid.dataset.sources if grid.dataset else {}
    return {**sent, grid.platform.scale: grid.playbook} if grid.platform and grid.playbook else sent


def _used(grid: Grid, host: Host) -> dict[str, Any]:
    """Return a host's configuration without the variables of balancers that the study does not use."""
    others = tuple(each.prefix for each in registry.BALANCERS if each.role not in {b.role for b in grid.balancers})
    return {name: value for name, value in host.configuration.items() if not name.startswith(others)}


def participating_servers(grid: Grid, inventory: Inventory) -> list[Host]:
    """Return the servers that take part in a study: as many of the inventory's, or of each type, as topologies have."""
    topologies = grid.cells.topologies
    if not grid.server_types:
        return inventory.servers[: max(topology.servers for topology in topologies)]
    numbers = [server_types.counts(topology.servers_level) for topology in topologies]
    return [
        inventory.server(server)
        for name, members in grid.server_types.items()
        for server in members[: max(each.get(name, 0) for each in numbers)]
    ]


def directory_for(results: Path, grid: Grid, configuration: Configuration) -> StudyDirectory:
    """results/<name>-<hash>/, or the study of the same configuration whose secrets another key masked."""
    if words := plain_file.unreachable(results):
        shown = short(str(results), 300, bare=True)
        raise BadInput(f"--results: {shown}: cannot be used: {words}. Fix: name a directory, or a new one")
    if results.exists() and not results.is_dir():
        raise BadInput(f"--results: {results} is not a directory. Fix: name a directory, or a new one")
    named = StudyDirectory(results / f"{grid.name}-{identify(grid, configuration)}")
    if named.study() is None and secrecy.MASK.search(str(configuration)):
        return _masked_elsewhere(results, grid, configuration) or named
    return named


def _masked_elsewhere(results: Path, grid: Grid, configuration: Configuration) -> StudyDirectory | None:
    """Return the study of this configuration that was masked with another key; its secrets cannot be compared."""
    for file in sorted(results.glob(f"{grid.name}-*/study.json")):
        other, study = StudyDirectory(file.parent), None
        with contextlib.suppress(BadInput):  # of a damaged study, which 'study.py report' reports
            study = other.study()
        if study and is_foreign(study.configuration) and _blank(study.configuration) == _blank(configuration):
            return other
    return None


def is_foreign(configuration: Configuration) -> bool:
    """Return whether a configuration was masked with another key than this user's key on this machine."""
    data = configuration.model_dump(mode="json")
    return bool(secrecy.MASK.search(str(data))) and secrecy.foreign(data, Masks(secret_key.read).key_id())


def _blank(configuration: Configuration) -> object:
    """Return the configuration with blank masks and all defaults, which is comparable across keys."""
    grid = Grid.model_validate(configuration.grid).model_dump(mode="json", by_alias=True)
    return secrecy.blank({**configuration.model_dump(mode="json"), "grid": grid})


def identify(grid: Grid, configuration: Configuration) -> str:
    """Eight hex digits that identify a study's configuration.

    Only non-default grid keys are hashed, so new keys and drawn seeds do not change the identity.
    """
    own = grid.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    own = Masks(secret_key.read, grid.secrets).grid(own)
    return digest({**configuration.model_dump(mode="json"), "grid": own})[:8]


@dataclass(frozen=True)
class ConfigurationDifference:
    """A value that differs between two configurations, without secrets; "nothing" is an absent one.

    `key` is the path of the value, such as ("grid", "load", "think_time").
    """

    key: tuple[str, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.key)}: {self.before} → {self.after}"

    @property
    def grid_key(self) -> str:
        """The first key in the grid file; empty for a value of a host."""
        return self.key[1] if len(self.key) > 1 and self.key[0] == "grid" else ""

    @property
    def without_grid(self) -> ConfigurationDifference:
        """The difference with its key relative to the grid file."""
        return replace(self, key=self.key[1:]) if self.grid_key else self


def flat(data: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Flatten nested mappings to path → value."""
    if not isinstance(data, dict):
        return {prefix: data}
    found: dict[tuple[str, ...], Any] = {}
    for key, value in data.items():
        found |= flat(value, (*prefix, str(key)))
    return found


def differences(before: Configuration, after: Configuration) -> list[ConfigurationDifference]:
    """Return the values that differ, ordered by key."""
    old, new = flat(before.model_dump(mode="json")), flat(after.model_dump(mode="json"))
    shown = [flat(_hidden(side)) for side in (before, after)]
    absent = "nothing"
    return [
        ConfigurationDifference(key, shown[0].get(key, absent), shown[1].get(key, absent))
        for key in sorted(old.keys() | new.keys(), key=".".join)
        if old.get(key, absent) != new.get(key, absent) and not _incomparable(old.get(key), new.get(key))
    ]


def _hidden(configuration: Configuration) -> dict[str, Any]:
    """Return a configuration without secrets, even when they were recorded without masks."""
    hidden, data = secrecy.Hidden(), configuration.model_dump(mode="json")
    hosts = {name: hidden.tree(variables) for name, variables in data["hosts"].items()}
    return {**data, "grid": hidden.grid(data["grid"]), "hosts": hosts}


def _incomparable(old: object, new: object) -> bool:
    """Return whether two values only differ in masks of different keys, so that their secrets may be equal."""
    keys = [secrecy.MASK.findall(str(value)) for value in (old, new)]
    return bool(keys[0]) and keys[0] != keys[1] and secrecy.blank(old) == secrecy.blank(new)


def latest_other(results: Path, grid: Grid, mine: StudyDirectory) -> tuple[StudyDirectory, Configuration] | None:
    """Return the newest other readable study of the same name with its configuration; None without one."""
    others = [file for file in results.glob(f"{grid.name}-*/study.json") if file.parent != mine.path]
    for file in sorted(others, key=_changed_at, reverse=True):
        other = StudyDirectory(file.parent)
        with contextlib.suppress(BadInput):  # of a damaged study, which 'study.py report' reports
            return other, other.need_study().configuration
    return None


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
