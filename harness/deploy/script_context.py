"""The build context of the image of your Locust script: the load generator's image with the script on top."""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from pathlib import Path

from harness.grid.own_script import ScriptFiles

FOLDER = Path(".cache") / "scripts"
DOCKERFILE = Path("roles") / "locust" / "files" / "script" / "Dockerfile"
LOCKED = Path("roles") / "locust" / "files" / "image" / "requirements.txt"


def write(root: Path, script: ScriptFiles) -> Path:
    """Write the context, unless it exists; return its folder, which is named by its contents.

    Only its user can read the folder: a script may have data of its own. The image has no environment variables.
    """
    files = {
        "Dockerfile": (root / DOCKERFILE).read_bytes(),
        "constraints.txt": constraints((root / LOCKED).read_text(encoding="utf-8")).encode(),
        "requirements.txt": f"{script.requirements.rstrip()}\npip\n".lstrip().encode(),
        **{f"script/{name}": content for name, content in script.files.items()},
    }
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    folder = root / FOLDER / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    aside = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    try:
        for name, content in files.items():
            file = aside / name
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_bytes(content)
        aside.chmod(0o700)
        aside.rename(folder)
    except OSError:
        if not folder.is_dir():  # another process was not faster
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def constraints(locked: str) -> str:
    """Return the versions of a lock file without its hashes: a script's requirements must not change them."""
    return "".join(f"{line}\n" for line in re.findall(r"^[A-Za-z0-9][^\s\\]*==[^\s\\]+", locked, re.MULTILINE))
