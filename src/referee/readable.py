"""Numbers as people read them."""

from __future__ import annotations

_PARTS = " ▁▂▃▄▅▆▇█"


def amount(value: float) -> str:
    """`12.3`, `1,234`, `182k`, `1.82M`: three digits that count."""
    if value < 99.95:
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
    if value < 9_999.5:
        return f"{value:,.0f}"
    if value < 999_500:
        return f"{value / 1e3:.0f}k"
    return f"{value / 1e6:.2f}M" if value < 1e8 else f"{value / 1e6:,.0f}M"


def plural(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def money(dollars: float) -> str:
    """`$0.0042`, `$0.41`, `$1,204.00`."""
    return f"${dollars:,.2f}" if dollars >= 0.095 or not dollars else f"${dollars:.4f}"


def value(number: float | None) -> str:
    """A score as short as it can be said: `3`, `2.87`; `–` where there is none."""
    if number is None:
        return "–"
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.3g}"


def spark(counts: list[int]) -> str:
    """A histogram in one line; a bin that is not empty is never drawn as empty."""
    most = max(counts, default=0)
    return "".join(_PARTS[-(-8 * count // most)] if most else " " for count in counts)
