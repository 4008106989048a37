"""Callback `hold`: a playbook waits before its first task until the study lets it go on.

All that costs time before (starting, reading inventory, roles and variables, checking arguments) is done by then.
Used by harness/deploy/ansible.py alone, which names a pipe in SCALE_OUT_HOLD.
"""

from __future__ import annotations

import os
import select
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
        try:
            # Not waiting for the other end: a study that was killed meanwhile never opens it.
            opened = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            try:
                word = os.read(opened, 1)
            except BlockingIOError:
                select.select([opened], [], [])
                word = os.read(opened, 1)
            os.close(opened)
        except OSError:
            word = b""
        if not word:
            os._exit(1)
