"""A results file as one HTML page: tables and plots, no script, nothing loaded from anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from typing import cast

from troth.domain.model import Json
from troth.engine.batch_summary import ModelSummary

_MEASURES = (
    ("first_token_ms", "Time to first token", "ms"),
    ("total_ms", "Time to the whole reply", "ms"),
    ("tokens_per_s", "Speed", "tokens/s"),
    ("output_tokens", "Length", "tokens"),
    ("cost_usd", "Cost of a reply (estimate)", "US$"),
)
_ROW, _LABEL, _PLOT, _TOP = 34, 320, 520, 26
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#5b6570;--page:#fff;--line:#d5dae0;--mark:#0067a5;
--box:#56b4e9}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--dim:#9aa5b1;--page:#14171a;--line:#39414a;
--mark:#7cc4f2;--box:#2f6f99}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:76rem;
margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:right}
th:first-child,td:first-child{text-align:left}td+td{white-space:nowrap}
td span{display:block;font-size:.85em}.wide{overflow-x:auto}
svg{max-width:100%;height:auto}text{fill:var(--ink);font:13px system-ui,sans-serif}
.dim{fill:var(--dim);color:var(--dim)}.axis{stroke:var(--line)}.box{fill:var(--box);opacity:.55}
.whisker{stroke:var(--dim)}.median{stroke:var(--mark);stroke-width:3}.interval{fill:var(--mark);
opacity:.85}pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);
padding:1rem}
"""


def report_html(
    title: str, summaries: Sequence[ModelSummary], manifest: dict[str, Json] | None
) -> str:
    """Return the page. Model names and prompts files are foreign text: all of it is escaped."""
    plots = "".join(
        f"<h2>{escape(words)}</h2>{_plot(summaries, measure, unit)}"
        for measure, words, unit in _MEASURES
        if any(measure in one.medians for one in summaries)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>{_facts(manifest)}{_table(summaries)}"
        '<p class="dim">Medians with 95 % intervals over whole replies. In the plots: the line is '
        "the median, the dark bar its interval, the box the middle half, the whiskers 5 to 95 %. "
        "Costs are estimates from catalogue prices.</p>"
        f"{plots}{_verdicts(summaries)}{_manifest(manifest)}</body></html>\n"
    )


def _facts(manifest: dict[str, Json] | None) -> str:
    if manifest is None:
        return ""
    runs = cast("list[dict[str, Json]]", manifest.get("runs") or [])
    lines = [
        f"{run.get('started_at')}: Troth {run.get('troth')}, prompts "
        f"{cast('dict[str, Json]', run.get('prompts') or {}).get('file')}"
        for run in runs
    ]
    return "".join(f"<p class=dim>{escape(line)}</p>" for line in lines)


def _table(summaries: Sequence[ModelSummary]) -> str:
    heads = ("Model", "Replies", "Whole", "Failed", "Unsure", "First token", "Total", "Tokens/s",
             "Tokens in", "Tokens out", "Cost")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(map(_row, summaries))
    return f"<div class=wide><table><tr>{head}</tr>{rows}</table></div>"


def _row(one: ModelSummary) -> str:
    rate = one.whole_rate
    cells = (
        escape(one.name),
        str(one.replies),
        f"{rate.value:.1%} <span class=dim>{rate.low:.1%} to {rate.high:.1%}</span>",
        str(one.failed),
        str(one.unsure),
        *(_estimate(one, name, unit) for name, unit in _COLUMNS),
        f"{one.input_tokens:,}",
        f"{one.output_tokens:,}",
        one.cost_words,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


_COLUMNS = (("first_token_ms", " ms"), ("total_ms", " ms"), ("tokens_per_s", ""))


def _estimate(one: ModelSummary, name: str, unit: str) -> str:
    found = one.medians.get(name)
    if found is None:
        return "-"
    interval = f"{number(found.low)} to {number(found.high)}"
    return f"{number(found.value)}{unit} <span class=dim>{interval}</span>"


def _plot(summaries: Sequence[ModelSummary], measure: str, unit: str) -> str:
    """Draw one measure as a box for each model, on a shared axis from zero."""
    shown = [one for one in summaries if measure in one.medians]
    top = max(max(one.quantiles[measure][4], one.medians[measure].high) for one in shown)
    step = _step(top)
    end = max(step, math.ceil(top / step) * step)
    height = _TOP + _ROW * len(shown) + 30

    def x(value: float) -> float:
        return _LABEL + value / end * _PLOT

    parts = [f'<svg viewBox="0 0 {_LABEL + _PLOT + 60} {height}" role="img">']
    for tick in range(round(end / step) + 1):
        at, value = x(tick * step), tick * step
        parts.append(
            f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 8}" y2="{height - 26}"/>'
            f'<text class="dim" x="{at:.1f}" y="{height - 8}" text-anchor="middle">'
            f"{number(value)}</text>"
        )
    parts.append(
        f'<text class="dim" x="{_LABEL + _PLOT}" y="12" text-anchor="end">{escape(unit)}</text>'
    )
    for index, one in enumerate(shown):
        middle = _TOP + _ROW * index + _ROW / 2
        low, left, median, right, high = one.quantiles[measure]
        found = one.medians[measure]
        words = f"{one.name}: median {number(found.value)} {unit}, 95 % interval " \
                f"{number(found.low)} to {number(found.high)}"  # fmt: skip
        parts.append(
            f"<g><title>{escape(words)}</title>"
            f'<text x="{_LABEL - 10}" y="{middle + 4}" text-anchor="end">{_label(one.name)}</text>'
            f'<line class="whisker" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle}" '
            f'y2="{middle}"/>'
            f'<rect class="box" x="{x(left):.1f}" y="{middle - 9}" '
            f'width="{max(x(right) - x(left), 1):.1f}" height="18"/>'
            f'<rect class="interval" x="{x(found.low):.1f}" y="{middle - 2.5}" '
            f'width="{max(x(found.high) - x(found.low), 1):.1f}" height="5"/>'
            f'<line class="median" x1="{x(median):.1f}" x2="{x(median):.1f}" y1="{middle - 9}" '
            f'y2="{middle + 9}"/></g>'
        )
    return "".join(parts) + "</svg>"


def _label(name: str) -> str:
    return escape(name if len(name) <= 36 else name[:35] + "…")


def _step(top: float) -> float:
    """Return a round distance for about five ticks."""
    if top <= 0:
        return 1.0
    rough = top / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def number(value: float) -> str:
    """Write a number with three digits that matter."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.2e}"


def _verdicts(summaries: Sequence[ModelSummary]) -> str:
    states = sorted({state for one in summaries for state in one.verdicts})
    if not states:
        return ""
    head = "".join(f"<th>{escape(state)}</th>" for state in states)
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td>"
        + "".join(f"<td>{one.verdicts.get(state, 0)}</td>" for state in states)
        + "</tr>"
        for one in summaries
    )
    return f"<h2>Verdicts</h2><table><tr><th>Model</th>{head}</tr>{rows}</table>"


def _manifest(manifest: dict[str, Json] | None) -> str:
    if manifest is None:
        return ""
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    return f"<h2>How it was made</h2><pre>{escape(text)}</pre>"
