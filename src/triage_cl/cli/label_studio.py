"""Label Studio as `triage up` runs it: `python -m triage_cl.cli.label_studio PORT` becomes it.

Its first user's password and key go from `home/access` straight into its environment, and nowhere else.
"""

import os
import sys


def main(port: int) -> None:
    """Become Label Studio, listening on `port` of loopback; raises TriageError where it cannot."""
    from triage_cl.adapters.label_studio import server
    from triage_cl.adapters.supervision.ports import PortTaken, is_free, owner
    from triage_cl.bootstrap import bootstrap
    from triage_cl.cli.checkout import checkout
    from triage_cl.domain.errors import BadInput

    root, app = checkout(), bootstrap()
    if root is None or not server.executable(root).exists():
        raise BadInput("Label Studio is not installed; `make label-studio` does it.")
    if not is_free(port):
        # It would take the next port and tell nobody.
        raise PortTaken(f"{port} (label-studio) by {owner(port)}.")
    home = app.home / "label-studio"
    home.mkdir(exist_ok=True, mode=0o700)
    told = server.environment(home, app.settings.label_studio_email, app.access)
    # Our folders are not for its Python.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = server.command(root, port)
    os.execve(command[0], command, inherited | told)  # noqa: S606


if __name__ == "__main__":
    from triage_cl.domain.errors import TriageError

    try:
        main(int(sys.argv[1]))
    except TriageError as error:
        sys.exit(f"triage: {error}")
