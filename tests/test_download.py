"""One rule for phantom:, file: and http: addresses, against a real server that misbehaves."""

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from covidseg.download import download
from covidseg.errors import InputError

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing.zip":
            self.send_error(404)
            return
        if self.path == "/to-file.zip":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/unsized.zip":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        kept = len(CONTENT) // 3 if self.path == "/cut.zip" else len(CONTENT)
        self.wfile.write(CONTENT[:kept])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fetch(tmp_path, address, **checksums):
    path = tmp_path / "raw" / "set" / "x.zip"
    download({"address": address, "homepage": "https://example.org", **checksums}, path, phantom=None)
    return path


def assert_nothing_left(tmp_path):
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("checksums", [{"sha256": SHA256}, {"md5": MD5}, {"sha256": SHA256, "md5": MD5}, {}])
def test_a_whole_transfer_appears_under_its_name(tmp_path, host, checksums):
    path = fetch(tmp_path, f"{host}/x.zip", **checksums)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_without_a_length_the_checksum_decides(tmp_path, host):
    assert fetch(tmp_path, f"{host}/unsized.zip", sha256=SHA256).read_bytes() == CONTENT


def test_a_file_address(tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(CONTENT)
    assert fetch(tmp_path, source.as_uri(), sha256=SHA256).read_bytes() == CONTENT


def test_a_phantom_address_is_generated(tmp_path):
    path = tmp_path / "Infection_Mask.zip"
    source = {"address": "phantom:covid20/Infection_Mask.zip", "homepage": ""}
    download(source, path, phantom={"cases": ["coronacases_001"], "cohort": ["coronacases_001"], "seed": 1})
    assert path.stat().st_size > 500


@pytest.mark.parametrize(
    "checksums", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"sha256": SHA256, "md5": "0" * 32}]
)
def test_a_wrong_checksum_leaves_nothing(tmp_path, host, checksums):
    with pytest.raises(InputError, match=r"x\.zip: (sha256|md5) of http.* is .*, expected 0000"):
        fetch(tmp_path, f"{host}/x.zip", **checksums)
    assert_nothing_left(tmp_path)


def test_a_cut_connection_leaves_nothing_even_without_checksum(tmp_path, host):
    with pytest.raises(InputError, match=r"cut\.zip: .*1000000"):
        fetch(tmp_path, f"{host}/cut.zip")
    assert_nothing_left(tmp_path)


def test_a_missing_file_is_named(tmp_path, host):
    with pytest.raises(InputError, match=r"missing\.zip: HTTP Error 404"):
        fetch(tmp_path, f"{host}/missing.zip")
    assert_nothing_left(tmp_path)


def test_a_redirect_to_a_local_file_is_refused(tmp_path, host):
    with pytest.raises(InputError, match=r"to-file\.zip: .*not allowed"):
        fetch(tmp_path, f"{host}/to-file.zip")
    assert_nothing_left(tmp_path)


def test_a_host_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9/x\.zip: .*run again"):
        fetch(tmp_path, "http://127.0.0.1:9/x.zip")


def test_without_an_address_the_user_is_told_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"raw/set/x\.zip: has no public address; .*manual/set/x\.zip"):
        fetch(tmp_path, None)
    (tmp_path / "manual" / "set").mkdir(parents=True)
    (tmp_path / "manual" / "set" / "x.zip").write_bytes(CONTENT)
    assert fetch(tmp_path, None, sha256=SHA256).read_bytes() == CONTENT
    with pytest.raises(InputError, match="sha256"):
        fetch(tmp_path, None, sha256="0" * 64)


def test_an_old_file_survives_a_failed_transfer(tmp_path, host):
    path = tmp_path / "raw" / "set" / "x.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        fetch(tmp_path, f"{host}/cut.zip")
    assert path.read_bytes() == b"old"


def test_a_full_disk_names_the_file_and_leaves_nothing(small_disk, host):
    with pytest.raises(OSError, match="No space left") as raised:
        fetch(small_disk, f"{host}/x.zip")
    assert raised.value.filename.endswith("raw/set/x.zip")
    assert_nothing_left(small_disk)
