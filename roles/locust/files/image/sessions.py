"""The state of one user: number, login, cookies and extracted values."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

import gevent.lock
from compiled import NO_DATA, CompiledRequest, Traffic
from pacing import LoginWaits
from redirects import Prepared
from sending import Answer, send
from templates import Context


class Session:
    """A user's values. In a closed loop the user's HTTP client keeps its cookies."""

    def __init__(self, number: int) -> None:
        self.number = number  # from 0
        self.variables: dict[str, Any] = {}
        self._of_login: dict[str, Any] = {}

    def begin_transaction(self) -> None:
        """Forget the values of earlier transactions, except those of the login."""
        self.variables = dict(self._of_login)

    def prepare(self, traffic: Traffic, request: CompiledRequest, row: int) -> Prepared | str:
        """The request as it is sent, or the kind of failure if it cannot be made; never raises."""
        if request.once is not None and row >= -1:
            return request.once
        return request.prepare(row, Context(traffic.row(row), self.number + 1, self.variables))

    def keep(self, request: CompiledRequest, answer: Answer) -> str:
        """Keep the values that are extracted from a success; return the kind of failure. It never raises."""
        if answer.error or not request.extraction:
            return answer.error
        return request.extraction.take(answer.received, self.variables)

    def log_in(self, traffic: Traffic, client: Any) -> str:
        """Log in, if the load has a login; return the kind of failure. It never raises."""
        login = traffic.login
        if login is None:
            return ""
        prepared = self.prepare(traffic, login, traffic.choices.row_of_login(self.number))
        error = prepared if isinstance(prepared, str) else self.keep(login, send(client, prepared, login))
        if not error:
            self.logged_in()
        return error

    def logged_in(self) -> None:
        """Keep the values so far as those of the login."""
        self._of_login = dict(self.variables)


class SharedSession(Session):
    """A session that the arrivals of an open loop use in turn, with cookies of its own."""

    def __init__(self, number: int, seed: str, think_time_s: float) -> None:
        super().__init__(number)
        self.cookies = CookieJar()
        self._lock = gevent.lock.Semaphore()
        self._ready = False
        self._waits = LoginWaits(seed, number, think_time_s)
        self._retry_s = 0.0  # no login before

    def use(self, client: Any) -> None:
        """Let a sender's client use the cookies of this session."""
        client.cookiejar = client.client.cookiejar = self.cookies

    def ready(self, load: Any, client: Any) -> str:
        """Log in if no arrival did before; return the kind of failure of a request that lacks the login.

        Other arrivals of the session wait meanwhile. After a failure they fail until the login may be repeated.
        """
        if self._ready:
            return ""
        with self._lock:
            if self._ready:
                return ""
            if load.now() < self._retry_s:
                return NO_DATA
            error = self.log_in(load.traffic, client)
            if load.traffic.login is not None:
                load.recorder.logins.count(error)
            self._ready = not error
            self._retry_s = load.now() + self._waits.next_s() if error else 0.0
            return NO_DATA if error else ""


class Sessions:
    """The sessions of an open load: arrival i uses session i mod their number, or one of its own without a login."""

    def __init__(self, count: int, seed: str, think_time_s: float) -> None:
        self._count = count
        self._seed = seed
        self._think_time_s = think_time_s
        self._kept: dict[int, SharedSession] = {}

    def of(self, arrival: int) -> Session:
        if not self._count:
            return Session(arrival)
        number = arrival % self._count
        if number not in self._kept:
            self._kept[number] = SharedSession(number, self._seed, self._think_time_s)
        return self._kept[number]
