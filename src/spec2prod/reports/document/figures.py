"""How figures are told."""

from typing import Annotated

DECIMALS = 3

Figure = Annotated[float, DECIMALS]
"""A measured figure, told with three decimals."""
