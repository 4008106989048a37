"""Prepare the user's rendered nginx template: check it, and include the study's files. Prints one JSON object.

    prepare_template.py prepare SOURCE RENDERED SERVERS
    prepare_template.py place SOURCE RENDERED MESSAGE

SOURCE is the template's file. RENDERED is the text that Ansible made of it, SERVERS are the cell's addresses with
commas between them, and MESSAGE is nginx's own; all three in base64. `prepare` prints {"text": …, "problems": […]}.
Each server block of its text includes study-server.conf. A location with its own log or headers includes
study-location.conf, because its own directives replace those of the server. No line is added, so that nginx's line
numbers remain those of the rendered template. `place` prints {"message": …}, with the place in the template.

It needs nothing but Python, as it runs on the controller of a user of the role.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\$\{\w+\}|[{};]|(?:\\.|[^\s{};"\'])+')
MAIN = ("events", "http", "user", "worker_processes", "pid", "stream", "load_module", "worker_rlimit_nofile", "daemon")
CONTROL_PORT, PORT = "8081", "80"
INHERITED = ("access_log", "add_header")  # one of these in a block replaces all of the block around it
PASSES = re.compile(r"https?://(\[[^\]]+\]|[^:/\s]+)(?::(\d+))?")


@dataclass
class Directive:
    """A directive with its line from 1, the blocks around it, and for a block the end of its brace in the text."""

    words: list[str]
    line: int
    parents: tuple[Directive, ...]
    opens_at: int | None = None
    own: list[Directive] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0]

    def inside(self, name: str) -> bool:
        """Whether a block of this name is around it."""
        return any(parent.name == name for parent in self.parents)


def directives(text: str) -> list[Directive]:
    """Return all directives of a configuration, in their order."""
    found: list[Directive] = []
    parents: list[Directive] = []
    words: list[str] = []
    line = 1
    for token in TOKEN.finditer(text):
        word = token[0]
        if word.startswith("#"):
            continue
        if not words:
            line = text.count("\n", 0, token.start()) + 1
        if word == "}":
            words = []
            if parents:
                parents.pop()
        elif word in ("{", ";"):
            if words:
                one = Directive(words, line, tuple(parents), token.end() if word == "{" else None)
                found.append(one)
                if parents:
                    parents[-1].own.append(one)
                if word == "{":
                    parents.append(one)
            words = []
        else:
            words.append(word)
    return found


def with_includes(text: str, found: list[Directive]) -> str:
    """Return the text with the study's includes behind the opening braces."""
    places = []
    for one in found:
        if one.opens_at is None:
            continue
        if one.name == "server" and not one.parents:
            places.append((one.opens_at, "study-server.conf"))
        elif one.inside("server") and any(each.name in INHERITED for each in one.own):
            places.append((one.opens_at, "study-location.conf"))
    for place, file in sorted(places, reverse=True):
        text = f"{text[:place]} include {file};{text[place:]}"
    return text


