"""The scenarios of simulated studies, each with its criterion. Their names are seeds."""

from __future__ import annotations

from benchmarks.truth.loop import Setup
from benchmarks.truth.world import Scenario

QUIET = "coverage ≥ 93 %, none invalid as `generator`"
TRUE = "coverage ≥ 92 %, statements true"
FROZEN = "all such trials invalid or with a warning"
# With one server users wait for 4.5 s: noise makes some of them wait longer than 5 s.
NEAR_TIMEOUT = Setup(users=(120,), think_s=1.5, patience_s=5.0)
# With one server they wait for 7 s, with two for 2.5 s; servers also finish requests that timed out.
BEYOND_TIMEOUT = Setup(patience_s=3.0, drops=False)
# A think time that is longer than the ramp-up and the window together.
LONG_THINK = Setup(users=(2000,), think_s=20.0, duration_s=35.0, workers=20, generator_s=0.002)
# A slow service: 30 requests at once, each for 15 s.
SLOW_SERVICE = Setup(users=(140,), workers=30, service_s=15.0, ramp_up_s=15.0, duration_s=62.0, patience_s=120.0)

# A database with half of the capacity of three servers. More users would first fill the servers' queues, which take
# seconds to move on to the database.
SMALL_DATABASE = Setup(users=(110,), database_workers=3, database_s=0.1)
SCENARIOS = (
    Scenario(name="quiet, 3 %", setup=Setup(users=(60, 180)), criterion=QUIET),
    Scenario(name="noisy, 9 %", noise=0.09, setup=Setup(users=(60, 180)), criterion=QUIET),
    Scenario(name="one stall of 2 s a study", one_stall=True, criterion=QUIET),
    Scenario(name="stalls of 1 to 2 s in 20 % of trials", stalls=0.2, criterion=QUIET),
    Scenario(
        name="stalls at the window's edges in all trials", stalls=1.0, stall_at=(5.0, 6.0, 15.0, 16.0), criterion=QUIET
    ),
    Scenario(name="−30 % drift over the study", drift=-0.3, criterion=QUIET),
    Scenario(name="−30 % drift in every block", drift_in_block=-0.3, criterion=QUIET),
    Scenario(name="speed ±25 % in phases of 20 to 40 s", phases=0.25, criterion="coverage ≥ 92 %, E22 finds it"),
    Scenario(
        name="the same, every study in one order",
        phases=0.25,
        fixed_order=True,
        criterion="coverage ≥ 92 %; an unlucky order has less",
    ),
    Scenario(name="generator frozen for 1 s in 30 % of trials", frozen=0.3, clean=False, criterion=FROZEN),
    Scenario(
        name="generator frozen for 2 s in 30 % of trials", frozen=0.3, frozen_s=2.0, clean=False, criterion=FROZEN
    ),
    Scenario(name="server-2 10 % slower", second_slower=0.1, truth=None, criterion="found in ≥ 50 % of studies"),
    Scenario(name="server-2 20 % slower", second_slower=0.2, truth=None, criterion="found in ≥ 90 % of studies"),
    Scenario(
        name="server-2 20 % slower, trials of 60 s",
        setup=Setup(duration_s=60.0),
        second_slower=0.2,
        truth=None,
        criterion="found in ≥ 90 % of studies",
    ),
    Scenario(
        name="server-2 10 % slower, servers with slots",
        setup=Setup(paced=True),
        second_slower=0.1,
        truth=None,
        criterion="found in ≥ 50 % of studies",
    ),
    Scenario(name="service times lognormal, CV 5", service="lognormal", criterion=TRUE),
    Scenario(name="service times Pareto, index 1.5", service="pareto", criterion=TRUE),
    Scenario(name="warm-up of 8 s", warm_up_s=8.0, criterion=TRUE),
    Scenario(name="timeout 5 s", setup=NEAR_TIMEOUT, criterion=TRUE),
    Scenario(
        name="timeout 3 s: one server collapses",
        setup=BEYOND_TIMEOUT,
        clean=False,
        criterion="only 2 servers serve the load",
    ),
    Scenario(name="−3 % with each place in a block", position=-0.03, criterion="E20 finds the trend"),
    Scenario(name="long think times", setup=LONG_THINK, criterion="none invalid"),
    Scenario(
        name="long think times, users begin with a request",
        setup=LONG_THINK.changed(residual=False),
        criterion="none invalid",
    ),
    Scenario(name="a service of 15 s", setup=SLOW_SERVICE, service="erlang", criterion="none invalid"),
    Scenario(
        name="the same, a few requests of which time out",
        setup=SLOW_SERVICE,
        service="exponential",
        criterion="few failures cause a warning at most",
    ),
    Scenario(name="R0 measured cold, 1.5 s too long", cold_s=1.5, criterion="no `load`"),
    Scenario(
        name="one line of worker_connections",
        events={"worker_connections are not enough": 1},
        criterion="no `balancer`",
    ),
    Scenario(name="generator at 85 % for one second", busy_second=0.68, criterion="none invalid"),
    Scenario(
        name="a database at half of its capacity",
        setup=Setup(database_workers=12, database_s=0.1),
        criterion="coverage ≥ 93 %, `dependency` in ≤ 1 % of trials",
    ),
    Scenario(
        name="the same, paced servers",
        setup=Setup(database_workers=12, database_s=0.1, paced=True),
        criterion="coverage ≥ 93 %, `dependency` in ≤ 1 % of trials",
    ),
    Scenario(
        name="a database whose CPU is full",
        setup=SMALL_DATABASE,
        truth=(1.5, 1.0),
        criterion="`dependency` in all trials that it limits",
    ),
    Scenario(
        name="a database whose connections are full",
        setup=SMALL_DATABASE.changed(database_cpu=0.1, paced=True),
        truth=(1.5, 1.0),
        criterion="`dependency` in all trials that it limits",
    ),
    Scenario(
        name="the way to the balancer is full",
        setup=Setup(link_per_s=15.0),
        truth=(1.0, 1.0),
        clean=False,
        criterion="never `server`",
    ),
)
