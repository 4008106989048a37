"""Users of your Locust script under the study's recorder: Locust's users, tasks and waits with counts and times.

Each user is in a request or thinks: it thinks while it sleeps, in `wait_time` or in a task, until the end of the sleep
that it chose. The rest is neither, and rule E5 sees it: late wake-ups, computation, locks, other clients.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from typing import Any

import gevent
import gevent.event
import gevent.hub
import locust.user.users
import locust.user.wait_time
import script_draws
import script_secrets
from digests import SentDigests
from gevent import GreenletExit, getcurrent
from locust.exception import StopUser
from pacing import Clock, numbers
from script_failures import own_error
from script_places import problem_of
from script_recorder import Call, ScriptRecorder
from script_spec import ScriptLoad

LONGEST_S = 3600.0
LEAVE_S = 10.0  # for all on_stop methods after the load
MOST_EXCHANGES = 20  # of one user in a rehearsal

_log = logging.getLogger(__name__)
_sleep = gevent.hub.sleep
_perf_counter = time.perf_counter


class Load:
    """One worker's part of a load of a script's users, whose second 0 is at the Unix time `t0`.

    In a rehearsal nobody sleeps, and a user ends after its first task.
    """

    def __init__(self, spec: ScriptLoad, t0: float, worker: int = 0, workers: int = 1, rehearsal: bool = False) -> None:
        self.spec = spec
        self.below = f"{spec.url}/"  # every URL of the balancer begins with it
        self.rehearsal = rehearsal
        self.now = Clock(t0).now  # seconds since t0
        self._numbers = numbers(worker, workers)
        self.end = gevent.event.Event()  # set: no user sends again
        self.end_s = min(spec.duration_s, LONGEST_S)
        self.recorder = ScriptRecorder(spec.window_from_s, spec.duration_s, spec.timeout_s, spec.slow_after_s)
        self.digests = SentDigests()  # of nothing: only the script knows what it sends
        self.present: set[Presence] = set()
        self.constructed = 0  # users
        self.ended = 0  # of these
        self.all_constructed = False  # in a rehearsal
        self.began = 0  # of these
        self.failed_starts = 0  # of these, users whose on_start raised
        self.problems: list[dict[str, Any]] = []
        self.rejected: dict[str, Any] | None = None
        self.exchanges: list[Call] = []
        self.streams = False  # whether the script streams a response

    def draws(self) -> random.Random:
        """The random draws of the next user of this worker: of its start, then all that it draws itself."""
        return random.Random(f"{self.spec.seed}/{next(self._numbers)}")  # noqa: S311 - reproducible users, no secret

    def settle(self) -> None:
        """Prepare the next report."""
        self.recorder.script = self._state()

    def close(self) -> None:
        """Send no more requests: the load has ended."""

    def leave(self) -> None:
        """End all users: their on_stop methods run now, and their requests are not counted."""
        leaving = [presence.greenlet for presence in self.present if presence.greenlet is not None]
        for presence in self.present:
            gevent.get_hub().loop.run_callback(presence.dismiss)
        gevent.joinall(leaving, timeout=min(self.spec.timeout_s, LEAVE_S))
        gevent.killall(leaving, block=False)
        self.settle()

    def end_if_rehearsed(self) -> None:
        """End a rehearsal when all of its users have ended."""
        if self.rehearsal and self.all_constructed and self.ended >= self.constructed:
            self.end.set()

    def reject(self, what: str, place: dict[str, Any]) -> None:
        """End the load: the script does something that cannot be measured."""
        if self.rejected is None:
            self.rejected = {**place, "error": what}
        self.end_s = min(self.end_s, self.now())
        self.end.set()

    def _state(self) -> dict[str, Any]:
        return {
            "began": self.began,
            "failed_starts": self.failed_starts,
            "problem": self.problems[0] if self.problems else None,
            "rejected": self.rejected,
            "streams": self.streams,
            "exchanges": [_exchange(call) for call in self.exchanges],
        }


current: Load | None = None


class Presence:
    """The study's part of one user: its number, its random draws, and its state."""

    def __init__(self, load: Load, user: Any) -> None:
        load.constructed += 1
        self.load = load
        self.user = user
        self.draws = load.draws()
        self.greenlet: gevent.Greenlet | None = None
        self.leaving = False
        self.call: Call | None = None
        self.exchanges = 0  # in a rehearsal
        self.was_unsent = False  # the client has rejected its last request
        self.undecided: list[Call] = []  # the script has not judged their responses yet

    def run(self, users_run: Any) -> None:
        """Wait for this user's start in the ramp-up, then be a user of the script until it ends."""
        load = self.load
        self.greenlet = getcurrent()
        load.present.add(self)
        begin_s = self.draws.uniform(0, load.spec.ramp_up_s)
        try:
            if not load.rehearsal and load.end.wait(max(0.0, begin_s - load.now())):
                return
            self.greenlet.study, self.greenlet.study_random = self, self.draws
            load.began += 1
            load.recorder.user_started(load.now())
            try:
                users_run(self.user)
            except Exception as failure:  # only on_start, which Locust has logged, and on_stop raise
                self._failed(failure)
            finally:
                load.recorder.user_ended(load.now())
        finally:
            load.present.discard(self)
            self.greenlet.study = None
            self.decide_rest(everything=True)
            close(self.user)
            load.ended += 1
            load.end_if_rehearsed()

    def _failed(self, failure: Exception) -> None:
        """Note why this user ended. Locust calls on_stop while it handles the end of a user, which then is no start."""
        if isinstance(failure.__context__, GreenletExit | StopUser):
            _log.error("on_stop failed", exc_info=failure)
            return
        self.load.failed_starts += 1
        self.load.problems = self.load.problems or [problem_of(failure)]

    def sleep(self, seconds: float, ref: bool) -> None:
        """Sleep as the script wants; it counts as thinking unless a request is in flight."""
        load = self.load
        if load.end.is_set() and not self.leaving:
            self.leave()
        if load.rehearsal:
            _sleep(0)
            return
        if not seconds > 0 or self.leaving or self.call is not None:
            _sleep(seconds, ref)
            return
        duration_s = seconds * load.spec.time_factor
        now = load.now()
        load.recorder.slept(now, duration_s)
        try:
            _sleep(duration_s, ref)
        except BaseException:
            load.recorder.woke(load.now(), now + duration_s)
            raise

    def dismiss(self) -> None:
        """End this user at once, from the hub: if it ran between the mark and GreenletExit, it would send a request."""
        if not self.leaving and self.greenlet is not None and not self.greenlet.dead:
            self.leaving = True
            self.greenlet.throw(GreenletExit)

    def leave(self) -> None:
        """End this user: GreenletExit runs its on_stop, and no `except Exception` of a script stops it."""
        self.leaving = True
        raise GreenletExit

    def begin(self, name: str) -> Call:
        """The call of a request that is sent now."""
        load = self.load
        if not self.leaving and (load.end.is_set() or self.exchanges >= MOST_EXCHANGES):
            self.leave()
        if self.undecided:
            self.decide_rest()
        if self.leaving:
            return Call(0.0, name, f"{load.spec.trial}.stop", counted=False)
        self.call = call = Call(load.now(), name, load.spec.trial, counted=True)
        load.recorder.begin(call)
        return call

    def end(self, call: Call) -> None:
        """Count the end of the response."""
        if not call.in_flight:
            return
        self.call = None
        self.load.recorder.end(call, self.load.now())
        if self.load.rehearsal:
            self.exchanges += 1
            self.load.exchanges.append(call)

    def decide(self, call: Call, error: str) -> None:
        """Count the result of a request."""
        if call.counted:
            self.load.recorder.decide(call, error)

    def decide_rest(self, everything: bool = False) -> None:
        """Decide on responses by their own result whose `with` block never began, or `everything`."""
        for call in self.undecided:
            if not call.decided and (everything or not call.handle._entered):
                self.decide(call, own_error(call.handle))
        self.undecided = [call for call in self.undecided if not call.decided]


