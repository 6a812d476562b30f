"""What `segmentare predict` looks at: images, folders of them, videos and cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segmentare.errors import DatasetError
from segmentare.images.reading import is_image
from segmentare.opening import IRREGULAR
from segmentare.video.reading import is_video


def sort_sources(sources: Sequence[str | Path | int]) -> tuple[list[Path], list[Path]]:
    """Return the images and folders, and the videos and cameras, among what was given.

    Raises:
        DatasetError: Two videos would get the same name.
    """
    given = [Path(str(source)) for source in sources]
    videos = [path for path in given if is_video(path) and not path.is_dir()]
    videos = [path for path in videos if path.suffix or not path.exists()]
    stems: dict[str, Path] = {}
    for path in videos:
        if path.stem in stems:
            raise DatasetError(
                f"'{stems[path.stem]}' and '{path}' would both become '{path.stem}.jsonl'. Predict "
                "them into different folders."
            )
        stems[path.stem] = path
    return [path for path in given if path not in videos], videos


def find_images(places: Sequence[Path]) -> dict[str, Path]:
    """Return the image files among `places`, by the stem that their results will have.

    Folders are searched with their subfolders. A folder `masks` that lies beside a folder `images`
    is passed over: it holds the truth of a dataset, not images.

    Raises:
        DatasetError: A place does not exist, there is no image, or stems collide.
    """
    found: dict[str, Path] = {}
    for given in places:
        if given.is_dir():
            there = (path for path in given.rglob("*") if not _is_mask(path, given))
            files_here = sorted(path for path in there if is_image(path))
            pairs = [(str(path.relative_to(given).with_suffix("")), path) for path in files_here]
        elif given.is_file():
            pairs = [(given.stem, given)]
        else:
            what = IRREGULAR if given.exists() else "it does not exist"
            raise DatasetError(f"{str(given)!r} must be an image or a folder; {what}.")
        for stem, path in pairs:
            if stem in found:
                raise DatasetError(
                    f"{str(found[stem])!r} and {str(path)!r} would both become '{stem}.png'. "
                    "Predict them into different folders."
                )
            found[stem] = path
    if not found:
        folders = [given for given in places if given.is_dir()]
        videos = [path for folder in folders for path in folder.rglob("*") if is_video(path)]
        hint = f" Name its videos themselves, such as {str(videos[0])!r}." if videos else ""
        raise DatasetError(
            f"There must be at least one image; found none in {', '.join(map(str, places))}.{hint}"
        )
    return found


def _is_mask(path: Path, root: Path) -> bool:
    """Tell whether a file below `root` lies in a folder of masks beside one of images."""
    above = path.parents[: len(path.relative_to(root).parents) - 1]
    return any(f.name == "masks" and f.with_name("images").is_dir() for f in above)
