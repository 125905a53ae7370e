"""What the reports of `unet evaluate` have in common, of masks and of classes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

WORST = 10  # pictures that a report names


@dataclass(frozen=True, kw_only=True)
class BaseReport(ABC):
    """The result of an evaluation."""

    weights: str  # as given, with the Hub revision
    precision: str  # of the network's arithmetic
    data: str  # the data folder as given
    split: str  # part of the weights' split, or all
    reading: str  # how the masks are read, in words
    pictures: int  # number of pictures

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {field.name: getattr(self, field.name) for field in fields(BaseReport)} | self._scores_json()

    def as_text(self) -> str:
        """The report as tables of plain text."""
        lines = [
            f"weights   {self.weights} ({self.precision}, {self._kind()})",
            f"data      {self.data}, {self.split}: {self.pictures} pictures",
            f"masks     {self.reading}",
            "",
            *self._scores_text(),
        ]
        columns, worst = self._worst()
        width = max([14, *map(len, worst)])
        lines += ["", f"{'worst pictures':<{width}}" + "".join(f"{column:>10}" for column in columns)]
        lines += [f"{stem:<{width}}" + "".join(f"{v:10.4f}" for v in values) for stem, values in worst.items()]
        return "\n".join(lines)

    @abstractmethod
    def _scores_json(self) -> dict[str, Any]: ...

    @abstractmethod
    def _kind(self) -> str:
        """What the weights tell, in a few words."""

    @abstractmethod
    def _scores_text(self) -> list[str]: ...

    @abstractmethod
    def _worst(self) -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
        """The names of columns, and their values by the stem of the worst pictures, worst first."""
