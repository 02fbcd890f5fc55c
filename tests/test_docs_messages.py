"""The page of messages has every message that the code can print, each once, and none that it cannot."""

import re

from conftest import ROOT
from messages import all_messages

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
ENTRY = re.compile(r"^### (.+?)\n\n(?:```text\n(.*?)```\n\n)?(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def entries():
    """Return heading -> (messages, explanation)."""
    return {heading: (quoted.splitlines(), text) for heading, quoted, text in ENTRY.findall(PAGE)}


def test_every_message_has_an_entry_and_every_entry_a_message():
    quoted = [message for messages, _ in entries().values() for message in messages]
    found = all_messages()
    missing = [f"{found[message]}: {message}" for message in sorted(found.keys() - set(quoted))]
    assert missing == [], "add these lines to an entry of docs/troubleshooting.md:\n" + "\n".join(missing)
    assert sorted(set(quoted) - found.keys()) == [], "the code has no such messages any more"
    assert sorted(quoted) == sorted(set(quoted)), "twice"


def test_every_entry_has_a_cause_and_a_remedy():
    assert len(entries()) == PAGE.count("\n### ")
    for heading, (_, text) in entries().items():
        assert re.search(r"\*\*Cause\.\*\* \S.*\*\*Remedy\.\*\* \S", text, re.DOTALL), heading
