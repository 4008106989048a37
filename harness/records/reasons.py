"""The reason for a trial's bottleneck, as facts; harness/judge/reasons.py renders the sentence."""

from __future__ import annotations

from enum import StrEnum

from harness.language import Sentence, shown
from harness.records.part import Part


class ReasonKind(StrEnum):
    """Observed fact behind a bottleneck."""

    NO_SUCCESS = "no success"  # no request succeeded in the steady window
    SERVER_DIED = "server died"  # `detail`: which, how, and what the balancer did
    GENERATOR_LATE = "generator late"  # `detail`: the finding
    SERVERS_STOPPED = "servers stopped"  # `subject`: the servers of the planned failure
    USERS_SERVED = "users served"  # `users` generated nearly their maximum rate
    RATE_SERVED = "rate served"  # nearly all due requests succeeded
    NO_CONNECTIONS = "no connections"  # `detail`: the event in the balancer's log
    BALANCER_CPU = "balancer CPU"
    UNEVEN_SHARES = "uneven shares"  # `detail`: the finding
    OVER_ALLOWANCE = "over allowance"  # `subject`: the host, `detail`: the counter
    RETRANSMITS = "retransmits"
    DEPENDENCY_DIED = "dependency died"  # `subject`: the dependency, `detail`: how
    DEPENDENCY_CPU = "dependency CPU"  # `subject`: the dependency
    DEPENDENCY_CONNECTIONS = "dependency connections"  # the same
    DEPENDENCY_LOCKS = "dependency locks"  # the same: idle servers wait for it, and requests wait for locks in it
    DEPENDENCY_TIME = "dependency time"  # the same: idle servers wait for it, and no limit of it is known to be reached
    DEPENDENCY_WAIT = "dependency wait"  # the same: idle servers wait for it, and it is near its own limit
    SLOW_SERVER = "slow server"  # `detail`: the finding
    SLOTS_BUSY = "slots busy"  # `subject`: the server, empty for all together
    SERVER_CPU = "server CPU"  # the same
    SLOW_ELSEWHERE = "slow elsewhere"  # responses are slow, and not at the servers
    MACHINE_CPU = "machine CPU"  # `subject`: a server whose machine has no CPU left, `detail`: the share in use
    CONCURRENCY = "concurrency"  # responses are slow at the servers, whose CPU is idle
    PLATFORM_WAIT = "platform wait"  # responses of the user's platform are slow
    REJECTING = "rejecting"  # a large share of the requests was rejected
    FAILING = "failing"  # a large share of the requests failed
    NOTHING_EXHAUSTED = "nothing exhausted"


class Reason(Part):
    """One reason; its figures are in the bottleneck's `figures`.

    `detail` is English; its sentence makes it in another language, and is None for a text of a log and in records of
    earlier versions.
    """

    kind: ReasonKind
    subject: str = ""
    detail: str = ""
    users: int | None = None
    detail_sentence: Sentence | None = None

    @property
    def detail_text(self) -> str:
        """The detail in the language of the sentences that are made now."""
        return shown(self.detail, self.detail_sentence)
