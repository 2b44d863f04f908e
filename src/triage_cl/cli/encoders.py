"""`triage encoder`: prepare an encoder of text for the recipes that need one."""

from pathlib import Path
from typing import Annotated

import typer

from triage_cl.cli.output import Json, console, print_table, progress_bar, write_json

commands = typer.Typer(help="Prepare an encoder of text for the recipes that need one.", no_args_is_help=True)

Model = Annotated[Path, typer.Argument(help="The folder of a sentence encoder.")]


def plug_into(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(commands, name="encoder")


@commands.callback()
def _group() -> None:
    """Prepare an encoder of text for the recipes that need one."""


@commands.command()
def export(
    model: Model, to: Annotated[Path, typer.Option(help="The folder for model.onnx and its tokenizer.")]
) -> None:
    """Write the ONNX graph of a BERT-like encoder from its weights; torch is not needed."""
    from triage_cl.adapters.encoders.export import export as write

    console().print(f"{write(model, to)} is there; `triage encoder check` tells how fast it is.")


@commands.command()
def distil(model: Model, to: Annotated[Path, typer.Option(help="The folder for the table of token vectors.")]) -> None:
    """Make a table of static token vectors: each token of the vocabulary goes through the encoder once."""
    from triage_cl.adapters.encoders.distil import distil as write

    with progress_bar() as bar:
        task = bar.add_task("tokens", total=None)
        tokens = write(model, to, lambda done, total: bar.update(task, completed=done, total=total))
    console().print(f"{to} has the vectors of {tokens:,} tokens.")


@commands.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The folder of a sentence encoder or of a table of token vectors.")],
    json: Json = None,
) -> None:
    """Load an encoder, and tell its kind, digest and dimensions, and how many mails a second it encodes here, now."""
    from triage_cl.adapters.encoders.loading import load_encoder
    from triage_cl.adapters.encoders.speed import mails_per_second

    encoder = load_encoder(folder)
    result = {
        "kind": encoder.kind,
        "digest": encoder.digest,
        "dimensions": encoder.dimensions,
        "mails_per_second": round(mails_per_second(encoder), 1),
    }
    if not write_json(result, json):
        print_table(
            f"The encoder in {folder}", [(name.replace("_", " "), f"{value}") for name, value in result.items()]
        )
