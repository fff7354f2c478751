"""Weight files: where they are looked for, how they are fetched, and what is said when they are not the right ones."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gan_jax.errors import InputError
from gan_jax.evaluation.features import weights

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.pth"
    path.write_bytes(CONTENT)
    return path


def test_only_the_right_bytes_pass(source):
    assert weights.verify_sha256(source, SHA256) == source
    with pytest.raises(InputError, match=rf"^\S*source\.pth: .*{SHA256}.*fetch it again$"):
        weights.verify_sha256(source, SHA256[::-1])
    with pytest.raises(InputError, match=r"^\S*: cannot be read \(No such file or directory\)$"):
        weights.verify_sha256(source.with_name("none"), SHA256)


def test_download_brings_the_file_and_leaves_nothing_else(source, tmp_path):
    path = tmp_path / "new" / "folder" / "weights.pth"
    assert weights.download(source.as_uri(), path, SHA256) == path
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_download_of_other_bytes_leaves_what_was_there(source, tmp_path):
    path = tmp_path / "cache" / "weights.pth"
    path.parent.mkdir()
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=r"^file:.*source\.pth: .*; try again, or fetch it by hand$"):
        weights.download(source.as_uri(), path, SHA256[::-1])
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


class Broken(BaseHTTPRequestHandler):
    """Promises the content and hangs up halfway."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def log_message(self, *_):
        pass


def test_a_connection_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(OSError, match="broke off after 128,000 of 256,000 bytes"):
            weights.download(f"http://127.0.0.1:{server.server_port}/weights.pth", tmp_path / "weights.pth", SHA256)
        thread.join()
    assert not list(tmp_path.iterdir())


def test_an_interrupted_download_leaves_nothing(source, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        weights.download(source.as_uri(), tmp_path / "weights.pth", SHA256)
    assert list(tmp_path.iterdir()) == [source]
