"""A study's directory: written atomically, locked, and read tolerantly."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness import plain_file
from harness.errors import BadInput, CannotRun
from harness.grid.schema import MOST_CELLS
from harness.records import requests
from harness.records.files import cannot_write, read_csv, replace, sync, write_csv, write_synced, writing
from harness.records.requests import Histograms
from harness.records.series import BalancerSample, HostSample, MachineSample, Sample
from harness.records.stored import TRIALS, bytes_of, damaged, json_of, line_of, not_a_part, read_part, text_of
from harness.records.study import StudyRecord
from harness.records.trial import FORMAT, TrialData, TrialRecord
from harness.records.trial_path import TrialPath
from harness.words import short

STUDY = "study.json"
LATENCY, FAILURES = "latency.hgrm", "failures.hgrm"


class StudyDirectory:
    """Reads and writes results/<name>-<hash>/, the data of one study."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the kernel's lock; raises CannotRun if another process holds it, or the directory is not writable."""
        from filelock import FileLock, Timeout  # readers do not need it

        lock = FileLock(str(self.path / ".lock"))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise CannotRun(f"{self.path}: another process runs this study. Fix: wait for it, or stop it") from None
        except OSError as error:
            raise CannotRun(cannot_write(self.path, error)) from None
        try:
            for partial in self.path.glob("trials/.writing-*"):
                shutil.rmtree(partial, ignore_errors=True)  # a trial that was being written when the process was killed
            yield
        finally:
            lock.release()

    def write_json(self, name: str, data: object) -> None:
        """Replace a file atomically: readers see the old or the new one, even after a power loss."""
        text = json.dumps(data, indent=1, sort_keys=True, default=_plain) + "\n"
        replace(self.path / name, text.encode())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return a JSON object; None if it is missing. Raises BadInput if it is damaged or from a newer version."""
        return _read_json(self.path / name)

    def study(self) -> StudyRecord | None:
        """Return study.json; None if it is missing. Raises BadInput if it is damaged."""
        content = self.read_json(STUDY)
        return None if content is None else _study(self.path / STUDY, content)

    def need_study(self) -> StudyRecord:
        """Return study.json; raises BadInput if it is damaged or missing."""
        if words := plain_file.unreachable(self.path):
            shown = short(str(self.path), 300, bare=True)
            raise BadInput(f"{shown}: cannot be read: {words}. Fix: give a directory below results/")
        if self.path.exists() and not self.path.is_dir():
            raise BadInput(f"{self.path}: is not a directory. Fix: give a directory below results/")
        found = self.study()
        if found is None:
            raise BadInput(f"{self.path}: {STUDY} is missing. Fix: give a directory below results/")
        return found

    def write_study(self, study: StudyRecord) -> None:
        """Replace study.json atomically."""
        self.write_json(STUDY, study.model_dump(mode="json"))

    def write_trial(self, where: str, data: TrialData) -> None:
        """Write a trial to a temporary folder, sync and rename it. An earlier attempt is kept next to it.

        Raises CannotRun if it cannot be written; then no part of it remains, and an earlier attempt stays.
        """
        final = self.path / TRIALS / where
        aside = self.path / TRIALS / f".writing-{uuid.uuid4().hex}"
        try:
            with writing(final):
                _write_files(aside, data)
                final.parent.mkdir(parents=True, exist_ok=True)
                if final.exists():
                    earlier = dataclasses.replace(TrialPath.parse(where), attempt=len(self.attempts(where)) + 1)
                    final.rename(self.path / TRIALS / str(earlier))
                aside.rename(final)
                sync(final.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # exists only after an error

    def digest_of(self, where: str) -> str:
        """Return the SHA-256 over names and contents of a trial's files; raises BadInput if one is unreadable."""
        summed = hashlib.sha256()
        for file in sorted((self.path / TRIALS / where).iterdir()):
            content = bytes_of(file)
            summed.update(f"{file.name} {len(content)}\n".encode() + content)
        return summed.hexdigest()

    def changed(self) -> list[str]:
        """Return the trials whose files differ from the digests in study.json; raises as `digest_of`."""
        study = self.study()
        recorded = study.digests if study else {}
        there = [where for where in recorded if self.trial_file(where).exists()]
        return [where for where in there if self.digest_of(where) != recorded[where]]

    def trial_file(self, where: str) -> Path:
        """Return the path of a trial's record."""
        return self.path / TRIALS / where / "trial.json"

    def attempts(self, where: str) -> list[str]:
        """Return the paths of a trial's earlier attempts."""
        trial = TrialPath.parse(where)
        folders = sorted((self.path / TRIALS / trial.cell).glob(f"r{trial.repeat}*-attempt*"))
        paths = map(_trial_path, folders)
        return [str(path) for path in paths if path.current == trial]

    def trials(self, attempts: bool = False) -> dict[str, TrialRecord]:
        """Return "<cell>/r<k>" → trial; with `attempts` also failed ones that were repeated.

        Raises BadInput if a record is damaged or its folder does not have the name of a trial.
        """
        found = {}
        for file in sorted(self.path.glob("trials/*/r*/trial.json")):
            path = _trial_path(file.parent)
            if attempts or path.is_current:
                content = _read_json(file)
                if content is not None:
                    found[str(path)] = read_part(TrialRecord, "a trial's record", file, content)
        return found

    def trial(self, where: str) -> TrialData:
        """Return one trial with its series; raises BadInput if a file is damaged."""
        record = self.record(where)
        return TrialData(
            record=record,
            samples=self.samples(where),
            hosts=self.hosts(where),
            balancer=self.balancer(where),
            machines=self.machines(where),
            latencies=self.latencies(where),
            failures=self.failures(where),
            request_histograms={name: self._histograms(where, name) for name in record.requests},
            transaction_histograms=self._histograms(where, None) if record.transactions else Histograms(),
        )

    def record(self, where: str) -> TrialRecord:
        """Return one trial's record; raises BadInput if it is missing or damaged."""
        file = self.trial_file(where)
        content = _read_json(file)
        if content is None:
            raise BadInput(f"{file.parent}: trial.json is missing")
        return read_part(TrialRecord, "a trial's record", file, content)

    def samples(self, where: str) -> list[Sample]:
        """Return one trial's samples, one for each second."""
        return read_csv(self.path / TRIALS / where / "samples.csv", Sample)

    def hosts(self, where: str) -> list[HostSample]:
        """Return the resource usage of one trial's containers, by second."""
        return read_csv(self.path / TRIALS / where / "hosts.csv", HostSample)

    def balancer(self, where: str) -> list[BalancerSample]:
        """Return the responses of one trial by the balancer's log, by second, server and status."""
        return read_csv(self.path / TRIALS / where / "balancer.csv", BalancerSample)

    def machines(self, where: str) -> list[MachineSample]:
        """Return the resource usage of one trial's machines, by second."""
        return read_csv(self.path / TRIALS / where / "machines.csv", MachineSample)

    def latencies(self, where: str) -> str:
        """Return the encoded latency histogram of one trial's successes; empty without any."""
        return self._histogram(where, LATENCY)

    def failures(self, where: str) -> str:
        """Return the encoded latency histogram of one trial's failures; empty without any."""
        return self._histogram(where, FAILURES)

    def request_histograms(self, where: str) -> dict[str | None, Histograms]:
        """Return name of the request → encoded latency histograms of one trial, None for transactions.

        Raises as `trial`.
        """
        record = self.record(where)
        names = [*record.requests, *((None,) if record.transactions else ())]
        return {name: self._histograms(where, name) for name in names}

    def _histograms(self, where: str, name: str | None) -> Histograms:
        return Histograms(*(self._histogram(where, file) for file in requests.histogram_files(name)))

    def _histogram(self, where: str, name: str) -> str:
        from harness.records import histogram  # loads numpy, which most readers do not need

        file = self.path / TRIALS / where / name
        try:
            text = text_of(file)
        except FileNotFoundError:
            return ""
        if not text.endswith("\n"):
            raise damaged(file, "is cut off" if text else "is empty", 1)
        try:
            histogram.Histogram().add(text.strip())
        except ValueError as error:
            raise damaged(file, f"is damaged: {error}", 1) from None
        return text.strip()


