"""Reasons as short phrases for table cells; their figures are in columns. Pure."""

from __future__ import annotations

from harness.language import messages, tr
from harness.records.reasons import ReasonKind
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain
from harness.summarise.gains.obstacle import ObstacleKind

OF_BOTTLENECKS: dict[ReasonKind, str] = messages(
    {
        ReasonKind.NO_SUCCESS: "no request succeeded",
        ReasonKind.GENERATOR_LATE: "load generator too slow",
        ReasonKind.SERVERS_STOPPED: "planned server failure",
        ReasonKind.USERS_SERVED: "load served",
        ReasonKind.RATE_SERVED: "load served",
        ReasonKind.NO_CONNECTIONS: "no free connection at the balancer",
        ReasonKind.BALANCER_CPU: "balancer CPU",
        ReasonKind.UNEVEN_SHARES: "uneven shares of the servers",
        ReasonKind.OVER_ALLOWANCE: "above the instance’s allowance",
        ReasonKind.RETRANSMITS: "TCP retransmissions",
        ReasonKind.SLOW_SERVER: "one slow server",
        ReasonKind.SLOTS_BUSY: "slots busy",
        ReasonKind.SERVER_CPU: "server CPU",
        ReasonKind.SLOW_ELSEWHERE: "slow outside the servers",
        ReasonKind.MACHINE_CPU: "CPU of the server’s machine",
        ReasonKind.CONCURRENCY: "requests wait for a slot",
        ReasonKind.NOTHING_EXHAUSTED: "no resource exhausted",
    }
)
OF_GAINS: dict[ObstacleKind, str] = messages(
    {
        ObstacleKind.REJECTIONS: "requests rejected",
        ObstacleKind.UNUSABLE: "no valid trial",
        ObstacleKind.UNKNOWN_BOTTLENECK: "bottleneck unknown",
        ObstacleKind.GENERATOR: "the generator was the bottleneck",
        ObstacleKind.LOAD_LIMITED: "load-limited",
        ObstacleKind.OTHER_BOTTLENECK: "another bottleneck",
        ObstacleKind.SERVER_FAILURE: "planned server failure",
        ObstacleKind.NO_COMMON_BLOCK: "no block has both",
    }
)


def of_bottleneck(cell: CellSummary) -> str:
    """Why a cell has its bottleneck; the whole reason where a phrase would leave out a failure or a slow server."""
    phrase = OF_BOTTLENECKS.get(cell.bottleneck_kind) if cell.bottleneck_kind else None
    special = not cell.usable or cell.failing or cell.slow_server
    return cell.reason if special or phrase is None else tr(phrase)


def of_gain(gain: Gain) -> str:
    """Why a gain is a bound or none, or its remark; empty without both."""
    if gain.obstacle is None:
        return gain.remark
    phrase = OF_GAINS.get(gain.obstacle.kind)
    return gain.obstacle.text if phrase is None else tr(phrase)
