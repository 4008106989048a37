"""Build a first grid: read the source of traffic, start the service once, observe each request, write the text."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from harness.deploy import host_locks
from harness.deploy.inventory.files import resolve_path
from harness.deploy.inventory.hosts import Inventory
from harness.deploy.inventory.resolve import describe, find
from harness.deploy.role_values import RoleValues
from harness.draft import access_log, grid_text, har, locustfile, observe, openapi
from harness.draft.choices import Choices
from harness.draft.container import ImageSettings, RunningImage, running
from harness.draft.found import FoundRequest, FoundTraffic, study_name
from harness.draft.grid_text import FirstGrid
from harness.draft.sources import ParsedDocument, is_url
from harness.errors import BadInput
from harness.grid import yamlfile
from harness.words import short

LAB = "inventory/lab"
DOCUMENTS = (
    *("/openapi.json", "/openapi.yaml", "/v3/api-docs", "/api/openapi.json", "/api-docs", "/swagger.json"),
    *("/swagger/v1/swagger.json", "/api/schema/", "/docs/openapi.json"),
)
_DOCUMENT_S = 10.0
SOURCE_NAMES = {
    "openapi": "the OpenAPI document",
    "har": "the recording",
    "locustfile": "the script",
    "access_log": "the access log",
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A first grid with the file to write it to, its data files (path → content), and the variables to export."""

    path: Path
    grid: FirstGrid
    files: Mapping[Path, bytes]
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Builder:
    """Builds a first grid by the user's choices; `notify` receives a line about each step.

    `may_write` raises BadInput for a file that exists and must stay; it is called before anything is started.
    """

    root: Path
    choices: Choices
    notify: Callable[[str], None]
    may_write: Callable[[Path], None]

    def build(self) -> Draft:
        """Return the grid; raises BadInput for unusable input, CannotRun if the image does not start."""
        choices = self.choices
        choices.check()
        if choices.image and (wrong := RoleValues.read(self.root).wrong("ml_server_image", choices.image)):
            raise BadInput(*(f"--image: got {short(choices.image)}. {words}" for _, words in wrong))
        folder = Path(choices.grid).parent if choices.grid else Path()
        traffic = self._of_source(folder)
        inventory = self._inventory(folder)
        name = study_name(self._title(traffic))
        path = Path(choices.grid) if choices.grid else Path(f"{name}.yaml")
        self.may_write(path)
        port, health = choices.port, choices.health
        observed: tuple[observe.Observed, ...] | None = None
        with self._service() as service:
            if isinstance(service, RunningImage):
                port, health = service.port, service.health
            url = service.url if isinstance(service, RunningImage) else service
            traffic = traffic or (self._discovered(url) if url else self._unknown())
            if url and not traffic.script:
                traffic, observed = self._observed(url, traffic)
        for note in traffic.notes:
            self.notify(note)
        grid = FirstGrid(
            file=str(path),
            name=study_name(Path(path.name).stem),
            origin=self._origin(),
            traffic=traffic,
            folder=f"{path.stem}-data",
            inventory=choices.inventory or LAB,
            servers=_levels(inventory, bool(choices.image)),
            vusers=choices.vusers,
            service=_service_keys(choices.image, port, health),
            variables=choices.variables(),
            observed=observed,
            needs_image=not choices.image and bool(choices.source or choices.url),
        )
        secrets = (*grid.used_secrets(), *choices.references())
        return Draft(path=path, grid=grid, files=_files(path, grid), secrets=tuple(dict.fromkeys(secrets)))

    def _of_source(self, folder: Path) -> FoundTraffic | None:
        """Return the traffic of the user's source; None without one."""
        choices = self.choices
        if choices.openapi:
            return openapi.found_in(ParsedDocument.of(choices.openapi), choices.operations)
        if choices.har:
            return har.found_in(choices.har, choices.host, choices.as_steps)
        if choices.access_log:
            return access_log.found_in(choices.access_log)
        if choices.locustfile:
            return locustfile.found_in(choices.locustfile, folder)
        return None if choices.is_service else self._example()

    def _example(self) -> FoundTraffic:
        """Return the traffic of the default study, for the bundled example service."""
        request = yamlfile.load(self.root / "grid.yaml").data["request"]
        found = FoundRequest(
            name="predict",
            method=request["method"],
            path=request["path"],
            body_kind="json",
            body=request["json"],
            status=request["expect_status"],
            pattern=request["expect_body"],
        )
        return FoundTraffic(title="first-study", requests=(found,))

    def _inventory(self, folder: Path) -> Inventory | None:
        """Return the user's inventory; None for the lab."""
        choices = self.choices
        if not choices.inventory or choices.inventory.rstrip("/") == LAB:
            return None
        path = resolve_path(self.root, choices.inventory, folder.resolve(), "--inventory")
        return find(self.root, path, choices.inventory, notify=self.notify)[0]

    def _title(self, traffic: FoundTraffic | None) -> str:
        if self.choices.image:
            return re.split(r"[:@]", self.choices.image.rpartition("/")[2])[0]
        if traffic is not None:
            return traffic.title
        host = httpx.URL(self.choices.url).host
        return "service" if host == "localhost" or re.fullmatch(r"[\d.:]+|.*:.*", host) else host

    def _origin(self) -> str:
        choices = self.choices
        named = (
            ("the image", choices.image),
            ("the service at", choices.url),
            *((what, _last_part(getattr(choices, name))) for name, what in SOURCE_NAMES.items()),
        )
        found = [f"{what} {value}" for what, value in named if value]
        return _safe(" and ".join(found or [f"the inventory {choices.inventory}"]))

    @contextlib.contextmanager
    def _service(self) -> Iterator[RunningImage | str]:
        """Run the image, or use the running service; "" if nothing shall be sent."""
        choices = self.choices
        if not choices.observe or not choices.is_service:
            yield ""
        elif choices.url:
            _require_response(choices.url)
            yield choices.url
        else:
            lab = describe(self.root, self.root / LAB, LAB)
            label = str(lab.servers[0].variables["ml_server_labels"]["scale-out.lab"])
            settings = ImageSettings(
                image=choices.image,
                port=choices.port,
                health=choices.health,
                env=choices.environment(os.environ),
                command=choices.arguments,
            )
            with (
                host_locks.held(lab, "'study.py init'", self.root),
                running(self.root, settings, label, self.notify) as started,
            ):
                self.notify(f"{choices.image} is ready: GET {started.health} returns 200")
                yield started

    def _discovered(self, url: str) -> FoundTraffic:
        """Return the traffic by the service's own OpenAPI document, else one request of its first page."""
        names = self.choices.operations
        with httpx.Client(trust_env=False, timeout=_DOCUMENT_S, follow_redirects=True, verify=False) as client:  # noqa: S501 - as the requests that follow
            for path in DOCUMENTS:
                try:
                    response = client.get(url.rstrip("/") + path)
                except httpx.HTTPError:
                    break
                if response.status_code != httpx.codes.OK or "html" in response.headers.get("content-type", ""):
                    continue
                try:
                    found = openapi.found_in(ParsedDocument(path, response.text), names)
                except BadInput as error:
                    if names:
                        raise
                    self.notify(f"the service's {error.problems[0]}")
                    continue
                self.notify(f"the service describes itself at {path}: see --operation to choose requests")
                return found
        if names:
            raise BadInput(
                f"--operation: the service has no OpenAPI document at {', '.join(DOCUMENTS)}. Fix: --openapi FILE"
            )
        return self._unknown()

    def _unknown(self) -> FoundTraffic:
        """Return one request of the first page: nothing is known about the service."""
        self.notify(
            "no source of traffic: GET / is the only request. --openapi, --har and --access-log find better ones"
        )
        return FoundTraffic(title="service", requests=(FoundRequest(name="GET /", path="/"),))

    def _observed(self, url: str, traffic: FoundTraffic) -> tuple[FoundTraffic, tuple[observe.Observed, ...]]:
        """Return the traffic with the observed statuses and bodies."""
        secrets = {name: os.environ[name] for name in traffic.secrets if os.environ.get(name)}
        row: Mapping[str, Any] = traffic.rows[0] if traffic.rows else {}
        observer = observe.Observer(url=url, row=row, files=traffic.files, secrets=secrets)
        seen = observer.observe(traffic.requests, traffic.is_steps)
        for request, each in zip(traffic.requests, seen, strict=True):
            body = f", body {each.pattern}" if each.pattern else ""
            self.notify(f"{request.name}: {each.shown}{body}")
            if each.reason:
                self.notify(f"  the service responds: {each.reason}")
        requests = grid_text.without_lost_extractions(observe.with_observations(traffic.requests, seen), seen)
        return replace(traffic, requests=requests), tuple(seen)


