"""`python -m triage_cl.cli` is `triage`."""

from triage_cl.cli.main import main

if __name__ == "__main__":
    main()
