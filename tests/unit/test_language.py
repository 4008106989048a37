"""The project's language: one term for one idea, short sentences, and a README that fits on two screens.

docs/glossary.md has the terms. `CLEAN` lists the folders that are free of the banned words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folders and files that are free of banned words.
CLEAN = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "CITATION.cff",
    "Makefile",
    "mkdocs.yml",
    "pyproject.toml",
    "docs",
    "grid.yaml",
    "grids",
    "commands",
    "report",
    "playbooks",
    "service",
    "inventory",
    "group_vars",
    "site.yml",
    "study.py",
    "harness",
    "tests",
    "roles",
    "benchmarks",
    ".ci",
    ".github",
    ".pre-commit-config.yaml",
]
SUFFIXES = {
    *("", ".cff", ".cfg", ".conf", ".css", ".groovy", ".in", ".ini", ".ipynb", ".j2", ".java", ".js", ".json", ".md"),
    *(".py", ".sh", ".toml", ".yaml", ".yml"),
}
THIS_FILE = Path(__file__)  # lists the banned words
# Banned word, as a regular expression → what to write instead.
BANNED = {
    r"tells?(?!\()|told|telling|untold": "report, print, show, know; for a statement: state",
    r"says?|said|saying": "print, report, state, record",
    r"mend(s|ed|ing)?": "fix, hint",
    r"surely": "give the interval",
    r"so many|so much": "name the number",
    r"as ever|for ever": "as usual; name the duration",
    r"beside": "next to, also, in addition to",
    r"by itself": "automatically, alone",
    r"slow motion": "time scaling",
    r"sentinels?": "control trial",
    r"resting|awake": "predicted idle, measured fully",
    r"yardsticks?": "CPU benchmark",
    r"instrument[ _]check": "calibration",
    r"held to a rate": "paced",
    r"goes on where|go on where": "resume",
    r"traffic engines?": "load generator",
    r"plays? (the )?(users|load)|played (the )?(users|load)": "generate load, run the load",
    r"verdicts?": "bottleneck",
    r"what limited|limited by": "bottleneck",
    r"carr(y|ies|ied|ying)(?! out)": "sustain, serve; have, forward, transfer",
    r"used ([\d.]+|\{.*?\}) % of (its|their)|of its CPU|of their CPU|busy to": "CPU utilization N %",
    r"of ideal": "efficiency",
    r"comes? at a rate": "open loop: requests are sent on schedule",
    r"what was noticed": "finding",
    r"what (a|the) (server|loss|failure) (answers|brings|costs)": "throughput, gain, N−1 capacity",
    r"asks?|asked|asking": "query, request; for a load: offer",
    r"(found|has|had|with) nothing to do": "idle, load-limited",
    r"refuses?|refused|degrade[sd]?": "invalid, warning; for input: reject",
    r"jointly": "simultaneous",
    r"answer times?": "response time",
    r"whoever|who ever": "name the actor",
    r"one lost|one-lost": "server failure, N−1 capacity",
    r"waits_ms|lose_at|instrument_check|slow_motion|little_gap|losses\.csv": "the key's new name",
}
WORD = re.compile(r"(?<![\w-])(?:" + "|".join(f"(?:{banned})" for banned in BANNED) + r")(?![\w-])", re.IGNORECASE)
# Where a banned word is right: file pattern, the text that holds it, and why. At most 15 entries.
ALLOWED: list[tuple[str, str, str]] = [
    ("*", "onnection refused", "a message of the operating system"),
    ("docs/explanation/evidence.md", "refused connections", "the network's own term"),
    ("service/faults.py", "so much CPU time", "an amount that the next words define"),
    ("docs/reference/files.md", "`refused`", "a kind of failure, by the network's own term"),
    ("harness/judge/failure_share.py", '"{count} refused"', "a kind of failure, by the network's own term"),
    ("harness/records/key_descriptions.py", "`refused`", "a kind of failure, by the network's own term"),
    ("harness/records/failure_kind.py", 'CONNECTION_REFUSED = "refused"', "the same kind of failure"),
    ("roles/locust/files/image/sending.py", 'return "refused" if', "the same kind of failure"),
    ("roles/locust/files/image/script_failures.py", 'return "refused"', "the same kind of failure"),
    ("roles/rehearsal_machine/tasks/service.yml", "'degraded'", "a state of systemd"),
]
MOST_ALLOWED = 15
MOST_WORDS, MOST_WORDS_OF_A_CELL, MOST_LINES_OF_README = 30, 20, 120
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def texts() -> Iterator[Path]:
    """Every text file that must be clean."""
    for name in CLEAN:
        place = ROOT / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and path != THIS_FILE:
                yield path


def banned(text: str) -> Iterator[tuple[int, str]]:
    """Number and content of each line with a banned word, and that word in front."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in WORD.finditer(line):
            yield number, f"{found[0]}: {line.strip()}"


