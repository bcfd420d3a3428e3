"""What a corpus may not be asked for."""

import pytest
from pydantic import ValidationError

from clipit.config.corpora import PhantomCorpus


def test_the_phantom_is_not_split_since_its_truth_is_known_report_by_report() -> None:
    with pytest.raises(ValidationError, match="split_sections"):
        PhantomCorpus(source="phantom", split_sections=True)
