"""Print everything: live on a terminal, plain lines elsewhere, JSON events with `--json`. No other module prints."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from harness.errors import BadInput
from harness.records.findings import Severity
from harness.records.part import as_json
from harness.records.trial import TrialRecord
from harness.study.events import Event, Message, SampleTaken, Step, StepProgress, StudyStarted, TrialEnded, TrialStarted
from harness.words import visible

if TYPE_CHECKING:
    from harness.summarise.comparison.gate import GateResult
    from harness.summarise.gains.gain import Gain

BARS = "▁▂▃▄▅▆▇█"
STYLE = {"ok": "green", "warning": "yellow", "invalid": "red", "server_down": "red", "failed": "red"}


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a row of bars from 0 to the maximum."""
    top = max(values, default=0) or 1
    return "".join(BARS[min(len(BARS) - 1, int(v / top * (len(BARS) - 1) + 0.5))] for v in values)


def duration(seconds: float) -> str:
    """Format a duration in minutes and seconds."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def trials(number: int) -> str:
    """Format a number of trials, e.g. "1 trial" or "30 trials"."""
    return "1 trial" if number == 1 else f"{number} trials"


class Console:
    """Prints events and messages as text, or as JSON with `as_json`."""

    def __init__(self, as_json: bool = False) -> None:
        self._json = as_json
        # Without emoji, as a message may quote a text such as begin:end:step.
        self._out = RichConsole(highlight=False, soft_wrap=True, emoji=False)
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self._recent: deque[float] = deque(maxlen=40)
        self._progress: Progress | None = None
        self._done = self._planned = 0
        self._remaining_s = 0.0
        self._trial = ""
        self._trial_s = 0.0

    def __call__(self, event: Event) -> None:
        """Print one event."""
        if self._json:
            self._emit(event)
        elif isinstance(event, StudyStarted):
            self._started(event)
        elif isinstance(event, Step):
            seconds = f" ({duration(event.seconds)})" if event.seconds is not None else ""
            self._line(f"[dim]·[/] {escape(event.text)}{seconds}")
            self._update(event.text)
        elif isinstance(event, StepProgress):
            self._update(event.text)
        elif isinstance(event, TrialStarted):
            self._recent.clear()
            self._trial, self._trial_s = event.trial, event.duration_s
            self._done, self._planned = event.position - 1, event.planned  # the plan may grow during a study
        elif isinstance(event, SampleTaken):
            self._recent.append(event.sample.completed)
            failed = f", {event.sample.failed} failed" if event.sample.failed else ""
            rate = f"{event.sample.completed:>5} req/s{failed}"
            second = f"{event.sample.t_s + 1:>3}/{self._trial_s:.0f} s"
            self._update(f"{self._trial}  {second}  {rate}  {sparkline(self._recent)}")
        elif isinstance(event, TrialEnded):
            self._ended(event)
        else:
            self.warn(event.text) if event.warning else self._line(escape(event.text))

    def _emit(self, event: Event) -> None:
        name = "".join("_" + c.lower() if c.isupper() else c for c in type(event).__name__).lstrip("_")
        sys.stdout.write(json.dumps({"event": name, **dataclasses.asdict(event)}, default=as_json) + "\n")
        sys.stdout.flush()

    def _started(self, event: StudyStarted) -> None:
        self._planned, self._remaining_s = event.planned, event.estimate_s
        done = event.planned - event.remaining
        earlier = f", {done} measured earlier" if done else ""
        estimate = duration(event.estimate_s)
        self._line(f"[bold]{escape(event.name)}[/]: {trials(event.remaining)} to measure{earlier}, about {estimate}")
        self._line(f"[dim]results in {escape(event.directory)}[/]")
        if self._out.is_terminal:
            self._progress = Progress(
                TextColumn("{task.completed}/{task.total}"),
                BarColumn(bar_width=20),
                TextColumn("{task.description}"),
                console=self._out,
                transient=True,
            )
            self._progress.add_task("starting", total=event.planned, completed=done)
            self._progress.start()

    def _update(self, text: str) -> None:
        if self._progress is not None:
            remaining = f"[dim]{duration(self._remaining_s)} left[/]  "
            self._progress.update(
                self._progress.task_ids[0],
                description=remaining + escape(visible(text)),
                completed=self._done,
                total=self._planned,
            )

    def _ended(self, event: TrialEnded) -> None:
        record = event.record
        self._remaining_s = event.remaining_s
        self._done = record.block_position
        style = STYLE.get(record.outcome, "red")
        rate = f"{record.tps_mean:.1f} req/s" if record.tps_mean is not None else "–"
        bottleneck = record.bottleneck.component if record.bottleneck and record.usable else ""
        cause = "" if bottleneck else record.cause
        self._line(
            f"[{style}]{record.outcome:<8}[/] {record.block_position:>3}/{self._planned} {escape(event.trial):<32} "
            f"{rate:>13}  {f'bottleneck: {bottleneck}' if bottleneck else escape(cause)}"
        )
        findings = [finding for finding in event.findings if finding.severity != Severity.NOTE]
        if record.cause not in (cause, *(finding.cause for finding in findings)):
            self._line(f"         {escape(record.cause)}")
        for finding in findings:
            if finding.cause != cause:
                self._line(f"         {finding.rule} {escape(finding.cause)}")
        self._update("")

    def _line(self, text: str) -> None:
        (self._progress.console if self._progress else self._out).print(visible(text))

    def finish(self) -> None:
        """End the live display."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def print(self, text: str) -> None:
        """Print one line; with JSON a `message` event."""
        self(Message(text))

    def warn(self, text: str) -> None:
        """Print a note to standard error."""
        self._err.print(f"[yellow]note:[/] {escape(visible(text))}")

    def relay(self, text: str) -> None:
        """Print the notes of another process of this program, which has marked them, to standard error."""
        self._err.print(escape(visible(text)))

    def error(self, text: str, next_line: str = "") -> None:
        """Print an error to standard error, with a line that names the next command, and end the live display."""
        self.finish()
        for line in text.split("\n"):
            self._err.print(f"[red]error:[/] {escape(visible(line))}")
        if next_line:
            self._err.print(escape(visible(next_line)))

    def question(self, text: str, default: str) -> str:
        """Print a question, and return the answer or the default; raises BadInput at the end of the input."""
        shown = f"{text} [{default}]: " if default else f"{text}: "
        try:
            return self._out.input(escape(visible(shown))).strip() or default
        except EOFError:
            raise BadInput("--interactive: the input ended. Fix: use a terminal, or give all options") from None

    def raw(self, text: str) -> None:
        """Write text unchanged, for other programs."""
        sys.stdout.write(text)

    def json(self, data: object) -> None:
        """Print data as JSON."""
        sys.stdout.write(json.dumps(data, indent=1, default=as_json) + "\n")

    def gains(self, gains: Sequence[Gain]) -> None:
        """Print the gains of a study as a table, or as JSON."""
        if self._json:
            for gain in gains:
                data: dict[str, Any] = dataclasses.asdict(gain)
                data = {name: value for name, value in data.items() if name not in ("obstacle", "remark")}
                data = {"event": "gain", **data, "reason": gain.reason}
                sys.stdout.write(json.dumps(data, default=as_json) + "\n")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("load", "servers", "gain", "95 % interval", "linear", "conclusion"):
            table.add_column(name, justify="right" if name in ("gain", "linear") else "left", overflow="fold")
        for gain in gains:
            ratio = gain.ratio
            interval = f"{ratio.low:.2f} – {ratio.high:.2f}" if ratio and ratio.low is not None and ratio.high else ""
            table.add_row(
                escape(visible(gain.load)),
                f"{gain.from_servers} → {gain.to_servers}",
                f"{ratio.value:.2f}×" if ratio else "–",
                interval,
                f"{gain.step_ideal:.2f}×",
                escape(visible(f"{gain.conclusion_text}{f': {gain.reason}' if gain.reason else ''}")),
            )
        self._out.print(table)

    def gate(self, found: GateResult | None, sentences: Sequence[str]) -> None:
        """Print the result of a gate, or write it as an event."""
        if self._json and found is not None:
            ratio = dataclasses.asdict(found.ratio) if found.ratio else None
            data = {"conclusion": found.conclusion, "ratio": ratio, "blocks": found.effect.k, "text": list(sentences)}
            sys.stdout.write(json.dumps({"event": "gate", **data}, default=as_json) + "\n")
            return
        for sentence in sentences:
            self.print(sentence)

    def outcomes(self, records: Sequence[TrialRecord]) -> None:
        """Print how many trials have each outcome."""
        counts = {name: sum(record.outcome == name for record in records) for name in STYLE}
        listed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        self.print(f"{trials(len(records))}: {listed}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a plain table; long fields wrap."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(escape(visible(column)), overflow="fold")
        for row in rows:
            table.add_row(*(escape(visible(field)) for field in row))
        self._out.print(table)
