"""Verify a topology with the load generator's own client: every request of the traffic once, and its login."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.balancers.balancer import Balancer
from harness.deploy.inventory.hosts import Host
from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.grid.traffic import LOGIN, Login, TrafficRequest
from harness.judge import balancing
from harness.records.failure_kind import FailureCategory
from harness.traffic.load_generator import Exchange, LoadSpec
from harness.traffic.patience import Patience
from harness.traffic.run_load import TrafficContext, load_spec, settings_of

ROUNDS = 2
_UNUSABLE = {
    FailureCategory.BODY: "its body does not contain {body!r}",
    FailureCategory.ENCODING: (
        "its body cannot be decoded. Fix: remove Accept-Encoding, or request only gzip, deflate and br"
    ),
    FailureCategory.INCOMPLETE: (
        "its body ended before its announced length or its last chunk. Fix: look at the server's log"
    ),
    FailureCategory.TIMEOUT: "no response came within {timeout_s:g} s. Fix: raise load.timeout",
    FailureCategory.NO_DATA: "a value, column or file for it does not exist. Fix: check the rows and traffic.login",
    FailureCategory.UNSENDABLE: (
        "a value has a line break, a control character or a character beyond Latin-1, which a header cannot have. "
        "Fix: extract another part of the response"
    ),
    FailureCategory.CLIENT: (
        "it cannot send this request, or cannot parse the header of the response. Fix: check both headers"
    ),
}
_CERTIFICATE = "CertVerification"  # in the name of Python's exception
_UNTRUSTED = (
    "it does not accept the certificate. Fix: give the whole chain in the balancer's tls_certificate, or set "
    "load.tls_verify: false"
)
_EXTRACT = "extract "  # kind of failure of a success without the value to extract, with its name


@dataclass(frozen=True)
class Failed:
    """An exchange that is not the one that the grid expects, with the request that was sent."""

    exchange: Exchange
    sent: TrafficRequest | Login

    def words(self, grid: Grid) -> str:
        """The problem, and the fix if it is known. A response to a login, and one with a token, is not printed."""
        request, exchange = self.sent.request, self.exchange
        is_short = grid.traffic is None
        name = "" if is_short else f"{exchange.name}: "
        returned = f"{name}{request.method} {request.path} returned "
        kind, status = exchange.error, exchange.status
        if kind is None:
            return ""
        if kind.category is FailureCategory.STATUS:
            return returned + self._status(status, "request.expect_status" if is_short else "its expect.status")
        begins = "" if isinstance(self.sent, Login) or self.sent.extract else f" (it begins with {exchange.begins!r})"
        if kind.category is FailureCategory.BODY:
            return f"{returned}status {status}, but its body does not contain {self.sent.expect.body!r}{begins}"
        if str(kind).startswith(_EXTRACT):
            value = str(kind).removeprefix(_EXTRACT)
            way = self.sent.extract.get(value)
            found = ", ".join(f"{key} {text!r}" for key, text in way.wire().items()) if way else ""
            return f"{returned}status {status}, but no value for {value}: {found} finds nothing in the response"
        return self.by_client(grid)

    def by_client(self, grid: Grid) -> str:
        """A failure of the load generator's client, which another client may not have."""
        request, kind = self.sent.request, self.exchange.error
        if kind is None:
            return ""
        name = "" if grid.traffic is None else f"{self.exchange.name}: "
        untrusted = _CERTIFICATE in kind.detail
        why = (
            _UNTRUSTED
            if untrusted
            else _UNUSABLE.get(kind.category, "").format(body=self.sent.expect.body, timeout_s=grid.load.timeout)
        )
        reason = f"{kind}: {why}" if why else str(kind)
        return f"the load generator's client fails with {name}{request.method} {request.path}: {reason}"

    @property
    def is_timeout(self) -> bool:
        """Whether no response came in time."""
        return self.exchange.error is not None and self.exchange.error.category is FailureCategory.TIMEOUT

    def _status(self, status: int, key: str) -> str:
        if 300 <= status < 400 and self.exchange.location:
            place = self.exchange.location.partition("?")[0]
            return (
                f"status {status}, a redirect to {place}. Fix: use that path, set follow_redirects: true, or add "
                f"{status} to {key}"
            )
        return f"status {status}"

    def reason(self, balancer: Balancer, servers: int, logged: str) -> str:
        """The known reason for a status of one of several servers; begins with a period."""
        status = self.exchange.status
        if self.exchange.error is None or self.exchange.error.category is not FailureCategory.STATUS:
            return ""
        why = balancer.own_response(status, self.exchange.server, self.exchange.begins, logged)
        if not why and status in balancing.SESSION_STATUSES and servers > 1:
            why = str(balancing.sessions_hint(servers, balancer))
        return f". {why}" if why else ""


def first_failed(grid: Grid, found: Sequence[Exchange]) -> Failed | None:
    """Return the first exchange that failed; None if all are successes, and for a script, which may expect failures."""
    if grid.has_script:
        return None
    sent: dict[str, TrafficRequest | Login] = {each.name: each for each in grid.requests}
    if grid.login is not None:
        sent[LOGIN] = grid.login
    return next((Failed(each, sent[each.name]) for each in found if each.error is not None), None)