def digest(data: object) -> str:
    """Return twelve hex digits that identify plain data."""
    text = json.dumps(data, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def _write_files(folder: Path, data: TrialData) -> None:
    """Write all files of a trial, each synced."""
    folder.mkdir(parents=True)
    record = json.dumps(data.record.model_dump(mode="json"), indent=1, sort_keys=True, default=_plain)
    write_synced(folder / "trial.json", record.encode() + b"\n")
    for name, rows, kind in (
        ("samples.csv", data.samples, Sample),
        ("hosts.csv", data.hosts, HostSample),
        ("balancer.csv", data.balancer, BalancerSample),
        ("machines.csv", data.machines, MachineSample),
    ):
        write_csv(folder / name, rows, [f.name for f in dataclasses.fields(kind)])
    for name, histogram in _histogram_files(data).items():
        if histogram:
            write_synced(folder / name, histogram.encode() + b"\n")
    sync(folder)


def _histogram_files(data: TrialData) -> dict[str, str]:
    """Return name of the file → encoded histogram, which may be empty."""
    found = {LATENCY: data.latencies, FAILURES: data.failures}
    for name, each in (*data.request_histograms.items(), (None, data.transaction_histograms)):
        found |= zip(requests.histogram_files(name), (each.latencies, each.failures), strict=True)
    return found


def _trial_path(folder: Path) -> TrialPath:
    """Return the path of a trial's folder; raises BadInput if its name is not that of a trial."""
    try:
        return TrialPath.parse(f"{folder.parent.name}/{folder.name}")
    except ValueError:
        allowed = "Allowed: r<repeat>, with -control, -attempt<number> or both, or r0-probe<number>"
        raise BadInput(f"{folder}: its name is not that of a trial. {allowed}. Fix: move it out of {TRIALS}/") from None


def _study(file: Path, content: dict[str, Any]) -> StudyRecord:
    study = read_part(StudyRecord, "a study's record", file, content)
    try:
        combinations = study.scaled_grid.cells.combinations
    except ValidationError as error:
        raise not_a_part(file, "a grid", error, ("configuration", "grid")) from None
    if combinations > MOST_CELLS:
        words = f"not a grid: its factors have {combinations:,} combinations. Allowed: {MOST_CELLS:,}"
        raise damaged(file, words, line_of(file, ("configuration", "grid", "factors")))
    return study


def _read_json(file: Path) -> dict[str, Any] | None:
    try:
        content = json_of(file)
    except FileNotFoundError:
        return None
    version = content.get("format", FORMAT)
    if not isinstance(version, int) or version < 1:
        what = f"format: unknown version (got {version!r:.40}). Allowed: {FORMAT}"
        raise damaged(file, what, line_of(file, ("format",)) or 1)
    if version > FORMAT:
        line = line_of(file, ("format",)) or 1
        raise BadInput(f"{file}:{line}: written by a newer version of this program. Fix: update this program")
    return content
