"""What tests of the command line share: options of a tiny training, and files to spoil."""

#: a training of two seconds, for tests that need a model of any quality
TINY = {
    "steps": 4,
    "size": 32,
    "batch": 2,
    "width": 0.125,
    "precision": "float32",
    "start": "none",
}
TRAIN = [*(word for name, value in TINY.items() for word in (f"--{name}", str(value))), "--quiet"]


def masks(photos):
    return sorted((photos / "masks").iterdir())


def images(photos):
    return sorted((photos / "images").iterdir())


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def broken_image(photos):
    images(photos)[2].write_bytes(images(photos)[2].read_bytes()[:300])
