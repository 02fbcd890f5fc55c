"""Downloads from a real server that cuts, drips, refuses and changes its files."""

import os
import shutil
import ssl
import subprocess

import pytest

from conftest import refused_in_one_line
from covidseg.archives import http
from covidseg.archives.http import ask, discard, fetch, open_session
from covidseg.errors import InputError
from faulty_host import status

CONTENT = os.urandom(300_000)
NAME = "/x.zip"


@pytest.fixture
def host(host):
    host.files[NAME] = CONTENT
    return host


@pytest.fixture
def target(tmp_path):
    return tmp_path / "partial" / "x.zip"


def get(host, target, path=NAME):
    with open_session() as session:
        fetch(session, host.address + path, target)


def cut(host, kept):
    return lambda handler: host.serve(handler, keep=kept)


def test_a_download_that_is_cut_again_and_again_goes_on_each_time(host, target):
    host.faults[NAME] = [cut(host, 70_000)] * 4
    get(host, target)
    assert target.read_bytes() == CONTENT
    assert [asked for _, asked in host.asked] == [None, *(f"bytes={70_000 * i}-" for i in range(1, 5))]


def test_more_cuts_than_tries_are_borne_as_long_as_bytes_come(host, target):
    host.faults[NAME] = [cut(host, 20_000)] * (http.TRIES + 3)
    get(host, target)
    assert target.read_bytes() == CONTENT


def test_a_later_start_goes_on(host, target):
    host.faults[NAME] = [cut(host, 100_000), *[status(503)] * (http.TRIES - 1)]
    with pytest.raises(
        InputError,
        match=rf"x\.zip: HTTP status 503 .*, {http.TRIES} times; 100000 bytes are kept; run again",
    ):
        get(host, target)
    assert target.stat().st_size == 100_000
    host.asked.clear()
    get(host, target)
    assert target.read_bytes() == CONTENT
    assert host.asked == [(NAME, "bytes=100000-")]


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_busy_host_is_asked_again(host, target, code):
    host.faults[NAME] = [status(code), status(code)]
    get(host, target)
    assert target.read_bytes() == CONTENT


def test_pauses_grow_and_retry_after_is_obeyed(host, target, monkeypatch):
    pauses = []
    monkeypatch.setattr(http.time, "sleep", pauses.append)
    monkeypatch.setattr(http, "FIRST_PAUSE", 2.0)
    host.faults[NAME] = [status(500), status(500), status(500), status(429, Retry_After="17")]
    get(host, target)
    assert pauses == [2, 4, 8, 17]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(host, target, code):
    host.faults[NAME] = [status(code)]
    with pytest.raises(InputError, match=rf"x\.zip: HTTP status {code} "):
        get(host, target)
    assert len(host.asked) == 1
    assert not target.exists()


def test_a_redirect_is_followed(host, target):
    host.faults["/old.zip"] = [status(302, Location=NAME)]
    get(host, target, "/old.zip")
    assert target.read_bytes() == CONTENT


def test_a_redirect_loop_is_refused(host, target):
    host.faults["/loop.zip"] = [status(302, Location="/loop.zip")] * 100
    with pytest.raises(InputError, match=r"loop\.zip: refused: Exceeded 30 redirects"):
        get(host, target, "/loop.zip")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_anything_but_http_is_refused(host, target, location):
    host.faults["/away.zip"] = [status(302, Location=location)]
    with pytest.raises(InputError, match=r"away\.zip: refused: No connection adapters"):
        get(host, target, "/away.zip")
    assert not target.exists()


def test_a_certificate_that_nobody_signed_is_refused(target, tmp_path, host):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host.server.socket = context.wrap_socket(host.server.socket, server_side=True)
    host.address = host.address.replace("http://127.0.0.1", "https://localhost")
    with pytest.raises(InputError, match=r"x\.zip: refused: .*certificate verify failed"):
        get(host, target)


def test_a_file_that_changes_between_two_tries_comes_from_the_start(host, target):
    other = os.urandom(250_000)

    def change(handler):
        host.serve(handler, keep=100_000)
        host.files[NAME] = other

    host.faults[NAME] = [change]
    get(host, target)
    assert target.read_bytes() == other


def test_a_host_that_honours_no_if_range_is_seen_through(host, target):
    """It sends the end of another file; its ETag tells."""
    other = os.urandom(300_000)

    def change(handler):
        host.serve(handler, keep=100_000)
        host.files[NAME] = other

    def end_of_the_other(handler):
        del handler.headers["If-Range"]
        host.serve(handler)

    host.faults[NAME] = [change, end_of_the_other]
    get(host, target)
    assert target.read_bytes() == other


def test_a_host_without_ranges_starts_over(host, target):
    host.ranges = False
    host.faults[NAME] = [cut(host, 100_000)]
    get(host, target)
    assert target.read_bytes() == CONTENT


def test_a_length_that_never_comes_ends_in_an_error(host, target):
    host.faults[NAME] = [lambda handler: host.serve(handler, length=400_000)] * (2 * http.TRIES)
    with pytest.raises(InputError, match=rf"x\.zip: .*, {http.TRIES} times"):
        get(host, target)


