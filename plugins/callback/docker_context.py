"""Callback `docker_context`: modules on this machine use the engine that the docker command uses here.

They read DOCKER_HOST only. For a playbook that is started by hand this puts the selected Docker context there, as
study.py does for its own; hosts behind SSH get nothing of it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

READER = Path(__file__).resolve().parents[2] / "harness" / "docker_context.py"
USES_NO_ENGINE = "describe-inventory.yml"


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "docker_context"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Set the variables before the first process starts that inherits them; end where there is no such context."""
        if Path(playbook._file_name).name == USES_NO_ENGINE:
            return
        spec = importlib.util.spec_from_file_location("docker_context_reader", READER)
        reader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reader)
        try:
            os.environ.update(reader.variables(os.environ, Path.home()))
        except ValueError as error:
            # Ansible would turn any other exception of a callback into a warning, and go on with the wrong engine.
            raise SystemExit(f"ERROR: {error}") from None
