"""Print everything: live on a terminal, plain lines elsewhere, JSON events with `--json`. No other module prints."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from commands.line_limits import LineLimits
from commands.running_study import RunningStudy, outcomes
from commands.screen import Screen, print_line
from commands.study_view import BAD, CAVEAT, STYLE, duration, one_line, time_left
from harness.errors import BadInput
from harness.plan.order import PlannedTrial
from harness.records.findings import Severity
from harness.records.part import as_json
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.study.events import Event, Message, Step, StudyStarted, TrialEnded
from harness.words import visible

if TYPE_CHECKING:
    from harness.summarise.comparison.gate import GateResult
    from harness.summarise.gains.gain import Gain


def trials(number: int) -> str:
    """Format a number of trials, e.g. "1 trial" or "30 trials"."""
    return "1 trial" if number == 1 else f"{number} trials"


def bottleneck_of(record: TrialRecord) -> str:
    """Return the bottleneck of a valid trial; empty for an invalid one, whose cause is shown instead."""
    return str(record.bottleneck.component) if record.bottleneck and record.usable else ""


def trial_line(event: TrialEnded, planned: int) -> Text:
    """Return the line of a trial: outcome, position, path, throughput, and its bottleneck or cause."""
    record, bottleneck = event.record, bottleneck_of(event.record)
    rate = f"{record.tps_mean:,.1f} req/s" if record.tps_mean is not None else "–"
    why = f"bottleneck: {bottleneck}" if bottleneck else one_line(record.cause)
    text = f" {record.block_position:>3}/{planned} {one_line(event.trial):<32} {rate:>13}  {why}"
    return Text.assemble((f"{record.outcome.replace('_', ' '):<11}", STYLE.get(record.outcome, BAD)), text)


class Output(RichConsole):
    """A stream of Rich whose closed pipe raises BrokenPipeError; Rich itself would exit with 1, a missed objective."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise


