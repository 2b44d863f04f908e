"""Continuous learning for e-mail triage: the ledger is the truth, the model is a pure function of it."""

__version__ = "0.1.0"
