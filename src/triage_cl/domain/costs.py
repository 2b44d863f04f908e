"""What triage costs, and what follows from it: bars, thresholds and losses."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import groupby
from math import inf, isfinite

from triage_cl.domain.decisions import Action


@dataclass(frozen=True, slots=True)
class Costs:
    """What an office pays for its mail, all in one currency.

    `triage_minutes` is how long a person takes to read a mail and send it on, `wage_an_hour` what an hour of theirs
    costs, `misroute` what a mail costs that was sent to the wrong department by itself (it is read there, sent back,
    triaged by hand, and late), `delay` what it costs that a mail waits for a person, `compute` what the machine costs
    a mail. The wage is the average labour cost in the European Union in 2024, in euros (Eurostat, lc_lci_lev). All
    else is assumed: two minutes, a misroute ten times as dear as a question, a server of 30 euros a month for 10,000
    mails a day. Whoever knows their own should tell them.
    """

    triage_minutes: float = 2.0
    wage_an_hour: float = 33.5
    misroute: float = 12.0
    delay: float = 0.1
    compute: float = 0.0001

    def __post_init__(self) -> None:
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        if not all(isfinite(cost) and cost >= 0 for cost in told.values()) or not self.misroute:
            raise ValueError(f"costs must be 0 or more, and that of a misroute above 0, not {told}")

    @property
    def question(self) -> float:
        """What it costs to let a person decide on a mail, who takes their time while the mail waits."""
        return self.triage_minutes / 60 * self.wage_an_hour + self.delay

    @property
    def bar(self) -> float:
        """The least chance of being right from which on routing automatically is no dearer than asking.

        Routing costs (1 − chance)·misroute, asking costs a question (Chow 1970; Elkan 2001); 0 where a misroute is no
        dearer than a question.
        """
        return max(0.0, 1 - self.question / self.misroute)

    def cost(self, action: Action, chance: float) -> float:
        """What a mail is expected to cost of which the conclusion is right with this chance; 0 or 1 where it is known.

        A person costs the same whether the conclusion was right: were it cheaper to ask about a wrong one, a learner
        would gain by being wrong where it asks.
        """
        return self.compute + self._paid(action, chance)

    def loss(self, action: Action, right: bool) -> float:
        """The same as a share of the dearest decision, in [0, 1], for a duel; the machine costs all decisions alike."""
        return self._paid(action, float(right)) / max(self.misroute, self.question)

    def _paid(self, action: Action, chance: float) -> float:
        """The same without the machine."""
        return (1 - chance) * self.misroute if action is Action.AUTO else self.question


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which `confidence` on to route automatically (infinite: never), and what a mail then costs on the average.

    `automatic` is the share of mail that is routed automatically.
    """

    confidence: float
    cost: float
    automatic: float


#: A mail's confidence, the chance that it is right, and how many mails it stands for.
Judged = tuple[float, float, float]


def cheapest_threshold(costs: Costs, mails: Iterable[Judged]) -> Threshold:
    """The threshold on confidence at which these mails cost least; of equally cheap ones the highest.

    Where confidence is calibrated it is the chance, and the threshold is the bar. Where it may not be, the chance is
    the answer, 0 or 1, and the weight the inverse of the review probability (Horvitz & Thompson 1952); that is the same
    as to calibrate by isotonic regression first (Fawcett & Niculescu-Mizil 2007).

    Raises:
        ValueError: There is no mail, or none with a weight.
    """
    ranked = sorted(mails, key=_confidence, reverse=True)
    total = sum(weight for _, _, weight in ranked)
    if not total > 0:
        raise ValueError("a threshold needs mails with a weight above 0")
    asked = costs.cost(Action.ASK, 0)
    cheapest, saved, routed = Threshold(inf, asked, 0.0), 0.0, 0.0
    for confidence, alike in groupby(ranked, key=_confidence):
        for _, chance, weight in alike:
            saved += weight * (asked - costs.cost(Action.AUTO, chance))
            routed += weight
        if (cost := asked - saved / total) < cheapest.cost:
            cheapest = Threshold(confidence, cost, routed / total)
    return cheapest


def _confidence(mail: Judged) -> float:
    return mail[0]
