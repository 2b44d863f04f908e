"""Prefect: what runs by itself, when, with which retries and triggers."""
