"""The rules stay short: whoever opens one sees all of it."""

import re
import statistics

from conftest import ROOT

RULES = ROOT / "workflow" / "rules"


def rule_lengths():
    """Lines of every rule, from its head to its last line without its docstring, in all files of rules."""
    lengths = {}
    for path in [ROOT / "workflow" / "Snakefile", *sorted(RULES.rglob("*.smk"))]:
        lines = path.read_text().splitlines()
        for start, line in enumerate(lines):
            if not (head := re.match(r"( *)(?:use )?rule\b.*:$", line)):
                continue
            body = lines[start + 1 :]
            deeper = [not text.strip() or text.startswith(head[1] + " ") for text in body]
            block = body[: deeper.index(False) if False in deeper else len(body)]
            last = max(number for number, text in enumerate(block, start=1) if text.strip())
            docstrings = sum(text.strip().startswith('"""') for text in block)
            lengths[f"{path.name}: {line.strip()}"] = 1 + last - docstrings
    return lengths


def test_a_rule_has_thirty_lines_at_most_and_half_of_them_twenty():
    lengths = rule_lengths()
    assert {"train.smk: rule train:", "paper.smk: rule:", "Snakefile: rule all:"} <= lengths.keys()
    assert {name: count for name, count in lengths.items() if count > 30} == {}
    assert statistics.median(lengths.values()) <= 20


def test_what_the_rules_share_and_the_rules_of_the_papers_fit_on_few_pages():
    assert len((RULES / "common.smk").read_text().splitlines()) <= 140
    assert len((RULES / "paper.smk").read_text().splitlines()) <= 200


def test_no_message_repeats_a_rules_name():
    for path in RULES.rglob("*.smk"):
        messages = re.findall(r"message:\s+(.*)", path.read_text())
        assert set(messages) <= {"MESSAGE", "REACHED"}, path
