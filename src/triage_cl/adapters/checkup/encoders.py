"""Whether the encoders that the settings name can be loaded."""

from triage_cl.adapters.checkup.finding import Finding, ok, wrong
from triage_cl.adapters.encoders.loading import encoders_in
from triage_cl.domain.errors import BadEncoder
from triage_cl.settings import Settings


def encoders(settings: Settings) -> list[Finding]:
    """A finding for each encoder that is named."""
    named = encoders_in(settings)
    found = []
    for kind in named.makers:
        try:
            encoder = named.of(kind)
        except BadEncoder as error:
            found.append(wrong(f"{kind} encoder", str(error), "docs/how-to/learn-from-few-labels.md tells how."))
        else:
            found.append(ok(f"{kind} encoder", f"{encoder.digest}, {encoder.dimensions} dimensions: {encoder.folder}"))
    return found
