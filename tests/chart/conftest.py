import pytest
from rendering import VALUE_SETS, from_file


@pytest.fixture(params=VALUE_SETS, ids=lambda path: path.stem)
def rendered(request):
    """The chart with each set of values."""
    return from_file(request.param)
