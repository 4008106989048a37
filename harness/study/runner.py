"""The study loop: switch topology → verify → load → watch → collect → judge → record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.deploy import fleet
from harness.deploy.ansible import Ansible
from harness.deploy.connections import Reach
from harness.deploy.deployment import Deployment
from harness.deploy.inventory import snapshot
from harness.errors import CannotRun, DeployFailed, TrialFailed
from harness.grid.cell import expand
from harness.plan import order, predicted_idle
from harness.plan.order import PlannedTrial
from harness.records.study import StudyRecord
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.study import forecast, trial
from harness.study.config import Setting
from harness.study.dependencies import REAL, Outside
from harness.study.events import Listener, Said, Step, StudyStarted, TrialEnded, TrialStarted
from harness.study.invocation import Call
from harness.study.new_record import new_record
from harness.study.prefetch import Ahead
from harness.study.preparation import Preparation
from harness.study.trial_context import Bench
from harness.summarise.search import search

log = logging.getLogger(__name__)


class Study:
    """One grid, carried out into one directory. Call `run`; it may be called again to go on."""

    def __init__(
        self,
        root: Path,
        setting: Setting,
        listener: Listener,
        cancelled: Callable[[], bool],
        outside: Outside = REAL,
    ) -> None:
        self._root = root
        self._setting = setting
        self._grid = setting.grid
        self._inventory = setting.inventory
        self._directory = setting.directory
        self._tell = listener
        self._cancelled = cancelled
        self._outside = outside
        self._ansible = Ansible(root, setting.inventory_path)
        self._ansible.cancelled, self._ansible.waiting = cancelled, lambda words: listener(Step(words))
        self._deployment = Deployment(self._ansible, setting.grid, outside.playbook)
        if setting.time_scaling is not None:
            self._deployment.play(setting.time_scaling)
        self._ahead = Ahead(self._deployment, setting.grid.load)
        self._plan: list[PlannedTrial] = []
        self._over: set[str] = set()  # trials that this call has no more to do with
        self._load_ended: float | None = None
        self._record: StudyRecord
        self._call: Call
        self._lease: fleet.Lease | None = None

    def run(self) -> int:
        """Measure what is missing; returns how many trials were measured.

        Raises CannotRun when another process runs this study or the machine cannot, DeployFailed
        when the deployment fails, Interrupted on Ctrl-C.
        """
        with self._directory.locked():
            self._adopt()
            if self._directory.study() is not None and not self._setting.left:
                return 0
            left = self._begin()
            self._tell(
                StudyStarted(
                    self._grid.name,
                    str(self._directory.path),
                    len(self._plan),
                    len(left),
                    self._setting.takes_s(left),
                )
            )
            for sentence in forecast.sentences(self._setting):
                self._tell(Said(sentence))
            self._call = Call(self._record.runs, datetime.now(UTC), tuple(self._keep_answer()))
            self._note(runs=self._call.runs())
            self._directory.write_study(self._record)
            try:
                with self._outside.reach(self._inventory) as reach:
                    self._lease = fleet.Lease(
                        self._inventory, reach, lambda words: self._tell(Said(words, warning=True))
                    )
                    self._lease.extend(self._grid.load.duration, self._setting.takes_s(left))
                    bench = self._prepare(reach)
                    while left:
                        planned, *left = left
                        self._one(bench, planned, left)
                        if not left or left[0].repeat != planned.repeat:
                            left = self._next_block()  # what a block showed may change those that were to follow
            finally:
                self._ahead.stop()
                self._deployment.drop()
                self._note(runs=self._call.runs())
                self._directory.write_study(self._record)
            return self._call.measured

    def _adopt(self) -> None:
        """Enter whole trials into study.json that a killed call had written, and had no time to enter."""
        known = self._directory.study()
        there = set(self._directory.trials()) - set(known.digests) if known else set()
        adopted = {where: self._directory.digest_of(where) for where in sorted(there)}
        if known and adopted:
            log.info("adopted from a call that was killed: %s", ", ".join(adopted))
            self._directory.write_study(known.model_copy(update={"digests": {**known.digests, **adopted}}))

    def _note(self, **found: Any) -> None:
        """Put into study.json what was found; it is written at the next step."""
        self._record = self._record.model_copy(update=found)

    def _warn(self, words: str) -> None:
        self._tell(Said(words, warning=True))

    def _keep_answer(self) -> list[str]:
        """Have the switches use what the inventory answered; hosts whose addresses changed since the last run."""
        if self._setting.asked is None:
            return []
        folder = self._directory.path / "inventory"
        self._ansible.inventory = snapshot.keep(self._setting.asked, self._setting.inventory_path, folder)
        moved = snapshot.moved(self._inventory, folder)
        if moved:
            words = f"other addresses than in the last run: {', '.join(moved)}; are these other machines?"
            self._warn(words)
        return moved

    def _begin(self) -> list[PlannedTrial]:
        """Have study.json there, with the seed and what else is settled only once; what is left to measure."""
        known = self._directory.study()
        self._record = known or new_record(self._setting, self._outside.draw_seed)
        self._note(rented=fleet.rented(self._inventory))
        self._directory.write_study(self._record)
        self._decide_rest()  # a call that was killed may have left it
        left = self._setting.left
        self._plan = self._setting.planned
        self._over = {planned.path for planned in self._plan} - {planned.path for planned in left}
        self._note(plan=tuple(planned.path for planned in self._plan))
        self._directory.write_study(self._record)
        return left

    def _next_block(self) -> list[PlannedTrial]:
        """What is left by all that is recorded: the plan's next blocks, or one that the stopping rule adds (E16)."""
        before = {planned.path for planned in self._plan}
        self._decide_rest()
        self._plan, decision = self._setting.settled()
        self._note(plan=tuple(planned.path for planned in self._plan))
        if decision is not None and self._record.stopping is not None:
            self._note(stopping=self._record.stopping.model_copy(update={"decision": decision}))
        self._directory.write_study(self._record)
        left = order.remaining(self._plan, self._over)
        added = [planned for planned in left if planned.path not in before]
        if decision is not None and not self._grid.repeats.fixed:
            self._tell(Step(f"stopping: {decision.why}"))
        elif added and not added[0].repeat:
            self._tell(Step(f"search: {', '.join(trial.cell.slug for trial in added)}"))
        elif added and added[0].repeat == 1:
            for sentence in search.sentences(search.limits(self._grid, self._directory.trials())):
                self._tell(Said(sentence))
        elif added and added[0].repeat > self._grid.repeats.min:
            self._tell(Step(f"block {added[0].repeat} is added: the watched gains are not yet narrow enough"))
        return left

    def _decide_rest(self) -> None:
        """Once the first blocks are there: whether cells that rest from now on showed what was predicted of them."""
        rest = self._record.predicted_idle
        if rest is None or rest.contradicted is not None:
            return
        found = predicted_idle.decided(rest, expand(self._grid), self._directory.trials())
        if found is None or found.contradicted is None:
            return
        self._note(predicted_idle=found)
        self._directory.write_study(self._record)
        self._tell(Said(predicted_idle.outcome(found)))

    def _prepare(self, reach: Reach) -> Bench:
        """Make everything ready; from here on the study is played at the speed that was found."""
        preparation = Preparation(
            self._root, self._setting, self._deployment, self._record, self._tell, self._cancelled, self._outside
        )
        bench = preparation.run(reach)
        self._setting, self._grid = preparation.setting, preparation.setting.grid
        self._ahead = Ahead(self._deployment, self._grid.load)
        self._record = preparation.record
        self._directory.write_study(self._record)
        return bench

    def _one(self, bench: Bench, planned: PlannedTrial, rest: list[PlannedTrial]) -> None:
        """Carry out and record one trial, whatever becomes of it."""
        position = self._plan.index(planned) + 1
        overhead: list[float] = []

        def on_start(started_at: float) -> None:
            if self._load_ended is not None:
                overhead.append(started_at - self._load_ended)
            load = self._grid.load
            started = TrialStarted(planned.path, position, len(self._plan), load.duration, load.window_from_s)
            self._tell(started)
            self._ahead.load_started(rest[0].cell if rest else None, started_at)

        try:
            bench.reach.mend()
            self._deployment.switch(planned.cell)
            data = trial.run(bench, planned, position, on_start, self._ahead.hosts_read)
            self._load_ended = data.ended_at
        except (TrialFailed, CannotRun) as error:
            self._ahead.stop()
            log.warning("%s: %s", planned.path, error)
            data = TrialData(trial.failed_record(planned, position, str(error)), [], [], [])
            self._load_ended = None
        between_s = round(overhead[0], 2) if overhead else None
        data = replace(data, record=data.record.model_copy(update={"overhead_s": between_s}))
        self._directory.write_trial(planned.path, data)
        self._over.add(planned.path)
        self._note(digests={**self._record.digests, planned.path: self._directory.digest_of(planned.path)})
        self._call.measured += 1
        self._note(runs=self._call.runs())
        self._directory.write_study(self._record)
        remaining_s = order.estimate_s(self._grid, rest, self._setting.capacity_per_s)
        self._tell(TrialEnded(planned.path, data.record, data.record.findings, remaining_s))
        if rest and self._lease:
            self._lease.extend(self._grid.load.duration, remaining_s)
        if needs_repair(data.record):
            self._repair(data.record)

    def _repair(self, record: TrialRecord) -> None:
        lost = record.context.server_failure.servers if record.context and record.context.server_failure else []
        self._tell(Step(f"bringing {' and '.join(lost)} back" if lost else "repairing what died"))
        try:
            self._deployment.repair()
        except DeployFailed as error:
            self._tell(Said(f"repair failed, the next trial tries again: {error}", warning=True))


def needs_repair(record: TrialRecord) -> bool:
    """Whether something may have to be started again before the next trial."""
    stopped = any(not state.after.running for state in record.hosts.values())
    return stopped or record.outcome in (Outcome.SERVER_DOWN, Outcome.FAILED)
