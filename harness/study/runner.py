"""The loop of a study: switch the topology, run a trial, record it, repair, plan the next block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.deploy import fleet, platform
from harness.deploy.ansible import Ansible
from harness.deploy.connections import Connections
from harness.deploy.deployment import Placement
from harness.deploy.inventory import snapshot
from harness.deploy.inventory.hosts import changed_addresses
from harness.errors import CannotRun, DeployFailed, TrialFailed
from harness.grid import server_types
from harness.plan import order, predicted_idle
from harness.plan.order import PlannedTrial
from harness.plan.remaining_time import RemainingTime
from harness.records.study import Decision, StudyRecord
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.study import forecast, trial
from harness.study.config import StudyConfig
from harness.study.dependencies import DEFAULT, Dependencies
from harness.study.events import Listener, Message, Step, StudyStarted, TrialEnded, TrialStarted
from harness.study.invocation import Invocation
from harness.study.new_record import new_record, with_server_order
from harness.study.prefetch import SwitchPrefetch
from harness.study.preparation import Preparation
from harness.study.trial_context import TrialContext
from harness.summarise import evidence_grade
from harness.summarise.search.search import state_of

log = logging.getLogger(__name__)


class Study:
    """One grid, measured into one directory. `run` starts the study or resumes it."""

    def __init__(
        self,
        root: Path,
        config: StudyConfig,
        listener: Listener,
        is_cancelled: Callable[[], bool],
        dependencies: Dependencies = DEFAULT,
    ) -> None:
        self._root = root
        self._config = config
        self._grid = config.grid
        self._inventory = config.inventory
        self._directory = config.directory
        self._listener = listener
        self._is_cancelled = is_cancelled
        self._dependencies = dependencies
        self._ansible = Ansible(root, config.inventory_path)
        self._ansible.cancelled, self._ansible.waiting = is_cancelled, lambda text: listener(Step(text))
        self._deployment = platform.deployment(self._ansible, config.grid, dependencies.start_playbook)
        if config.time_factor is not None:
            self._deployment.scale_time(config.time_factor)
        self._prefetch = SwitchPrefetch(self._deployment, config.grid)
        self._plan: list[PlannedTrial] = []
        self._done: set[str] = set()  # trials that this invocation does not measure, or has measured
        self._load_ended_at: float | None = None
        self._record: StudyRecord
        self._invocation: Invocation
        self._remaining_time: RemainingTime
        self._lease: fleet.Lease | None = None

    def run(self) -> int:
        """Measure all remaining trials; return how many were measured.

        Raises CannotRun when another process runs this study or this machine cannot run it, DeployFailed when the
        deployment fails, Interrupted on Ctrl-C.
        """
        with self._directory.locked():
            self._adopt_unrecorded_trials()
            if self._directory.study() is not None and not self._config.remaining_trials():
                return 0
            remaining = self._start()
            try:
                with self._dependencies.connect_hosts(self._inventory) as connections:
                    self._lease = fleet.Lease(self._inventory, connections, self._warn)
                    self._lease.extend(self._grid.load.duration, self._config.duration_s(remaining))
                    self._run_trials(self._prepare(connections), remaining)
            finally:
                self._prefetch.stop()
                self._deployment.drop()
                grade = evidence_grade.of_records(self._directory.trials().values())
                self._update(runs=self._invocation.runs(), evidence_grade=grade)
                self._write()
            return self._invocation.measured

    def _adopt_unrecorded_trials(self) -> None:
        """Add complete trials to study.json that a killed invocation wrote but did not add.

        Some are new, others replaced a failed attempt, whose digest study.json still has.
        """
        known = self._directory.study()
        found = set(self._directory.trials()) if known else set()
        unrecorded = {where for where in found if known and self._is_unrecorded(where, known.digests.get(where))}
        adopted = {where: self._directory.digest_of(where) for where in sorted(unrecorded)}
        if known and adopted:
            log.info("adopted trials of a killed invocation: %s", ", ".join(adopted))
            self._directory.write_study(known.model_copy(update={"digests": {**known.digests, **adopted}}))

    def _is_unrecorded(self, where: str, digest: str | None) -> bool:
        """Whether a trial has no digest, or that of an earlier attempt, which is kept next to it."""
        if digest is None:
            return True
        attempts = self._directory.attempts(where)
        return bool(attempts) and digest in map(self._directory.digest_of, attempts)

    def _start(self) -> list[PlannedTrial]:
        """Write study.json, report the start and the forecast; return the remaining trials."""
        remaining = self._plan_first_block()
        self._listener(
            StudyStarted(
                name=self._grid.name,
                directory=str(self._directory.path),
                planned=len(self._plan),
                remaining=len(remaining),
                estimate_s=self._config.duration_s(remaining),
            )
        )
        for sentence in forecast.sentences(self._config):
            self._listener(Message(sentence))
        self._invocation = Invocation(self._record.runs, datetime.now(UTC), tuple(self._keep_inventory_snapshot()))
        self._update(runs=self._invocation.runs())
        self._write()
        return remaining

    def _plan_first_block(self) -> list[PlannedTrial]:
        """Create or read study.json with the seed and the other terms of the study; return the remaining trials."""
        known = self._directory.study()
        self._record = known or new_record(self._config, self._dependencies.draw_seed)
        self._update(rented=fleet.rented(self._inventory))
        self._write()
        self._verify_predicted_idle()  # a killed invocation may not have done it
        remaining = self._config.remaining_trials()
        self._plan = self._config.planned_trials()
        self._done = {planned.path for planned in self._plan} - {planned.path for planned in remaining}
        self._keep_plan()
        self._write()
        return remaining

    def _keep_plan(self) -> None:
        """Record the planned trials, and the order of servers in their blocks."""
        blocks = max((planned.repeat for planned in self._plan), default=0)
        self._record = with_server_order(self._record, self._config, blocks)
        self._update(plan=tuple(planned.path for planned in self._plan))

    def _keep_inventory_snapshot(self) -> list[str]:
        """Use one answer of an inventory program for all playbooks; return hosts with a changed address."""
        if self._config.inventory_snapshot is None:
            return []
        folder = self._directory.path / "inventory"
        self._ansible.inventory = snapshot.keep(self._config.inventory_snapshot, self._config.inventory_path, folder)
        moved = changed_addresses(self._inventory, folder)
        if moved:
            self._warn(f"the addresses of {', '.join(moved)} differ from the last run: are these the same machines?")
        return moved

    def _prepare(self, connections: Connections) -> TrialContext:
        """Prepare hosts and load generator; from here on all times are scaled."""
        preparation = Preparation(
            self._root,
            self._config,
            self._deployment,
            self._record,
            self._listener,
            self._is_cancelled,
            self._dependencies,
        )
        context = preparation.run(connections)
        self._config, self._grid = preparation.config, preparation.config.grid
        self._prefetch = SwitchPrefetch(self._deployment, self._grid)
        self._record = preparation.record
        measured = self._directory.trials().values()
        self._remaining_time = RemainingTime(self._grid, self._config.scaled_rates, measured)
        self._write()
        return context

    def _run_trials(self, context: TrialContext, remaining: list[PlannedTrial]) -> None:
        """Run trial by trial. The plan is made again after each block, as its results may change later blocks."""
        while remaining:
            planned, *remaining = remaining
            self._run_trial(context, planned, remaining)
            if not remaining or remaining[0].repeat != planned.repeat:
                remaining = self._plan_next_block()

    def _run_trial(self, context: TrialContext, planned: PlannedTrial, remaining: list[PlannedTrial]) -> None:
        """Run and record one trial. A trial that cannot be run is recorded as failed."""
        position = self._plan.index(planned) + 1
        overhead_s: list[float] = []

        def on_start(started_at: float) -> None:
            if self._load_ended_at is not None:
                overhead_s.append(started_at - self._load_ended_at)
            load = self._grid.load
            self._listener(
                TrialStarted(
                    trial=planned.path,
                    position=position,
                    planned=len(self._plan),
                    duration_s=load.duration,
                    window_from_s=self._grid.window_from_s,
                )
            )
            self._prefetch.on_load_started(self._placement(remaining[0]) if remaining else None, started_at)

        try:
            context.connections.reconnect()
            placement = self._placement(planned)
            self._deployment.switch(placement)
            data = trial.run(context, planned, position, placement.servers, on_start, self._prefetch.on_collected)
            self._load_ended_at = data.ended_at
        except (TrialFailed, CannotRun) as error:
            self._prefetch.stop()
            log.warning("%s: %s", planned.path, error)
            data = TrialData(
                record=trial.failed_record(planned, position, str(error)), samples=[], hosts=[], balancer=[]
            )
            self._load_ended_at = None
        between_s = round(overhead_s[0], 2) if overhead_s else None
        data = replace(data, record=data.record.model_copy(update={"overhead_s": between_s}))
        self._record_trial(planned, data, remaining)
        if needs_repair(data.record):
            self._repair(data.record)

    def _placement(self, planned: PlannedTrial) -> Placement:
        """Return a trial's cell on the servers that take part in its block."""
        level = planned.cell.servers_level
        names = [server.name for server in self._inventory.servers]
        first = server_types.members(level, names, self._grid.server_types)
        return Placement(planned.cell, self._record.servers(planned.repeat, level) or first)

    def _record_trial(self, planned: PlannedTrial, data: TrialData, remaining: list[PlannedTrial]) -> None:
        """Write a trial and study.json, report the end of the trial, and extend the lease of rented hosts."""
        self._directory.write_trial(planned.path, data)
        self._done.add(planned.path)
        self._update(digests={**self._record.digests, planned.path: self._directory.digest_of(planned.path)})
        self._invocation.measured += 1
        self._update(runs=self._invocation.runs())
        self._write()
        self._remaining_time.add(data.record)
        remaining_s = self._remaining_time.seconds(remaining)
        self._listener(TrialEnded(planned.path, data.record, data.record.findings, remaining_s))
        if remaining and self._lease:
            self._lease.extend(self._grid.load.duration, remaining_s)

    def _plan_next_block(self) -> list[PlannedTrial]:
        """Plan again from all recorded trials: the next block, or one that the stopping rule adds (E16)."""
        before = {planned.path for planned in self._plan}
        self._verify_predicted_idle()
        self._plan, decision = self._config.plan()
        self._keep_plan()
        if decision is not None and self._record.stopping is not None:
            self._update(stopping=self._record.stopping.model_copy(update={"decision": decision}))
        self._write()
        remaining = order.remaining(self._plan, self._done)
        self._report_plan([planned for planned in remaining if planned.path not in before], decision)
        return remaining

    def _report_plan(self, added: list[PlannedTrial], decision: Decision | None) -> None:
        """Report why trials were added, or why no further block is needed."""
        if decision is not None and not self._grid.repeats.fixed:
            self._listener(Step(f"stopping: {decision.why}"))
        elif added and not added[0].repeat:
            self._listener(Step(f"search: {', '.join(planned.name for planned in added)}"))
        elif added and added[0].repeat == 1:
            for sentence in [each.sentence for each in state_of(self._grid, self._directory.trials()).results]:
                self._listener(Message(sentence))
        elif added and added[0].repeat > self._grid.repeats.min:
            why = "the gate is not decided" if self._grid.gate else "the watched gains are not precise enough yet"
            self._listener(Step(f"block {added[0].repeat} is added: {why}"))

    def _verify_predicted_idle(self) -> None:
        """After the first blocks, record whether the predicted-idle cells were idle."""
        predicted = self._record.predicted_idle
        if predicted is None or predicted.contradicted is not None:
            return
        found = predicted_idle.verified(predicted, self._grid.cells.known, self._directory.trials())
        if found is None or found.contradicted is None:
            return
        self._update(predicted_idle=found)
        self._write()
        self._listener(Message(predicted_idle.outcome(found)))

    def _repair(self, record: TrialRecord) -> None:
        """Start stopped containers again; after a failed repair the next trial tries again."""
        failure = record.context.server_failure if record.context else None
        killed = failure.servers if failure else []
        self._listener(
            Step(f"starting {' and '.join(killed)} again" if killed else "starting stopped containers again")
        )
        try:
            self._deployment.repair()
        except DeployFailed as error:
            self._warn(f"the repair failed, the next trial tries again: {error}")

    def _update(self, **found: Any) -> None:
        """Set keys of study.json; `_write` writes them."""
        self._record = self._record.model_copy(update=found)

    def _write(self) -> None:
        self._directory.write_study(self._record)

    def _warn(self, text: str) -> None:
        self._listener(Message(text, warning=True))


def needs_repair(record: TrialRecord) -> bool:
    """Return whether a container may have to be started again before the next trial."""
    stopped = any(not state.after.running for state in record.hosts.values())
    return stopped or record.outcome in (Outcome.SERVER_DOWN, Outcome.FAILED)