def verify(context: TrafficContext, cell: Cell, servers: Sequence[Host], trial: str) -> float:
    """Check that exactly these servers answer every request; return the unloaded response time R0 in s.

    The first user sends its login and each request, repeatedly until every server has answered. R0 is the mean of the
    requests' lower medians, weighted by their weights. Raises TrialFailed with the failed request, or with the servers
    that answered instead.
    """
    expected = {server.address for server in servers}
    patience = Patience(wait=context.wait)
    topology = _Topology(context=context, cell=cell, expected=frozenset(expected), patience=patience)
    spec = load_spec(context, 1, f"{trial}.verify", cell.by_name, servers[0])
    spec = replace(spec, traffic=replace(spec.traffic, sessions=0))
    timeouts = rejected = 0
    while True:  # at least once, on slow machines too
        found, failed = topology.rounds(spec)
        if failed is None and topology.is_reached(found):
            require_a_success(found)
            return script_r0(found) if context.grid.has_script else weighted_r0(context.grid.requests, found)
        timeouts += failed is not None and failed.is_timeout
        # The first request to a server may take longer than any other.
        again = failed is not None and failed.is_timeout and timeouts < ROUNDS
        rejected += failed is not None and topology.is_rejected(failed)
        if (topology.patience.is_over() and not again) or max(timeouts, rejected) >= ROUNDS:
            break
        topology.patience.pause()
    if failed is None:
        problem = "got " + (", ".join(sorted(_servers(found))) or "none")
    else:
        logged = context.balancer_log() if failed.exchange.status >= 500 else ""
        problem = failed.words(context.grid) + failed.reason(
            context.grid.balancer_of(cell.by_name), cell.servers, logged
        )
    raise TrialFailed(f"responses did not come from exactly {', '.join(sorted(expected))}: {problem}")


def require_a_success(found: Sequence[Exchange]) -> None:
    """Raise TrialFailed if every request failed: a script may expect some failures, but not only failures."""
    if all(each.error is not None for each in found):
        kinds = ", ".join(sorted({f"{each.name}: {each.error}" for each in found}))
        raise TrialFailed(
            f"every request of the script failed ({kinds}). Fix: try the script with locust -f, and correct its checks"
        )


@dataclass(kw_only=True)
class _Topology:
    """The servers that should answer, and the time that there is for it."""

    context: TrafficContext
    cell: Cell
    expected: frozenset[str]  # addresses
    patience: Patience

    @property
    def _method(self) -> balancing.Balancing:
        settings = settings_of(self.context, self.cell.by_name)
        return balancing.of(settings.balancer, *settings.places)

    def _of_only_server(self, found: list[Exchange]) -> list[Exchange]:
        """Without a balancer a response names no server: it is of the only one, to which it was sent."""
        if self.context.grid.balancer_of(self.cell.by_name).forwards:
            return found
        (server,) = self.expected
        return [replace(each, server=server) if each.status else each for each in found]

    def is_rejected(self, failed: Failed) -> bool:
        """Whether one of the servers gave a response that another attempt does not change, as to a wrong password."""
        return failed.exchange.server in self.expected and 0 < failed.exchange.status < 500

    def is_reached(self, found: Sequence[Exchange]) -> bool:
        """Whether exactly the expected servers answered; of a method by address, some of them."""
        reached = _servers(found)
        return reached == self.expected or (self._method.by_address and bool(reached) and reached <= self.expected)

    def rounds(self, spec: LoadSpec) -> tuple[list[Exchange], Failed | None]:
        """Send everything until all servers have answered; end at a failure, or at an answer of another server."""
        grid, method = self.context.grid, self._method
        is_fixed = method.even or method.by_address  # further rounds would reach no other server
        least = max(ROUNDS, math.ceil(ROUNDS * self.cell.servers / max(1, len(grid.requests))))
        every: list[Exchange] = []
        for number in itertools.count(1):
            began = time.monotonic()
            found = self._of_only_server(
                self.context.load_generator.send_each(replace(spec, users=_users(grid, self.cell)))
            )
            self.patience.took(time.monotonic() - began)
            every += found
            failed = first_failed(grid, found)
            if failed or not found or not _servers(every) <= self.expected:
                return every, failed  # an old worker process of the balancer may still be running
            enough = number >= least or (grid.has_script and _servers(every) == self.expected)
            if enough and (is_fixed or _servers(every) == self.expected or self.patience.is_over()):
                break
        return every, None


def _users(grid: Grid, cell: Cell) -> int:
    """Users that send everything once; of a script, users of each class, as one may send a single request."""
    return cell.servers if grid.has_script else 1


def _servers(found: Sequence[Exchange]) -> set[str]:
    return {each.server for each in found if each.server}


def script_r0(found: Sequence[Exchange]) -> float:
    """Mean response time in seconds of the first requests of a script's users: of each name the lower median."""
    times: dict[str, list[float]] = {}
    for each in found:
        if each.server:
            times.setdefault(each.name, []).append(max(0.001, each.took_s))
    return statistics.mean(statistics.median_low(each) for each in times.values())


def weighted_r0(requests: Sequence[TrafficRequest], found: Sequence[Exchange]) -> float:
    """Mean of the requests' lower medians in seconds, weighted by their weights; the login does not count."""
    times: Mapping[str, list[float]] = {each.name: [] for each in requests}
    for each in found:
        if each.name in times:
            times[each.name].append(max(0.001, each.took_s))
    weights = sum(each.weight for each in requests)
    return sum(each.weight * statistics.median_low(times[each.name]) for each in requests) / weights
