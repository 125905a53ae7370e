import pytest
from generated import write_folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A data folder of 14 generated pairs."""
    return write_folder(tmp_path_factory.mktemp("photos") / "shapes", 14)
