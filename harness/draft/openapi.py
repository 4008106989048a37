"""Requests from an OpenAPI document, version 3.0 or 3.1: parameters, bodies and credentials by examples or schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from harness.draft import openapi_values as values
from harness.draft.found import (
    METHODS,
    SAFE,
    FoundRequest,
    FoundTraffic,
    coded,
    count,
    name_of,
    study_name,
    with_own_names,
)
from harness.draft.json_schema import Examples
from harness.draft.secret_references import References
from harness.draft.sources import ParsedDocument, mapping, sequence, shown
from harness.errors import BadInput
from harness.grid.yamldata import Path_
from harness.words import nearest

# Paths of health checks, metrics and documentation, which are no load of users.
NOT_OF_USERS = re.compile(
    r"/(?:.*/)?(?:health\w*|ready\w*|live(?:z|ness)?|startup|metrics|prometheus|ping|version|status|actuator(?:/.*)?|"
    r"openapi(?:\.\w+)?|swagger\S*|docs|redoc|favicon\.ico)/?",
    re.I,
)
MOST_REQUESTS = 30  # without a choice
_EXAMPLE_FILE = b"An example; replace it by a file of your service.\n" * 20
_NOT_SENT = frozenset(("accept", "content-type", "authorization"))  # OpenAPI ignores such parameters


@dataclass
class OpenApi:
    """The operations of a document."""

    document: ParsedDocument
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._examples = Examples(self.document)
        self._root = mapping(self.document.data)
        version = self._root.get("openapi")
        if not isinstance(self.document.data, dict) or not str(version).startswith(("3.0", "3.1")):
            got = f"swagger {self._root['swagger']}" if "swagger" in self._root else f"openapi: {shown(version)}"
            fix = ". Fix: convert it, as with 'swagger2openapi'" if "swagger" in self._root else ""
            raise self.document.error(
                ("openapi",), f"got {got}. Allowed: an OpenAPI document of version 3.0 or 3.1{fix}"
            )
        self.operations = list(self._operations())
        if not self.operations:
            raise self.document.error(("paths",), "paths: no operation. Allowed: at least one, as in /items: {get: …}")

    def _operations(self) -> Iterator[Operation]:
        for path, item in mapping(self._root.get("paths")).items():
            if not path.startswith("/"):
                continue
            methods, where = self._examples.resolve(item, ("paths", path))
            for method, each in methods.items():
                if method.upper() in METHODS and isinstance(each, dict):
                    shared = sequence(methods.get("parameters"))
                    place = (*where, method)
                    yield Operation(path=path, method=method.upper(), keys=mapping(each), shared=shared, where=place)

    def chosen(self, names: Sequence[str]) -> list[Operation]:
        """Return operations by operationId or by method and path; without names the operations that only read.

        Raises BadInput for an unknown name, and without names if every operation writes.
        """
        if not names:
            found = [each for each in self.operations if each.reads and not NOT_OF_USERS.fullmatch(each.path)]
            if not found:
                words = "no operation only reads data. Fix: choose with --operation, of:"
                raise self.document.error(("paths",), f"{words} {self._listed()}")
            return found
        return [self._named(name) for name in names]

    def _named(self, name: str) -> Operation:
        for each in self.operations:
            if name in (each.id, each.shown) or name.lower() == each.shown.lower():
                return each
        begins = [each for each in self.operations if each.id.startswith(name)]
        if len(begins) == 1:  # frameworks append path and method to a function's name
            return begins[0]
        known = [each.id or each.shown for each in self.operations]
        hint = nearest(name, known)
        fix = hint if "Fix:" in hint else f". Allowed: {self._listed()}"
        raise BadInput(f"--operation: {self.document.name} has no operation {shown(name)}{fix}")

    def _listed(self) -> str:
        names = [each.id or f"'{each.shown}'" for each in self.operations]
        more = f" and {len(names) - 30} more" if len(names) > 30 else ""
        return ", ".join(names[:30]) + more

    @property
    def prefix(self) -> str:
        """The path of the first server, which precedes every path; "" without one."""
        servers = sequence(self._root.get("servers"))
        server = mapping(servers[0]) if servers else {}
        url = str(server.get("url", ""))
        for name, variable in mapping(server.get("variables")).items():
            url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", "")))
        try:
            path = urlsplit(url).path
        except ValueError:
            return ""
        return "" if "{" in path or not path.startswith("/") else path.rstrip("/")

    def request(self, operation: Operation) -> FoundRequest:
        """Return the request of an operation; raises BadInput for one that cannot be made."""
        path, params, headers, cookies = self.prefix + operation.path, dict[str, Any](), dict[str, str](), list[str]()
        for each, where in self._parameters(operation):
            name, place = str(each.get("name", "")), each.get("in")
            if place != "path" and not (each.get("required") or values.has_example(each)):
                continue
            value = self._parameter(each, where)
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(values.joined(value), safe=""))
            elif place == "query":
                params |= values.query(name, value)
            elif place == "header" and name.lower() not in _NOT_SENT:
                headers[name] = values.joined(value)
            elif place == "cookie":
                cookies.append(f"{name}={values.joined(value)}")
        path = re.sub(r"\{([^{}]*)\}", "example", path)  # of a document that does not declare it
        if cookies:
            headers["Cookie"] = "; ".join(cookies)
        kind, body, content_type = self._body(operation)
        if content_type:
            headers["Content-Type"] = content_type
        return FoundRequest(
            name=name_of(operation.id or operation.shown),
            method=operation.method,
            path=coded(path),
            params=params,
            headers=headers,
            body_kind=kind,
            body=body,
            status=values.documented_status(operation.keys),
            remarks=tuple(filter(None, [" ".join(str(operation.keys.get("summary") or "").split())[:100]])),
        )

    def _parameters(self, operation: Operation) -> Iterator[tuple[dict[str, Any], Path_]]:
        """Yield the parameters of an operation, each once: its own replace those of the path."""
        found: dict[tuple[str, str], tuple[dict[str, Any], Path_]] = {}
        own = [((*operation.where, "parameters"), sequence(operation.keys.get("parameters")))]
        for where, several in [((*operation.where[:-1], "parameters"), operation.shared), *own]:
            for at, each in enumerate(several):
                parameter, place = self._examples.resolve(each, (*where, at))
                found[str(parameter.get("in")), str(parameter.get("name"))] = parameter, place
        yield from found.values()

    def _parameter(self, parameter: dict[str, Any], where: Path_) -> Any:
        given = values.example_of(parameter)
        if given is not None:
            return given
        for media in mapping(parameter.get("content")).values():
            value = self._media_value(mapping(media), where)
            return value if isinstance(value, str) else json.dumps(value)
        return self._examples.value(parameter.get("schema", {}), (*where, "schema"), str(parameter.get("name", "")))

    def _media_value(self, media: dict[str, Any], where: Path_) -> Any:
        given = values.example_of(media)
        return given if given is not None else self._examples.value(media.get("schema", {}), (*where, "schema"))

    def _body(self, operation: Operation) -> tuple[str, Any, str]:
        """Return the grid's key of a body, its value and a content type; empty ones without a body."""
        body, where = self._examples.resolve(operation.keys.get("requestBody"), (*operation.where, "requestBody"))
        content = {
            kind.partition(";")[0].strip().lower(): mapping(each) for kind, each in mapping(body.get("content")).items()
        }
        if not content:
            return "", None, ""
        kind = min(content, key=values.preference)
        value = self._media_value(content[kind], (*where, "content", kind))
        if values.is_json(kind):
            if value is None:
                return "text", "null", kind
            return "json", value, "" if kind in ("application/json", "*/*") else kind
        if kind == "application/x-www-form-urlencoded" and isinstance(value, dict):
            return "form", {name: values.form_value(each) for name, each in value.items() if each is not None}, ""
        if kind == "multipart/form-data" and isinstance(value, dict):
            schema, _ = self._examples.resolve(content[kind].get("schema"), (*where, "content", kind, "schema"))
            return (
                "multipart",
                self._parts(value, mapping(schema.get("properties"))) or [{"name": "example", "value": ""}],
                "",
            )
        if isinstance(value, str) and (kind.startswith("text/") or values.example_of(content[kind]) is not None):
            return "text", value, kind
        if kind.startswith(("application/octet-stream", "image/", "audio/", "video/")):
            return "file", {"path": self._file("body.bin"), "type": kind}, ""
        words = f"{kind}: a body cannot be made without an example. Fix: add one, or write the request by hand"
        raise self.document.error((*where, "content", kind), words)

    def _parts(self, value: dict[str, Any], properties: dict[str, Any]) -> list[dict[str, Any]]:
        parts = []
        for name, each in value.items():
            schema, _ = self._examples.resolve(properties.get(name), ())
            inner = mapping(schema.get("items")) if schema.get("type") == "array" else schema
            if inner.get("format") == "binary" or "contentMediaType" in inner:
                parts.append({"name": name, "file": self._file(f"{study_name(name)}.bin")})
            elif each is not None:
                parts.append({"name": name, "value": each if isinstance(each, str) else json.dumps(each)})
        return parts

    def _file(self, name: str) -> str:
        self.files[name] = _EXAMPLE_FILE
        self.notes.append(f"{name} is an example of a file. Replace it by one that your service expects.")
        return name

    def with_credentials(self, request: FoundRequest, operation: Operation) -> FoundRequest:
        """Return a request with references to the credentials that its operation needs."""
        own = operation.keys.get("security")
        security = sequence(own if own is not None else self._root.get("security"))
        needed = mapping(security[0]) if security and all(mapping(each) for each in security) else {}
        schemes = mapping(mapping(self._root.get("components")).get("securitySchemes"))
        for name in needed:
            scheme, _ = self._examples.resolve(schemes.get(name), ("components", "securitySchemes", name))
            request = values.with_credential(request, name, scheme)
        return request


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation: its own keys, and the `shared` parameters of its path."""

    path: str
    method: str
    keys: dict[str, Any]
    shared: list[Any]
    where: Path_

    @property
    def id(self) -> str:
        """Its operationId; empty if it has none."""
        return str(self.keys.get("operationId") or "")

    @property
    def shown(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def reads(self) -> bool:
        """Whether its method changes nothing."""
        return self.method in SAFE


def found_in(document: ParsedDocument, names: Sequence[str]) -> FoundTraffic:
    """Return the traffic of a document's operations: by name, or all that only read; raises BadInput."""
    api = OpenApi(document)
    chosen = api.chosen(names)
    if not names and len(chosen) > MOST_REQUESTS:
        words = f"the first {MOST_REQUESTS} of {len(chosen)} operations that only read. Fix: choose with --operation"
        api.notes.append(words)
        chosen = chosen[:MOST_REQUESTS]
    references = References()
    made: list[FoundRequest] = []
    failed: list[str] = []
    kept: list[Operation] = []
    for each in chosen:
        try:
            made.append(api.request(each))
            kept.append(each)
        except BadInput as error:
            if names or len(chosen) == 1:
                raise
            failed += error.problems
    if not made:
        raise BadInput(*failed)
    templates = references.all(made)
    requests = [api.with_credentials(each, operation) for each, operation in zip(templates, kept, strict=True)]
    others = [each for each in api.operations if each not in kept]
    notes = [*api.notes, *(f"left out: {words}" for words in failed)]
    if guessed := dict.fromkeys(api._examples.guessed):
        notes.append(f"no example matches the pattern of {', '.join(guessed)}: write valid values into the grid")
    return FoundTraffic(
        title=study_name(str(mapping(api._root.get("info")).get("title") or "api")),
        requests=with_own_names(requests),
        files=api.files,
        secrets=_secrets(requests),
        notes=tuple(notes),
        others=_as_comments(others),
    )


def _as_comments(others: Sequence[Operation]) -> tuple[str, ...]:
    if not others:
        return ()
    listed = [f"  {each.id or each.shown}" for each in others[:40]]
    more = [f"  and {len(others) - 40} more"] if len(others) > 40 else []
    return (f"{count(len(others), 'other operation')}; 'study.py init --operation ID' adds one:", *listed, *more)


def _secrets(requests: Sequence[FoundRequest]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"(?<!\$)\$\{secret\.(\w+)\}", str([each.as_grid() for each in requests]))))
