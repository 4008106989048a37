"""Tables of variables in the roles' READMEs, made from their argument specs by `python -m tests.role_readmes`.

A README is prose, an example play and, from its last heading on, the table.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "meta" / "argument_specs.yml").is_file())
HEADING = "## Variables\n"


def options(role: Path) -> dict[str, dict[str, Any]]:
    """The options of a role's argument spec by name."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(specs["argument_specs"]["main"]["options"])


def table(role: Path) -> str:
    """The role's variables as a table in Markdown, in the order of its spec."""
    rows = ["| variable | meaning | type | default |", "|---|---|---|---|"]
    for name, said in options(role).items():
        meaning = " ".join(str(said["description"]).split())
        if "choices" in said:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in said['choices'])}."
        if said.get("no_log"):
            meaning += " Never logged."
        kind = f"list of {said['elements']}" if "elements" in said else said["type"]
        rows.append(f"| `{name}` | {_cell(meaning)} | {kind} | {_default(said.get('default'))} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Text in which nothing ends a cell or begins markup of its own."""
    return re.sub(r"([|<>*])", r"\\\1", text)


def _default(value: object) -> str:
    if value in ("", None):
        return ""
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"`{shown.replace('|', chr(92) + '|')}`"


def written(role: Path) -> str:
    """The README as it should be."""
    prose = (role / "README.md").read_text(encoding="utf-8").split(HEADING)[0]
    return f"{prose.rstrip()}\n\n{HEADING}\n{table(role)}"


def example(role: Path) -> str:
    """The play in a role's README; empty where there is none."""
    found = re.search(r"^```yaml\n(- name: .*?)^```$", (role / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    return found[1] if found else ""


if __name__ == "__main__":
    for each in ROLES:
        (each / "README.md").write_text(written(each), encoding="utf-8")