def _exchange(call: Call) -> dict[str, Any]:
    """One request of a rehearsal and its response, as JSON."""
    response, headers = call.response, getattr(call.response, "headers", None) or {}
    time_s = headers.get("X-Study-Time")
    return {
        "name": script_secrets.without(call.name),
        "error": call.error,
        "status": getattr(response, "status_code", 0) or 0,
        "server": headers.get("X-Study-Server", ""),
        "took_s": call.latency_s,
        "time_s": float(time_s) if time_s else None,
        "location": script_secrets.without(headers.get("Location", "")),
        "begins": script_secrets.without(_content(response).decode(errors="replace"))[:80],
    }


def _content(response: Any) -> bytes:
    """The body that a client has read; empty for one that the script streams, which only the script may read."""
    kept = getattr(response, "_cached_content", None) or getattr(response, "_content", None)
    return kept if isinstance(kept, bytes) else b""


def close(user: Any) -> None:
    """Close a user's connections: the garbage collector would do that after a minute, during the next load."""
    client = getattr(user, "client", None)
    for closed in (getattr(client, "client", None), client):
        if hasattr(closed, "close"):
            closed.close()


def sleep(seconds: float = 0, ref: bool = True) -> None:
    """Sleep as gevent.sleep and time.sleep do, and count it."""
    presence = getattr(getcurrent(), "study", None)
    if presence is None:
        _sleep(seconds, ref)
    else:
        presence.sleep(seconds, ref)


def _with_presence(construct: Any) -> Any:
    def init(user: Any, *args: Any, **kwargs: Any) -> None:
        if current is not None:
            user.study_presence = presence = Presence(current, user)
            getcurrent().study_random = presence.draws  # a subclass draws in its own __init__
        construct(user, *args, **kwargs)
        user._cp_last_run = locust.user.wait_time.perf_counter()

    return init


def _counted(users_run: Any) -> Any:
    def run(user: Any) -> None:
        presence = user.__dict__.get("study_presence")
        if presence is None:
            users_run(user)
        else:
            presence.run(users_run)

    return run


def _ended_in_rehearsal(wait: Any) -> Any:
    def waits(tasks: Any) -> None:
        if current is not None and current.rehearsal:
            getcurrent().study.leave()
        wait(tasks)

    return waits


def _scaled_perf_counter() -> float:
    """The clock of constant_pacing: slower by the time factor."""
    return _perf_counter() / (current.spec.time_factor if current is not None else 1.0)


_installed = False


def install() -> None:
    """Replace sleeps, random draws, and the run of users, once; before a script is imported."""
    global _installed
    if _installed:
        return
    _installed = True
    gevent.sleep = gevent.hub.sleep = time.sleep = sleep
    script_draws.install()
    locust.user.wait_time.perf_counter = _scaled_perf_counter
    module = sys.modules["locust.user.task"]  # locust.user.task is the decorator
    module.perf_counter = _scaled_perf_counter  # type: ignore[attr-defined]
    user, tasks = locust.user.users.User, module.TaskSet  # type: ignore[attr-defined]
    user.__init__ = _with_presence(user.__init__)
    user.run = _counted(user.run)
    tasks.wait = _ended_in_rehearsal(tasks.wait)
