"""`gan-jax import`: make a run of public networks, from a folder or from the Hugging Face hub."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import command_parser, parse, progress_bars
from gan_jax.errors import InputError, one_line
from gan_jax.files import expand_user, naming, write_json
from gan_jax.runs import DataConfig, Experiment
from gan_jax.runs.description import Description
from gan_jax.runs.environment import environment, provenance
from gan_jax.runs.folder import RunFolder
from gan_jax.settings import to_json
from gan_jax.systems.pretrained import Pretrained
from gan_jax.systems.pretrained.copying import control_files, copy_files, files_to_copy, refiner_files
from gan_jax.systems.pretrained.prompts import CONTROL, REFINER

__all__ = ["main"]

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_MODEL = "model"
_OTHERS = ["*safety_checker/*", "*.non_ema*"]  # what is beside the networks on the hub, and not read


def main(arguments: Sequence[str], console: Console) -> int:
    """Make a run of a folder's networks: it has what they are read from, and the SHA-256 of each file."""
    parser = command_parser("import", "Make a run of Stable Diffusion 1 or 2, SDXL or DDPM, which is drawn from.")
    parser.add_argument("folder", help="as diffusers' pipelines are saved, or a name on the Hugging Face hub")
    parser.add_argument("--out", required=True, metavar="RUN", help="run folder, a new one")
    parser.add_argument("--controlnet", metavar="FOLDER", help="of a ControlNet for them, or its name on the hub")
    parser.add_argument("--refiner", metavar="FOLDER", help="of SDXL's refiner, or its name on the hub")
    parser.add_argument("--variant", metavar="NAME", help="part of the names of the files of weights, as fp16")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of the layers")
    options = parse(parser, arguments)
    out = expand_user(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already; give a new folder", field="out")

    # All that can be refused is, before anything is written.
    folder = _found(options.folder, options.variant, console)
    given = Pretrained(str(folder), variant=options.variant, precision=options.precision)
    spec, classes = given.spec()
    sources = {f"{_MODEL}/{file.as_posix()}": folder / file for file in files_to_copy(given)}
    if options.controlnet:
        sources |= _control(options.controlnet, given, console)
    if options.refiner:
        sources |= _refiner(options.refiner, given, console)

    # Beside the run, which takes its name when it is whole.
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with naming(out), progress_bars(console) as progress:
            size = sum(file.stat().st_size for file in sources.values())
            hashes = copy_files(sources, part, progress("copying bytes", size))
            given = Pretrained(_MODEL, variant=options.variant, precision=options.precision)
            experiment = Experiment(data=DataConfig(source=None), pretrained=given)
            described = Description(
                settings=to_json(experiment),
                spec=spec,
                classes=classes,
                fingerprint="",
                source=None,
                source_sha256=None,
                version=_version(),
                class_counts=(1,) * len(classes),
                files=hashes,
            )
            write_json(RunFolder(part).environment, environment() | provenance())
            write_json(RunFolder(part).experiment, described.to_json())
            if out.is_dir():
                out.rmdir()  # empty
            os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    prompt = ' --prompt "a cat"' if any("text" in name for name in given.opened_in(out).parts()) else ""
    print(f"{len(hashes)} files, {size / 1e9:,.2f} GB: {out}\nnext: gan-jax sample {out}{prompt} --n 4 --grid")
    return 0


def _version() -> str:
    from gan_jax import __version__

    return __version__


def _control(name: str, given: Pretrained, console: Console) -> dict[str, Path]:
    """The files of a ControlNet that belongs to the networks."""
    if not any("text" in part for part in given.parts()):
        raise InputError(f"{given.folder} draws without captions, and takes no hint; leave it out", field="controlnet")
    if CONTROL in given.parts():
        raise InputError(f"{given.folder} has one already; leave it out", field="controlnet")
    folder = _found(name, None, console)
    try:
        files = control_files(folder, given)
    except InputError as error:
        raise InputError(error.reason, field="controlnet") from None
    return {f"{_MODEL}/{CONTROL}/{file}": folder / file for file in files}


def _refiner(name: str, given: Pretrained, console: Console) -> dict[str, Path]:
    """The files of what draws the last steps."""
    if not any("text" in part for part in given.parts()):
        raise InputError(f"{given.folder} draws without captions, and has no refiner; leave it out", field="refiner")
    folder = _found(name, given.variant, console)
    try:
        files = refiner_files(Pretrained(str(folder), variant=given.variant), given)
    except InputError as error:
        raise InputError(error.reason, field="refiner") from None
    return {f"{_MODEL}/{REFINER}/{file.as_posix()}": folder / file for file in files}


def _found(name: str, variant: str | None, console: Console) -> Path:
    """The folder of a name, downloaded where it is one of the hub."""
    path = expand_user(name)
    if path.is_dir():
        return path
    if not _HUB.fullmatch(name):
        raise InputError(f"{name}: there is no such folder; give one, or OWNER/NAME of the Hugging Face hub")
    try:
        from huggingface_hub import snapshot_download  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f'{name}: there is no such folder; for the hub\'s, pip install "gan_jax[hub]"') from None
    try:
        with console.status(f"downloading {name}"):
            return Path(snapshot_download(name, allow_patterns=_patterns(variant), ignore_patterns=_OTHERS))
    except Exception as error:  # of its many clients, each with errors of its own
        reason = f"there is no such folder, and the Hugging Face hub does not give it ({one_line(error)[:200]})"
        raise InputError(f"{name}: {reason}") from None


def _patterns(variant: str | None) -> list[str]:
    """Of the files that are downloaded: not the same weights several times, in other forms."""
    stems = ("diffusion_pytorch_model", "*/diffusion_pytorch_model", "*/model")
    ends = (f".{variant}*.safetensors",) if variant else (".safetensors", "-?????-of-?????.safetensors")
    return ["*.json", "*.txt", *(f"{stem}{end}" for stem in stems for end in ends)]
