"""Bars as SVG, written by hand: no library is needed for a dozen rectangles."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, NAMES, LABELS = 880, 250, 220
BAR, GAP, TOP, BOTTOM = 22, 10, 56, 34
PLAIN, OURS, LIMIT = "#94a3b8", "#2563eb", "#111827"


@dataclass(frozen=True)
class Bar:
    """One row: a name, how long its bar is, and what stands behind it."""

    name: str
    value: float
    label: str
    colour: str = PLAIN


def bars(title: str, unit: str, rows: Sequence[Bar], goal: float | None = None) -> str:
    """An image of horizontal bars on one scale, with a line where the goal is."""
    longest = max([row.value for row in rows] + ([goal] if goal else []), default=1.0) or 1.0
    scale = (WIDTH - NAMES - LABELS) / longest
    height = TOP + len(rows) * (BAR + GAP) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        f' width="{WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="600" fill="#111827">{escape(title)}</text>',
    ]
    for place, row in enumerate(rows):
        parts += _bar(TOP + place * (BAR + GAP), row, scale)
    if goal is not None:
        parts += _goal(NAMES + goal * scale, height)
    parts.append(f'<text x="{NAMES}" y="{height - 10}" font-size="12" fill="#4b5563">{escape(unit)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _bar(y: float, row: Bar, scale: float) -> list[str]:
    middle, end = y + BAR * 0.72, NAMES + row.value * scale
    return [
        f'<text x="{NAMES - 10}" y="{middle:.1f}" text-anchor="end" fill="#111827">{escape(row.name)}</text>',
        f'<rect x="{NAMES}" y="{y}" width="{end - NAMES:.1f}" height="{BAR}" rx="3" fill="{row.colour}"/>',
        f'<text x="{end + 8:.1f}" y="{middle:.1f}" fill="#111827">{escape(row.label)}</text>',
    ]


def _goal(x: float, height: int) -> list[str]:
    return [
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - BOTTOM}"',
        ' stroke="#dc2626" stroke-dasharray="5 4"/>',
        f'<text x="{x + 5:.1f}" y="{TOP - 12}" font-size="12" fill="#dc2626">to reach</text>',
    ]