def test_a_drip_counts_as_a_stall_and_is_fetched_anew(host, target, monkeypatch):
    monkeypatch.setattr(http, "STALL_SECONDS", 0.3)
    host.faults[NAME] = [lambda handler: host.serve(handler, drip=100, keep=3_000)]
    get(host, target)
    assert target.read_bytes() == CONTENT
    assert host.asked[1][1] is not None, "went on from what had dripped in"


def test_a_silent_host_is_given_up(host, target, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(http, "TRIES", 2)
    host.faults[NAME] = [lambda handler: http.time.sleep(1)] * 5
    with pytest.raises(InputError, match=r"x\.zip: .*timed out.*, 2 times"):
        get(host, target)


def test_a_host_that_is_not_there_is_named(target, monkeypatch):
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.01)
    with open_session() as session, pytest.raises(InputError, match=r"127\.0\.0\.1:9/x\.zip: .*refused"):
        fetch(session, "http://127.0.0.1:9/x.zip", target)


def test_a_proxy_from_the_environment_is_used(host, target, monkeypatch):
    """The proxy is asked for the whole address."""
    monkeypatch.setenv("http_proxy", host.address)
    monkeypatch.setenv("no_proxy", "")
    host.files["http://data.example/x.zip"] = CONTENT
    with open_session() as session:
        fetch(session, "http://data.example/x.zip", target)
    assert target.read_bytes() == CONTENT
    assert host.asked == [("http://data.example/x.zip", None)]


def test_a_disk_that_cannot_hold_the_file_is_refused_before_anything_is_written(host, small_disk):
    host.files[NAME] = bytes(3_000_000)
    with pytest.raises(InputError, match=r"x\.zip: needs 0\.00 GB more, the disk has 0\.00 GB; free some"):
        get(host, small_disk / "x.zip")
    assert not (small_disk / "x.zip").exists()


def test_the_disk_must_hold_only_what_is_still_missing(target, monkeypatch):
    """Of 5 GB, 2 GB are there: 3 GB free are enough, one byte less is not."""
    free = [3 * 10**9]
    monkeypatch.setattr(http.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free[0]))
    http._refuse_full_disk(target, 5 * 10**9, 2 * 10**9)
    free[0] -= 1
    with refused_in_one_line(r"x\.zip: needs 3\.00 GB more, the disk has 3\.00 GB; free some$"):
        http._refuse_full_disk(target, 5 * 10**9, 2 * 10**9)


def test_a_disk_that_fills_up_keeps_what_came(host, small_disk, monkeypatch):
    """The check before sees space that another process then takes."""
    host.files[NAME] = os.urandom(3_000_000)
    monkeypatch.setattr(http.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 1 << 40))
    with pytest.raises(OSError, match="No space left") as raised:
        get(host, small_disk / "x.zip")
    assert raised.value.filename.endswith("x.zip")
    kept = (small_disk / "x.zip").stat().st_size
    assert (small_disk / "x.zip").read_bytes() == host.files[NAME][:kept]


def test_progress_tells_rate_and_remaining_time(host, target, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(http, "PROGRESS_SECONDS", 0.1)
    host.faults[NAME] = [lambda handler: host.serve(handler, drip=20_000)]
    get(host, target)
    assert "of 0 MB" in caplog.text
    assert "MB/s, 0:0" in caplog.text


def test_progress_by_hand(target, caplog):
    """450 of 600 MB are missing; at 5 MB/s they take 90 seconds."""
    caplog.set_level("INFO")
    http._report(target, 150_000_000, 600_000_000, 5e6)
    http._report(target, 150_000_000, None, 5e6)
    assert caplog.messages == [
        "x.zip: 150 of 600 MB, 5.0 MB/s, 1:30 min left",
        "x.zip: 150 MB, 5.0 MB/s",
    ]


def test_the_progress_of_a_resumed_download_counts_what_was_there(host, target, monkeypatch):
    reports = []
    monkeypatch.setattr(http, "PROGRESS_SECONDS", 0.01)
    monkeypatch.setattr(http, "_report", lambda *values: reports.append(values))
    host.faults[NAME] = [cut(host, 200_000), lambda handler: host.serve(handler, drip=20_000)]
    get(host, target)
    received = [values[1] for values in reports]
    assert received == sorted(received)
    assert 200_000 < received[-1] <= 300_000
    assert {values[2] for values in reports} == {300_000}


def test_a_note_that_is_damaged_only_costs_a_new_start(host, target):
    target.parent.mkdir()
    target.write_bytes(b"other bytes")
    target.with_name("x.zip.json").write_text("{")
    get(host, target)
    assert target.read_bytes() == CONTENT
    assert host.asked == [(NAME, None)]
    discard(target)
    assert list(target.parent.iterdir()) == []


def test_a_small_answer_is_asked_for_again(host):
    host.files["/list"] = b"[1]"
    host.faults["/list"] = [status(503)]
    with open_session() as session:
        assert ask(session, f"{host.address}/list").json() == [1]
