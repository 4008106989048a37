"""Figures for scripts of the page. Pure."""


def number(value: float) -> float:
    """A figure with ten digits: the last bits of a float depend on the processor."""
    return float(f"{value:.10g}")