def allowed(name: str, line: str) -> bool:
    """Whether the line of a file is on the list."""
    return any(fnmatch(name, pattern) and text in line for pattern, text, _ in ALLOWED)


def test_no_clean_file_has_a_banned_word() -> None:
    found = [
        f"{name}:{number}: {line}"
        for path in texts()
        for number, line in banned(path.read_text(encoding="utf-8", errors="replace"))  # tests/data has damaged files
        if not allowed(name := str(path.relative_to(ROOT)), line)
    ]
    assert found == [], "write these in the terms of docs/glossary.md; BANNED has a replacement for each word"


def test_the_list_of_exceptions_is_short_and_used() -> None:
    assert len(ALLOWED) <= MOST_ALLOWED
    for pattern, text, why in ALLOWED:
        assert why
        matching = [path for path in texts() if fnmatch(str(path.relative_to(ROOT)), pattern)]
        assert any(text in path.read_text(encoding="utf-8", errors="replace") for path in matching), (
            f"{pattern}: {text!r} is not there"
        )


@pytest.mark.parametrize("line", ["He told me.", "The study says so", "a SENTINEL", "so many requests", "to mend it"])
def test_a_banned_word_is_found(line: str) -> None:
    assert list(banned(line))


@pytest.mark.parametrize("line", ["besides", "essays", "recommend", "commends it", "amended", "in the resting-place"])
def test_a_part_of_another_word_is_not(line: str) -> None:
    assert not list(banned(line))


def blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Paragraphs, list items and headings of a page (False), and cells of its tables (True), without code blocks."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^<!--.*?-->$|^ {4}\S.*$", "", text, flags=re.MULTILINE)
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            yield from ((True, cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        starts = re.match(r"\s*([-*]|\d+\.|#+)\s", line)
        if paragraph and (not line.strip() or starts or line.startswith("|")):
            yield False, " ".join(paragraph)
            paragraph = []
        if line.strip() and not line.startswith("|"):
            paragraph.append(re.sub(r"^\s*([-*]|\d+\.|#+)\s+", "", line).strip())


def sentences(block: str) -> list[str]:
    """The sentences of a block; a colon at its end, and abbreviations, end none."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)  # of a link its text
    plain = re.sub(r"`[^`]*`", "code", plain)
    plain = re.sub(r"\b(et al|e\.g|i\.e|etc)\.", r"\1", plain)
    return re.split(r"(?<=[.!?])[\"”)*]*\s+", plain)


def words(text: str) -> int:
    """Words of a text; a sign alone is none."""
    return sum(bool(re.search(r"\w", word)) for word in text.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_of_a_page_is_long(page: Path) -> None:
    found = [
        f"{words(sentence)} words: {sentence}"
        for is_cell, block in blocks(page.read_text(encoding="utf-8"))
        if not is_cell
        for sentence in sentences(block)
        if words(sentence) > MOST_WORDS
    ]
    assert found == [], f"{page.name}: at most {MOST_WORDS} words a sentence"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_cell_of_a_table_is_long(page: Path) -> None:
    found = [
        f"{words(cell)} words: {cell}"
        for is_cell, block in blocks(page.read_text(encoding="utf-8"))
        if is_cell and words(cell := re.sub(r"`[^`]*`", "code", block)) > MOST_WORDS_OF_A_CELL
    ]
    assert found == [], f"{page.name}: at most {MOST_WORDS_OF_A_CELL} words in a cell"


def test_a_long_sentence_is_found_in_a_paragraph_and_in_a_list() -> None:
    long = " ".join(["word"] * 31) + "."
    for text in (long, f"- {long}", f"Short. {long}\nShort."):
        assert any(words(each) > MOST_WORDS for _, block in blocks(text) for each in sentences(block)), text
    half = " ".join(["word"] * 16) + "."
    assert all(
        words(each) <= MOST_WORDS for _, block in blocks(f"{half} {half}\n\n{half}") for each in sentences(block)
    )


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES_OF_README
