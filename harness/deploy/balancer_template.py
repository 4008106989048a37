"""A user's own template for the balancer: what is known of it before the deployment, and its copy for Ansible."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import plain_file
from harness.deploy import private, tls
from harness.deploy.balancer_settings import of_levels
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput
from harness.grid.dataset import Dataset, Source
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.words import short

VARIABLE = "nginx_lb_template"
LARGEST = 64_000  # bytes
FOLDER = Path(".cache") / "templates"
_WHOLE = re.compile(r"\s*(events|http)\s*\{")
# Variables that only the role's own template uses.
_UPSTREAM = ("method", "cookie", "upstream_keepalive", "backlog", "max_fails", "fail_timeout", "connect_timeout")
_RETRIES = ("next_upstream", "next_upstream_tries", "next_upstream_timeout")
_UNUSED = tuple(f"nginx_lb_{name}" for name in (*_UPSTREAM, *_RETRIES))


def wrong(name: str, content: bytes) -> Iterator[str]:
    """Yield a message for each reason why a file cannot be such a template, with its line."""
    if len(content) > LARGEST:
        yield _too_large(name, len(content))
        return
    import jinja2  # takes some hundredths of a second to load, which a grid without a template does not need

    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield f"{name} is not text in UTF-8"
        return
    try:
        jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"]).parse(text)
    except jinja2.TemplateSyntaxError as error:
        yield f"{name}:{error.lineno}: {error.message}. Fix: write it as a template of Ansible"
    except (RecursionError, ValueError) as error:  # ValueError of a number with thousands of digits
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        yield f"{name}:1: not a template: {words}. Fix: write it as a template of Ansible"
    for number, line in enumerate(text.split("\n"), 1):
        if found := _WHOLE.match(line):
            yield (
                f"{name}:{number}: {found[1]}: a whole nginx.conf is not supported: the study's own has the log "
                "and the control port. Allowed: the content of the block http, as in conf.d/default.conf"
            )


def _too_large(name: str, size: int) -> str:
    return f"{name} has {size:,} bytes. Allowed: {LARGEST:,}, because it is part of a command"


def problems(grid: Grid, inventory: Inventory) -> list[tuple[Path_, str]]:
    """Return (path in the grid, message) for settings that do not fit a template."""
    templates = grid.dataset.templates if grid.dataset else {}
    if not templates or grid.platform is not None:
        return []
    found: dict[tuple[Path_, str], None] = {}
    section = "factors" if VARIABLE in grid.factors else "vars" if VARIABLE in grid.vars else ""
    where: Path_ = (section, VARIABLE) if section else ("inventory",)
    for topology in grid.cells.topologies:
        settings = of_levels(grid, topology.by_name, inventory.balancer.variables)
        if settings.own("template") and tls.is_on(settings):
            words = f"{VARIABLE}: not supported with nginx_lb_tls. Fix: remove one of them"
            found[where, f"{section}: {words}" if section else words] = None
    if VARIABLE not in grid.factors:  # the role's own template may use them in other cells
        for name in _UNUSED:
            place = "factors" if name in grid.factors else "vars" if name in grid.vars else ""
            if place and not any(name in text for text in templates.values()):
                words = f"{name}: the template does not use it. Fix: remove it, or write {{{{ {name} }}}} there"
                found[(place, name), f"{place}: {words}"] = None
    return list(found)


def of_inventory(grid: Grid, inventory: Inventory, path: Path) -> Grid:
    """Return the grid with the template that the balancer's host sets; raises BadInput if it cannot be read.

    A relative path is relative to the folder of the inventory.
    """
    hosts = [host for host in inventory.hosts if host.group == "load_balancers"]  # none with a platform of the user's
    name = str(hosts[0].variables.get(VARIABLE) or "") if hosts else ""
    if not name or VARIABLE in grid.vars or VARIABLE in grid.factors:
        return grid
    folder = path if path.is_dir() else path.parent
    try:
        content = plain_file.read(folder / name, LARGEST)
        size = (folder / name).stat().st_size
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        words = f"cannot be read: {reason} (got {short(name)}). Allowed: a path relative to the inventory"
        raise BadInput(f"{path}: {inventory.balancer.name}: {VARIABLE}: {words}.") from None
    if found := [_too_large(name, size)] if size > LARGEST else list(wrong(name, content)):
        raise BadInput(*(f"{path}: {inventory.balancer.name}: {VARIABLE}: {words}." for words in found))
    dataset = grid.dataset or Dataset()
    sources = {**dataset.sources, name: Source.of(content)}
    return grid.with_dataset(replace(dataset, templates={name: content.decode()}, sources=sources))


def copies(root: Path, templates: Mapping[str, str]) -> dict[str, str]:
    """Write a copy of each template, in a folder named by its content; return name → path of the copy.

    A study then uses the content that it identified, whatever happens to the file.
    """
    found = {}
    for name, text in templates.items():
        folder = root / FOLDER / hashlib.sha256(text.encode()).hexdigest()[:16]
        private.make(folder)
        file = folder / Path(name).name
        if not file.exists():
            aside = file.with_name(f".{file.name}-{os.getpid()}")
            aside.write_text(text, encoding="utf-8")
            aside.replace(file)
        found[name] = str(file)
    return found


def in_variables(variables: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Return role variables with the path of the copy in place of a template's name."""
    name = variables.get(VARIABLE)
    return {**variables, VARIABLE: paths[str(name)]} if str(name) in paths else dict(variables)
