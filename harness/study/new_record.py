"""Create study.json of a new study."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from harness.plan import order
from harness.records.study import Stopping, StudyRecord
from harness.study import identity
from harness.study.config import StudyConfig


def new_record(config: StudyConfig, draw_seed: Callable[[], int]) -> StudyRecord:
    """Return study.json as it is before the preparation. The seed is the grid's, or a drawn one."""
    grid, rule, kind = config.grid, config.grid.repeats, config.inventory.kind
    terms = config.new_terms(draw_seed())
    return StudyRecord(
        name=grid.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        configuration=config.configuration,
        seed=terms.seed,
        server_order=() if grid.platform is not None else (_first_order(config, terms.seed),),
        predicted_idle=terms.predicted_idle,
        kind=kind,
        stopping=Stopping(
            min=rule.min,
            max=rule.max,
            until=None if rule.fixed or grid.gate else rule.target(kind),
            earliest=terms.earliest_stop,
        ),
    )


def _first_order(config: StudyConfig, seed: int) -> tuple[str, ...]:
    return order.rotation_by_type(_server_names(config), config.grid.server_types, 1, seed)


def with_server_order(record: StudyRecord, config: StudyConfig, blocks: int) -> StudyRecord:
    """Return study.json with the order of servers in that many blocks; recorded orders are kept.

    A study that began without rotation has no order, and keeps using the first servers of the inventory.
    """
    if not record.server_order:
        return record
    names = _server_names(config)
    first, types = len(record.server_order) + 1, config.grid.server_types
    more = (order.rotation_by_type(names, types, block, record.seed) for block in range(first, blocks + 1))
    return record.model_copy(update={"server_order": (*record.server_order, *more)})


def _server_names(config: StudyConfig) -> list[str]:
    return [server.name for server in identity.participating_servers(config.grid, config.inventory)]
