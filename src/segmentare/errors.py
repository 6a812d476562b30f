"""Errors that a caller can act on: one root, and the built-in class that each has always been."""


class SegmentareError(Exception):
    """The root of all errors of this package; what is not one of these is a bug or the system's."""


class InputError(SegmentareError, ValueError):
    """An argument has a value that cannot be used; the message names it and says what can."""


class UnknownOptionError(SegmentareError, TypeError):
    """A function has no option of that name; the message says which one is nearest."""


class OutputExistsError(SegmentareError, FileExistsError):
    """A file or folder is there already and would be lost; the message says how to go on."""


class DatasetError(SegmentareError, ValueError):
    """The files of a dataset cannot be used as they are; the message names what to change."""


class ModelError(SegmentareError, ValueError):
    """A model folder is damaged, foreign, or does not fit the data given to it."""


class MissingPackageError(SegmentareError, ImportError):
    """An optional package is needed; the message holds the command that installs it."""


class BudgetError(SegmentareError, ValueError):
    """The time budget is too short for a training that could learn anything.

    Args:
        text: What is said.
        needed: Seconds that would do.
    """

    def __init__(self, text: str, needed: float) -> None:
        super().__init__(text)
        self.needed = needed
