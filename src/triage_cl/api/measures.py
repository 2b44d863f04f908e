"""What the service counts about itself, for Prometheus; a registry of its own for each application."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
MAILS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


class Measures:
    """Counters, gauges and histograms; those that are read from elsewhere are set just before they are shown."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("triage_requests", "Requests answered.", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "triage_request_seconds", "Time to the answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self.mails = Counter("triage_mails", "Mails, by what became of them.", ["outcome"], registry=registry)
        self.actions = Counter("triage_decisions", "Decisions made, by action.", ["action"], registry=registry)
        self.group_mails = Histogram(
            "triage_group_mails", "Mails in one transaction.", buckets=MAILS, registry=registry
        )
        self.group_seconds = Histogram(
            "triage_group_seconds", "Time to decide and store a group.", buckets=SECONDS, registry=registry
        )
        self.waiting = Gauge("triage_waiting_mails", "Mails inside that are not answered yet.", registry=registry)
        self.seen = Gauge("triage_position_seen", "The ledger's position that is taken in.", registry=registry)
        self.through = Gauge("triage_champion_through", "The last lesson that the champion learned.", registry=registry)
        self.as_of = Gauge("triage_champion_as_of", "Up to where edits count in the champion.", registry=registry)
        self.trouble = Gauge("triage_trouble", "1 while mail cannot be decided.", registry=registry)
        self.behind = Gauge(
            "triage_subscriber_behind", "Decisions not delivered yet.", ["subscriber"], registry=registry
        )
        self.failing = Gauge(
            "triage_subscriber_failures",
            "Attempts that failed since the last delivery.",
            ["subscriber"],
            registry=registry,
        )

    def shown(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
