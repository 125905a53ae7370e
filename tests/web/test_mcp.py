"""The endpoints as tools for assistants (Model Context Protocol)."""

import asyncio
import base64
import io

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image
from web_helpers import FakePredictor, draw_picture, live_page


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_MCP_SERVER", "true")
        with live_page(FakePredictor(takes_clicks=True)) as served:
            yield served


@pytest.fixture
def picture(tmp_path):
    return draw_picture(tmp_path / "p.png")


def with_session(server, work):
    async def run():
        url = f"{server.url}/gradio_api/mcp/"
        async with streamable_http_client(url) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def call(server, tool, **arguments):
    result = with_session(server, lambda session: session.call_tool(tool, arguments))
    return result.isError, " ".join(getattr(part, "text", "") for part in result.content)


def address_of(text: str, name: str) -> str:
    """The address of the file with this end of its name in a tool's answer."""
    return next(part for part in text.split("'") if part.startswith("http") and part.endswith(f"_{name}"))


def data_url(path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def test_tools_describe_themselves(server):
    tools = {tool.name: tool for tool in with_session(server, lambda session: session.list_tools()).tools}
    assert set(tools) == {"segment", "classes", "probability", "segment_batch", "segment_clicks"}
    for tool in tools.values():
        assert "Returns: " in tool.description
        for name, schema in tool.inputSchema["properties"].items():
            assert len(schema["description"]) > 20, (tool.name, name)
            assert schema["type"] in {"string", "number", "array"}
    threshold = tools["segment"].inputSchema["properties"]["threshold"]
    assert threshold["default"] == FakePredictor().threshold
    assert (
        '{"x": 120, "y": 80, "label": 1}' in tools["segment_clicks"].inputSchema["properties"]["clicks"]["description"]
    )


def test_a_tool_answers_with_addresses_and_details(server, picture):
    failed, text = call(server, "segment", image=data_url(picture), threshold=0.5)
    assert not failed
    assert "'width': 120" in text
    for name, kind in (("overlay.jpg", "jpeg"), ("mask.png", "png"), ("cutout.png", "png")):
        assert httpx.get(address_of(text, name)).headers["content-type"] == f"image/{kind}"


def test_a_tool_tells_classes(server, picture):
    failed, text = call(server, "classes", image=data_url(picture))
    assert not failed, text
    assert "'name': 'background'" in text
    assert "'name': 'foreground'" in text
    with Image.open(io.BytesIO(httpx.get(address_of(text, "labels.png")).content)) as image:
        assert image.mode == "P"
    failed, text = call(server, "segment", image=data_url(picture), class_name="background")
    assert not failed, text


def test_a_tool_takes_several_pictures(server, picture):
    failed, text = call(server, "segment_batch", files=[data_url(picture), data_url(picture)])
    assert not failed
    assert text.count("'foreground'") == 2


def test_a_tool_takes_clicks(server, picture):
    failed, text = call(server, "segment_clicks", image=data_url(picture), clicks='[{"x": 5, "y": 5, "label": 1}]')
    assert not failed, text
    failed, text = call(server, "segment_clicks", image=data_url(picture), clicks='[{"x": 500, "y": 5, "label": 1}]')
    assert failed
    assert "outside the picture" in text


@pytest.mark.parametrize("tool", ["segment", "classes", "probability", "segment_clicks", "segment_batch"])
@pytest.mark.parametrize("as_file", [False, True])
def test_no_tool_reads_a_path_of_the_server(server, picture, tool, as_file):
    file = {"path": str(picture), "meta": {"_type": "gradio.FileData"}} if as_file else str(picture)
    failed, text = call(server, tool, **({"files": [file]} if tool == "segment_batch" else {"image": file}))
    assert failed
    assert "PNG" not in text


def test_no_tool_takes_a_path_where_text_belongs(server, picture):
    file = {"path": str(picture), "meta": {"_type": "gradio.FileData"}}
    assert call(server, "segment_clicks", image=data_url(picture), clicks=file)[0]
    assert call(server, "segment", image=data_url(picture), threshold=file)[0]


def test_no_tool_fetches_a_private_address(server):
    failed, text = call(server, "segment", image="http://127.0.0.1:1/x.png")
    assert failed
    assert "not on the public internet" in text
