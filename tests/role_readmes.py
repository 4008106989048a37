"""`python -m tests.role_readmes`: writes the table of variables in each role's README from its argument spec.

A README has prose, an example play and, below its last heading, the table.
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
    """Return name → option of a role's argument spec."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(specs["argument_specs"]["main"]["options"])


def table(role: Path) -> str:
    """Return the role's variables as a Markdown table, in the order of its spec."""
    rows = ["| variable | meaning | type | default |", "|---|---|---|---|"]
    for name, option in options(role).items():
        meaning = " ".join(str(option["description"]).split())
        if "choices" in option:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}."
        if option.get("no_log"):
            meaning += " Never logged."
        kind = f"list of {option['elements']}" if "elements" in option else option["type"]
        rows.append(f"| `{name}` | {_cell(meaning)} | {kind} | {_default(option.get('default'))} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Escape characters that would end a table cell or begin markup."""
    return re.sub(r"([|<>*])", r"\\\1", text)


def _default(value: object) -> str:
    if value in ("", None):
        return ""
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"`{shown.replace('|', chr(92) + '|')}`"


def written(role: Path) -> str:
    """Return the README with its current table."""
    prose = (role / "README.md").read_text(encoding="utf-8").split(HEADING)[0]
    return f"{prose.rstrip()}\n\n{HEADING}\n{table(role)}"


def example(role: Path) -> str:
    """Return the example play in a role's README; empty if there is none."""
    found = re.search(r"^```yaml\n(- name: .*?)^```$", (role / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    return found[1] if found else ""


if __name__ == "__main__":
    for each in ROLES:
        (each / "README.md").write_text(written(each), encoding="utf-8")
