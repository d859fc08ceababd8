"""Settings of DSCMR: what ``params.yaml`` says of it."""

from pydantic import PositiveInt

from pipeline.models.recogniser_parts.settings import Recogniser


class DSCMR(Recogniser):
    """Deep supervised cross-modal retrieval."""

    takes = "features"

    hidden: PositiveInt
    """Units of the first layer of each branch: 2048 in the paper."""
    common: PositiveInt
    """Length of the common representation: 1024 in the paper."""
