"""`gan-jax export`: a run's function or its weights, for programs that know nothing of gan_jax."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import DECODING, add_sampling, command_parser, out_path, parse, sampling
from gan_jax.errors import InputError
from gan_jax.export import FORMATS, model_card
from gan_jax.export.formats import weights_of
from gan_jax.export.hub import hub_client, push
from gan_jax.export.model_card import LIBRARY
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write, expand_user

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Write a file, and a model card and a picture of samples beside it; upload them if asked to."""
    parser = command_parser("export", "Write a run's function or its weights, with a model card beside it.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--to", required=True, choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--out", metavar="FILE", help="by default RUN/export/generator.FORMAT")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    parser.add_argument("--push-to-hub", metavar="USER/NAME", help="upload it all to the Hugging Face hub")
    add_sampling(parser, DECODING)
    options = parse(parser, arguments)
    folder, (convert, suffix) = expand_user(options.run), FORMATS[options.to]
    out = out_path(options.out and str(expand_user(options.out)), folder / "export" / f"generator{suffix}", suffix)
    card = out.with_name("README.md")
    if card.exists() and LIBRARY not in card.read_text(errors="replace"):
        raise InputError(f"{card} is no model card of a run; give a file in a folder of its own", field="out")
    client = hub_client() if options.push_to_hub else None  # or refuse, before what takes long

    given = sampling(options)
    if given and options.to == "safetensors":
        raise InputError("is of a function, and these are weights; leave it out", field=next(iter(given)))
    run = runs.load(folder, best=options.best)
    with console.status(f"writing {out}"):
        data = convert(run, **given)
        with atomic_write(out) as part:
            part.write_bytes(data)
        names = weights_of(run) if options.to == "safetensors" else ()
        picture = _picture(run, out)
        with atomic_write(card) as part:
            part.write_text(model_card(run, options.to, out.name, names, picture=picture))
    print(f"{options.to} of iteration {run.step:,}, {len(data) / 1e6:,.1f} MB: {out}\nmodel card: {card}")
    if client:
        with console.status(f"uploading to {options.push_to_hub}"):
            files = [out.name, card.name, *([picture] if picture else [])]
            address = push(client, options.push_to_hub, out.parent, files)
        print(f"uploaded: {address}")
    return 0


def _picture(run: runs.Run, out: Path) -> str | None:
    """Samples of seed 0, beside the file; none of points."""
    if len(run.shape) != 3:
        return None
    name = f"{out.stem}_samples.png"
    save_samples(out.with_name(name), run.sample(64, seed=0))
    return name