def _require_response(url: str) -> None:
    """Raise BadInput if nothing responds at a URL."""
    try:
        httpx.get(url, timeout=_DOCUMENT_S, trust_env=False, verify=False)  # noqa: S501 - as the requests that follow
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        words = str(error) or type(error).__name__
        raise BadInput(
            f"--url: {_safe(url)} does not respond: {words}. Fix: start the service, or name its image"
        ) from None


def _levels(inventory: Inventory | None, has_image: bool) -> tuple[int, ...]:
    """Return numbers of servers: in the lab two, as own images share this machine's cores; else up to all hosts."""
    if inventory is None:
        return (1, 2) if has_image else (1, 2, 3)
    most = max(1, len(inventory.servers))
    if most <= 3:
        return tuple(range(1, most + 1))
    return tuple(sorted({*(2**power for power in range(most.bit_length())), most}))


def _service_keys(image: str, port: int | None, health: str) -> dict[str, Any]:
    if not image:
        return {}
    return {"image": image, **({"port": port} if port else {}), **({"health": health} if health else {})}


def _files(path: Path, grid: FirstGrid) -> dict[Path, bytes]:
    folder = path.parent / grid.folder
    return {folder / name: content for name, content in grid.data_files().items()}


def _last_part(source: str) -> str:
    """The name of a file, or a URL without its query."""
    return source.partition("?")[0] if is_url(source) else Path(source).name


def _safe(text: str) -> str:
    """A text for a comment: one line without credentials of a URL."""
    return " ".join(re.sub(r"//[^/@\s]*@", "//", text).split())
