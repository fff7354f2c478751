"""Make a folder of 3,600 emoji in 64x64 colored pixels, with their names as captions, of an npm package.

`npm pack emoji-datasource-twitter`, then `python experiments/emoji_data.py emoji-datasource-twitter-16.0.0.tgz --out
emoji`: the pictures on white, `metadata.jsonl` and LICENSE.txt. The pictures are Twitter's, "Twemoji", licensed CC BY
4.0 (https://creativecommons.org/licenses/by/4.0/); what is made of them must say so.
"""

import argparse
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from rich.progress import track

PICTURES = "package/img/twitter/64/"
TONES = {"1F3FB": "light", "1F3FC": "medium light", "1F3FD": "medium", "1F3FE": "medium dark", "1F3FF": "dark"}
LICENSE = """The pictures in this folder are Twemoji, copyright Twitter, Inc and other contributors, licensed CC BY 4.0:
https://creativecommons.org/licenses/by/4.0/. They are laid on white. They, and their names, are those of the npm
package emoji-datasource-twitter, copyright 2013 Cal Henderson, whose code and data are licensed MIT.
"""


def captioned(emoji: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the file and the caption of each picture, those of one color of skin behind the plain one."""
    for each in emoji:
        if not each["has_img_twitter"]:
            continue
        name = (each["name"] or each["short_name"].replace("_", " ").replace("-", " ")).lower()
        yield each["image"], name
        for key, variation in each.get("skin_variations", {}).items():
            tones = [TONES[code] for code in key.split("-") if code in TONES]
            if variation["has_img_twitter"] and tones:
                yield variation["image"], f"{name}, {' and '.join(tones)} skin"


def prepare(package: Path, folder: Path) -> int:
    """Write the pictures of a package, and what they are called; return how many there are."""
    folder.mkdir(parents=True)
    with tarfile.open(package) as archive:
        listed = archive.extractfile("package/emoji.json")
        assert listed is not None
        lines, members = [], {member.name for member in archive.getmembers()}
        found = [(file, caption) for file, caption in captioned(json.load(listed)) if f"{PICTURES}{file}" in members]
        for file, caption in track(found, "pictures"):
            with Image.open(archive.extractfile(f"{PICTURES}{file}")) as picture:
                white = Image.new("RGBA", picture.size, "white")
                Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB").save(folder / file)
            lines.append(json.dumps({"file_name": file, "text": caption}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "LICENSE.txt").write_text(LICENSE)
    return len(lines)


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="what `npm pack emoji-datasource-twitter` writes")
    parser.add_argument("--out", type=Path, default=Path("emoji"), help="the folder, which is not there yet")
    options = parser.parse_args()
    if not options.package.is_file():
        parser.error(f"{options.package}: there is no such file; get it by `npm pack emoji-datasource-twitter`")
    if options.out.exists():
        parser.error(f"{options.out} is there already; give another folder")
    print(f"{prepare(options.package, options.out)} pictures with captions: {options.out}")


if __name__ == "__main__":
    main()
