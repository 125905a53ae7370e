"""The errors a user may see: one plain sentence each, naming the file or value and the way out."""


class UnetError(Exception):
    """Base of every error this project raises for its users; `str(error)` is the whole message."""


class ConfigError(UnetError):
    """An option or setting has a value that cannot be used."""


class ImageError(UnetError):
    """A file is not a picture that can be read within the limits."""


class DataError(UnetError):
    """A data folder cannot be trained on or evaluated as it stands."""


class WeightsError(UnetError):
    """A weights folder is incomplete, damaged or made for something else."""


class HubError(UnetError):
    """The Hub refused, was not reachable, or does not hold what was asked for."""


class TrainingError(UnetError):
    """A training run cannot go on."""
