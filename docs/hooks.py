"""Pages of the website that lie outside docs/: the project's own pages and the roles' READMEs.

Links between files of the repository stay as they are in the sources, so that they work in any viewer. For the website
each linked file outside docs/ becomes a page or a static file, and the links are rewritten to it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs"
LINK = re.compile(r"(?<!\\)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def place_of(source: str) -> str:
    """Where a file of the repository is on the website. Both paths are relative to their roots."""
    if source.startswith(f"{DOCS}/"):
        return source.removeprefix(f"{DOCS}/")
    if source == "README.md":
        return "index.md"
    folder, name = posixpath.split(source)
    if folder.startswith("roles/") and name == "README.md":
        return f"reference/{folder}.md"
    if name.endswith(".md"):
        return posixpath.join("project", folder, name.lower())
    return posixpath.join("project", source)


def links(source: str, text: str) -> set[str]:
    """The files of the repository that a page links to, relative to the repository."""
    found = {resolved(source, target) for target, _ in LINK.findall(text) if is_file(target)}
    return {path for path in found if (ROOT / path).is_file()}


def is_file(target: str) -> bool:
    """Whether a link's target may be a file of the repository."""
    return "://" not in target and not target.startswith(("mailto:", "/"))


def resolved(source: str, target: str) -> str:
    """The target of a page's link, relative to the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def outside() -> list[str]:
    """Every file outside docs/ that a page of the website links to, and that such a page links to in turn."""
    waiting = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / DOCS).rglob("*.md")))]
    found: dict[str, None] = {}
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found[source] = None
        if source.endswith(".md"):
            waiting += sorted(links(source, (ROOT / source).read_text(encoding="utf-8")))
    return [source for source in found if not source.startswith(f"{DOCS}/")]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/."""
    for source in outside():
        files.append(File.generated(config, place_of(source), abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Rewrite links between files of the repository to links between files of the website."""
    here = page.file.src_uri
    path = Path(str(page.file.abs_src_path)).resolve()
    source = str(path.relative_to(ROOT))

    def moved(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        if not is_file(target):
            return found[0]
        place = place_of(resolved(source, target))
        return f"]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{anchor})"

    return LINK.sub(moved, markdown)
