"""Types of settings with the numbers they may have; pydantic checks them when a run begins.

Said with annotated-types, which is imported at once: pydantic itself takes a fifth of a second.
"""

from math import inf
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, doc

Count = Annotated[int, Ge(1), doc("a whole number of at least 1")]
CountOrNone = Annotated[int, Ge(0), doc("a whole number of at least 0")]
Seed = Annotated[int, Ge(0), Lt(2**32), doc("a whole number from 0 to 4294967295")]
Counts = tuple[Count, ...]

Positive = Annotated[float, Gt(0), Lt(inf), doc("a number above 0")]
Amount = Annotated[float, Ge(0), Lt(inf), doc("a number of at least 0")]
Share = Annotated[float, Ge(0), Le(1), doc("a share from 0 to 1")]
OpenShare = Annotated[float, Ge(0), Lt(1), doc("a share from 0 to less than 1")]
Half = Annotated[float, Ge(0), Le(0.5), doc("a share from 0 to 0.5")]
