"""The language of triage: frozen values and pure decisions, standard library only."""