def problems(found: list[Directive], servers: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, message) for everything in a template that breaks a measurement; line 0 for the whole template."""
    whole = next((one for one in found if one.name in MAIN and not one.parents), None)
    if whole is not None:
        yield (
            whole.line,
            f"{whole.name}: a whole nginx.conf is not supported, because the study's own has the log and the control "
            "port. Allowed: the content of the block http, as in conf.d/default.conf. Fix: keep upstream and server "
            "blocks only; variables such as nginx_lb_worker_connections set the rest.",
        )
        return
    yield from _listens(found)
    yield from _servers(found, servers)
    for one in found:
        if one.name == "access_log" and one.words[1:2] == ["off"] and (one.inside("server") or not one.parents):
            yield (
                one.line,
                "access_log off: it also switches off the log of the trial's requests. Fix: remove it; the study logs "
                "no other requests.",
            )
        if one.name == "include" and one.words[1:2] != ["mime.types"] and "study-" in one.words[-1]:
            yield one.line, f"{one.words[-1]}: the study includes it. Fix: remove the line."


def _listens(found: list[Directive]) -> Iterator[tuple[int, str]]:
    listens = [one for one in found if one.name == "listen" and one.inside("server")]
    ports = [(one, one.words[1].rpartition(":")[2] if len(one.words) > 1 else "") for one in listens]
    blocks = [one for one in found if one.name == "server" and one.opens_at is not None and not one.parents]
    silent = [block for block in blocks if not any(one.name == "listen" for one in block.own)]  # nginx uses port 80
    for one, port in ports:
        if port == CONTROL_PORT:
            yield one.line, f"listen {port}: the study's control port. Fix: use another port."
    if not blocks:
        yield 0, "no server block. Fix: add one that listens on port 80."
    elif not silent and all(port != PORT for _, port in ports):
        got = ", ".join(dict.fromkeys(port for _, port in ports))
        line = listens[0].line if listens else blocks[0].line
        yield (
            line,
            f"no server listens on port {PORT} (got {got}). Fix: write listen {PORT}, which the role publishes.",
        )


def _servers(found: list[Directive], servers: list[str]) -> Iterator[tuple[int, str]]:
    """Compare the servers of upstream blocks, and addresses in proxy_pass, with those of the cell."""
    upstreams = {one.words[1] for one in found if one.name == "upstream" and len(one.words) > 1}
    listed: dict[str, int] = {}
    for one in found:
        if one.name == "server" and one.inside("upstream") and len(one.words) > 1:
            listed.setdefault(one.words[1] if ":" in one.words[1] else f"{one.words[1]}:{PORT}", one.line)
        target = PASSES.match(one.words[1]) if one.name == "proxy_pass" and len(one.words) > 1 else None
        if target and target[1] not in upstreams and "$" not in target[1]:
            listed.setdefault(f"{target[1]}:{target[2] or PORT}", one.line)
    hint = "Fix: write {% for server in nginx_lb_servers %} server {{ server.address }}:{{ server.port }}; {% endfor %}"
    for address, line in listed.items():
        if address not in servers:
            yield line, f"server {address} is not in the cell (its servers: {', '.join(servers)}). {hint}"
    if missing := [address for address in servers if address not in listed]:
        line = min(listed.values(), default=0)
        yield line, f"the upstream has no server {', '.join(missing)} of the cell. {hint}"


def place(number: int, rendered: str, source: str) -> tuple[str, str]:
    """Return (":LINE" in the template, the text of the rendered line); an empty place where the line is not unique.

    A line of the template without Jinja is in the rendered text as it is. A line with Jinja matches the text around it.
    """
    lines = rendered.split("\n")
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    if not text:
        return "", text
    written = [line.strip() for line in source.split("\n")]
    same = [at for at, line in enumerate(written, 1) if line == text]
    if not same:
        same = [at for at, line in enumerate(written, 1) if "{{" in line and _pattern(line).fullmatch(text)]
    return (f":{same[0]}" if len(same) == 1 else ""), text


def _pattern(line: str) -> re.Pattern[str]:
    """Return a pattern for what Jinja makes of a line."""
    parts = re.split(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", line)
    return re.compile(".*?".join(map(re.escape, parts)))


def located(line: int, words: str, rendered: str, source: str, name: str) -> str:
    """Return a message with the template's file and line, or with the rendered line where that is not unique."""
    where, text = place(line, rendered, source)
    if where or not text:
        return f"{name}{where}: {words}"
    return f"{name}: rendered line {line} ({text}): {words}"


def main(mode: str, file: str, *arguments: str) -> dict[str, object]:
    """Return the result of a mode as in the module's docstring."""
    rendered, other = (base64.b64decode(one).decode() for one in arguments)
    source, name = Path(file).read_text(encoding="utf-8"), Path(file).name
    if mode == "prepare":
        found = directives(rendered)
        wrong = problems(found, [address for address in other.split(",") if address])
        return {
            "text": with_includes(rendered, found),
            "problems": [located(line, words, rendered, source, name) for line, words in wrong],
        }
    at = re.search(r"(\[\w+\]) (?:\d+#\d+: )?(.*?) in /\S*default\.conf:(\d+)", other)
    if at is None:
        return {"message": other}
    return {"message": located(int(at[3]), f"nginx: {at[1]} {at[2]}", rendered, source, name)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
