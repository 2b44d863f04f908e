"""The way to one Label Studio server: its client, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from triage_cl.domain.errors import ReviewScreenUnavailable

if TYPE_CHECKING:
    import httpx
    from label_studio_sdk import LabelStudio

#: How long a request may take, seconds: a full page of annotated tasks takes a while.
TIMEOUT_SECONDS = 60

REFUSED = (401, 403)


@dataclass
class Connection:
    """A Label Studio server at `url`, opened with a user's API key; nothing is asked before it is used.

    `transport` takes the requests there; None is the network.
    """

    url: str
    token: str = field(repr=False)
    transport: "httpx.BaseTransport | None" = field(default=None, repr=False)
    _opened: "httpx.Client | None" = field(default=None, init=False, repr=False)

    @cached_property
    def client(self) -> "LabelStudio":
        """The server's client; importing it takes seconds, so it is only done where it is used."""
        import httpx
        from label_studio_sdk import LabelStudio

        # Loopback is reached directly, whatever proxy the environment names.
        self._opened = httpx.Client(
            timeout=TIMEOUT_SECONDS, follow_redirects=True, trust_env=False, transport=self.transport
        )
        made: LabelStudio = _made(LabelStudio, base_url=self.url, api_key=self.token, httpx_client=self._opened)
        return made

    def close(self) -> None:
        """Give back what is open."""
        if self._opened is not None:
            self._opened.close()

    @contextmanager
    def asking(self) -> Iterator["LabelStudio"]:
        """The client, for a block in which every failure becomes ReviewScreenUnavailable in one sentence."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield self.client
        except ApiError as error:
            if error.status_code in REFUSED:
                raise ReviewScreenUnavailable(f"{self.url} refuses the API key; see `label_studio_token`.") from None
            # Its body may quote a task.
            raise ReviewScreenUnavailable(f"{self.url} answers {error.status_code}.") from None
        except httpx.TimeoutException:
            raise ReviewScreenUnavailable(f"{self.url} did not answer in {TIMEOUT_SECONDS} seconds.") from None
        except httpx.HTTPError as error:
            raise ReviewScreenUnavailable(f"{self.url}: {error}.") from None


def _made(kind: Any, **arguments: Any) -> Any:
    # The client's constructor has no types.
    return kind(**arguments)
