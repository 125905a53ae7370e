import pytest
from gradio_client import Client
from page_visit import Visit
from web_helpers import FakePredictor, draw_picture, live_page


@pytest.fixture(scope="module")
def server():
    """A page with a network that takes no clicks; a module that needs another one has a fixture of this name."""
    with live_page(FakePredictor()) as served:
        yield served


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    """A Gradio client of `server`."""
    return Client(server.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def visit(browser, server):
    """Begins visits of `server`; at the end none may have met an error or asked another host for anything."""
    visits = []

    def begin(**context):
        visits.append(Visit(browser, server, **context))
        return visits[-1]

    yield begin
    for each in visits:
        assert each.external() == []
        assert each.errors == []
        each.context.close()


@pytest.fixture
def picture(tmp_path):
    """A drawn picture, to upload."""
    return draw_picture(tmp_path / "some picture.png")


@pytest.fixture
def secret(tmp_path):
    """A picture on the server's disk that no visitor uploaded."""
    return draw_picture(tmp_path / "secret.png")
