"""The report: one self-contained HTML file made of results and sample episodes."""

from kshot.report.page import write_report

__all__ = ["write_report"]
