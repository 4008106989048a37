"""Callback `hold`: a playbook waits before its first task until the study lets it go on.

All that costs time before (starting, reading inventory, roles and variables, checking arguments) is done by then.
Used by harness/ansible.py alone, which names a pipe in SCALE_OUT_HOLD.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase

CHECKS_ARGUMENTS = "Validating arguments against arg spec"


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "hold"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's own
        """Wait here, in the process that gives out the tasks; end when the study is gone."""
        if CHECKS_ARGUMENTS in task.get_name():
            return
        pipe = os.environ.pop("SCALE_OUT_HOLD", "")
        if not pipe:
            return
        with open(pipe, "rb", buffering=0) as opened:  # noqa: PTH123 - a pipe, read as it comes
            if not opened.read(1):
                os._exit(1)
