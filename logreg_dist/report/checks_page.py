"""The report of a check as one page for a browser: findings as cards, what is better seen than read drawn."""

from __future__ import annotations

from html import escape

from logreg_dist.checks.records import Checks, Finding
from logreg_dist.model.model import LogisticModel
from logreg_dist.printable import printable, printable_lines
from logreg_dist.report.checks import TITLES, figures_of, headline, standard_errors
from logreg_dist.report.forest import draw_effects

_COLOURS = {"problem": "#b3261e", "warning": "#b26a00", "note": "#3a5a8c", "fine": "#2e7d4f"}
# No script, no link, nothing from elsewhere: what a column is called cannot do anything.
_STYLE = """
body { font: 15px/1.5 Helvetica, Arial, sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.3em; } h2 { font-size: 1.1em; margin-top: 2em; }
.finding { border-left: 5px solid; padding: .1em 1em .5em; margin: 1em 0; background: #fafafa; }
.finding h3 { font-size: 1em; margin: .5em 0 .2em; } .finding p { margin: .2em 0; }
.mark { font-size: .8em; font-weight: bold; text-transform: uppercase; letter-spacing: .05em; }
.advice { color: #444; } pre { font-size: 12px; line-height: 1.35; overflow-x: auto; background: #fafafa; padding: 1em; }
svg { max-width: 100%; height: auto; }
"""


def check_page(model: LogisticModel, drawings: tuple[str, ...] = ()) -> str:
    """Return the page; `drawings` are further SVGs, such as that of the log-odds by column."""
    checks = model.checks or Checks()
    effects = draw_effects(model)
    label = model.label.column or f"{model.label.events} of {model.label.trials}"
    figures = "\n\n".join(figures_of(model))
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(headline(model))}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(headline(model))}</h1>",
        f"<p>Logistic regression of {escape(printable(label))}. {escape(model.status_text)}</p>",
        *(f"<p>{escape(printable_lines(text))}</p>" for text in standard_errors(model)),
        *(_card(finding) for finding in checks.findings),
        *([f"<h2>Estimates</h2>{effects}"] if effects else []),
        *drawings,
        *([f"<h2>Figures</h2><pre>{escape(figures)}</pre>"] if figures else []),
        "</body></html>",
    ]
    return printable_lines("\n".join(parts)) + "\n"


def _card(finding: Finding) -> str:
    colour = _COLOURS[finding.severity]
    advice = f'<p class="advice">&rarr; {escape(printable(finding.advice))}</p>' if finding.advice else ""
    return (
        f'<div class="finding" style="border-color: {colour}">'
        f'<h3><span class="mark" style="color: {colour}">{escape(finding.severity)}</span> '
        f"{escape(TITLES.get(finding.check, finding.check))}</h3>"
        f"<p>{escape(printable(finding.text))}</p>{advice}</div>"
    )
