"""The commands, one file each: its options with their help, what it does, and what it returns.

A command is a function of Python; the command line is made from its signature and docstring. The
files import nothing heavy before a function runs, so that `segmentare --help` answers at once.
"""

#: Name of each command, and of its file -> name of its function, in the order of a first visit.
COMMANDS: dict[str, str] = {
    "demo": "demo",
    "check": "check",
    "train": "train",
    "evaluate": "evaluate",
    "compare": "compare",
    "predict": "predict",
    "export": "export",
    "bench": "bench",
    "convert": "convert",
    "networks": "list_networks",
    "skeletons": "list_skeletons",
}