class Console:
    """Prints events and messages as text, or as JSON with `as_json`.

    A terminal shows a running study as a table below the lines that stay. Without a terminal every event is one line,
    the number of lines is bounded, and nothing is drawn again.
    """

    def __init__(self, as_json: bool = False) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
                stream.reconfigure(errors="replace")  # the locale may lack characters that are printed
        self.is_json = as_json
        # Without emoji, as a message may quote a text such as begin:end:step.
        self._out = Output(highlight=False, soft_wrap=True, emoji=False)
        self._err = Output(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self._study = RunningStudy()
        self._limits = LineLimits()
        self._screen: Screen | None = None

    def __call__(self, event: Event) -> None:
        """Print one event."""
        if self.is_json:
            self._emit(event)
            return
        (self._screen or self._study).follow(event)
        if isinstance(event, StudyStarted):
            self._started(event)
        elif isinstance(event, Step):
            seconds = f" ({duration(event.seconds)})" if event.seconds is not None else ""
            self._print_limited("steps", event.text, f"· {one_line(event.text)}{seconds}")
        elif isinstance(event, TrialEnded):
            self._ended(event)
        elif isinstance(event, Message):
            self.warn(event.text) if event.warning else self._line(event.text)

    def _emit(self, event: Event) -> None:
        name = "".join("_" + c.lower() if c.isupper() else c for c in type(event).__name__).lstrip("_")
        sys.stdout.write(json.dumps({"event": name, **dataclasses.asdict(event)}, default=as_json) + "\n")
        sys.stdout.flush()

    def plan(self, planned: Iterable[PlannedTrial], records: Mapping[str, TrialRecord], may_grow: bool) -> None:
        """Set the planned trials, in the order of cells, the records of measured ones, and whether results add more."""
        self._study.plan(planned, records, may_grow)

    def _started(self, event: StudyStarted) -> None:
        done = event.planned - event.remaining
        earlier = f", {done} measured earlier" if done else ""
        text = f": {trials(event.remaining)} to measure{earlier}, about {duration(event.estimate_s)}"
        self._line(Text.assemble((one_line(event.name), "bold"), text))
        self._line(f"results in {event.directory}")
        if self._out.is_terminal and not self._out.is_dumb_terminal and os.isatty(1):
            self._screen = Screen(self._out, self._study)
            self._screen.start()

    def on_interrupt(self, count: int) -> bool:
        """Show Ctrl-C in the live view; False without one. A signal handler calls this with the number of signals."""
        screen = self._screen
        if screen is not None:
            screen.on_interrupt(count)
        return screen is not None

    def _ended(self, event: TrialEnded) -> None:
        record, cell = event.record, TrialPath.parse(event.trial).cell
        printed = self._screen is None and self._limits.allows_trial(self._study.planned, record.outcome == "ok")
        if printed:
            self._line(trial_line(event, self._study.planned))
        elif self._screen is None and (notice := self._limits.notice("trials", event.trial)):
            self._line(notice)
        causes = {each.cause: f"{each.rule} " for each in event.findings if each.severity != Severity.NOTE}
        causes = {record.cause: "", **causes} if record.cause else causes
        for cause, rule in causes.items():
            if not (printed and cause == record.cause and not bottleneck_of(record)):
                self._print_limited("findings", (cell, rule), f"  {one_line(f'{cell}: {rule}{cause}')}")
        block = self._study.block_ended_by(event.trial)
        if self._screen is None and block:
            self._line(f"block {block} measured: {time_left(self._study)}")

    def _print_limited(self, kind: str, key: object, text: str) -> None:
        """Print a line once for each key, up to the limit of its kind."""
        if notice := self._limits.notice(kind, key):
            self._line(notice)
        if self._limits.allows(kind, key):
            self._line(text)

    def _line(self, text: str | Text) -> None:
        line = text if isinstance(text, Text) else Text(visible(text))
        if self._screen is not None:
            self._screen.print(line)
        else:
            print_line(self._out, line)

    def finish(self) -> None:
        """End the live display."""
        if self._screen is not None:
            self._screen.stop()
            self._screen = None

    def print(self, text: str) -> None:
        """Print one line; with JSON a `message` event."""
        self(Message(text))

    def warn(self, text: str) -> None:
        """Print a note to standard error."""
        line = Text.assemble(("note:", CAVEAT), f" {visible(text)}")
        if self._screen is not None and self._err.is_terminal:
            self._screen.print(line)  # a line between two refreshes would be overwritten
        else:
            self._err.print(line)

    def relay(self, text: str) -> None:
        """Print the notes of another process of this program, which has marked them, to standard error."""
        self._err.print(escape(visible(text)))

    def error(self, text: str, next_line: str = "") -> None:
        """Print an error to standard error, with a line that names the next command, and end the live display."""
        self.finish()
        for line in text.split("\n"):
            self._err.print(Text.assemble(("error:", BAD), f" {visible(line)}"))
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
        """Print the gains of a study in one line, or as JSON."""
        if self.is_json:
            for gain in gains:
                data: dict[str, Any] = dataclasses.asdict(gain)
                data = {name: value for name, value in data.items() if name not in ("obstacle", "remark")}
                data = {"event": "gain", **data, "reason": gain.reason}
                sys.stdout.write(json.dumps(data, default=as_json) + "\n")
            return
        from commands.conclusion import in_short  # imports numpy

        self._line(f"gains: {in_short(gains)}")

    def gate(self, found: GateResult | None, sentences: Sequence[str]) -> None:
        """Print the result of a gate, or write it as an event."""
        if self.is_json and found is not None:
            ratio = dataclasses.asdict(found.ratio) if found.ratio else None
            data = {"conclusion": found.conclusion, "ratio": ratio, "blocks": found.effect.k, "text": list(sentences)}
            sys.stdout.write(json.dumps({"event": "gate", **data}, default=as_json) + "\n")
            return
        for sentence in sentences:
            self.print(sentence)

    def outcomes(self, records: Sequence[TrialRecord]) -> None:
        """Print how many trials have each outcome."""
        listed = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcomes(records).items())
        self.print(f"{trials(len(records))}: {listed}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a plain table; long fields wrap."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(escape(visible(column)), overflow="fold")
        for row in rows:
            table.add_row(*(escape(visible(field)) for field in row))
        self._out.print(table)
