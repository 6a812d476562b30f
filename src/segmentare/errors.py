"""Errors that a caller can act on; everything else is a `ValueError` or an `OSError`."""


class DatasetError(ValueError):
    """The files of a dataset cannot be used as they are; the message names what to change."""


class ModelError(ValueError):
    """A model folder is damaged, foreign, or does not fit the data given to it."""


class MissingPackageError(ImportError):
    """An optional package is needed; the message holds the command that installs it."""


class BudgetError(ValueError):
    """The time budget is too short for a training that could learn anything.

    Args:
        text: What is said.
        needed: Seconds that would do.
    """

    def __init__(self, text: str, needed: float) -> None:
        super().__init__(text)
        self.needed = needed
