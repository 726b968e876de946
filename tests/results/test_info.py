"""What `info`, `lint` and `report` give, as JSON."""

from __future__ import annotations

from pathlib import Path

from onestop.results.info import Info, Lint, Report


def test_levels_are_for_people_and_backward_is_there_if_asked_for() -> None:
    plain = Info("network", "cnn1", {"layers": 3}, [{"name": "conv"}], depth=2)
    assert plain.to_json() == {
        "kind": "network", "name": "cnn1", "facts": {"layers": 3}, "table": [{"name": "conv"}],
    }  # fmt: skip
    asked = Info("network", "cnn1", {}, backward=[{"name": "AddmmBackward0"}])
    assert asked.to_json()["backward"] == [{"name": "AddmmBackward0"}]


def test_leaks_are_the_findings_of_that_level() -> None:
    findings = [{"kind": "copies", "level": "leak"}, {"kind": "tiny", "level": "warning"}]
    found = Lint(Path("runs/lint"), "photos", {"train": 2}, [], findings, [])
    assert found.leaks == findings[:1]
    assert found.to_json()["leaks"] is True
    assert "folder" not in found.to_json()
    assert Lint(Path(), "photos", {}, [], findings[1:], []).to_json()["leaks"] is False


def test_a_report_is_its_file_and_its_first_sentences() -> None:
    made = Report(Path("runs/a/report.html"), ("It is good.",))
    assert made.to_json() == {"file": "runs/a/report.html", "said": ["It is good."]}


def test_a_notebook_shows_tables_with_all_text_escaped(tmp_path: Path) -> None:
    info = Info(
        "data", "<b>", {"splits": {"train": 2}, "notes": [], "mean": 0.123456}, [{"class": "<i>"}]
    )
    html = info._repr_html_()
    assert "&lt;b&gt;" in html
    assert "train 2" in html
    assert "0.1235" in html
    assert "<td>&lt;i&gt;</td>" in html
    assert "notes" not in html
    findings = [{"kind": "copies", "level": "leak", "text": "2 copies", "groups": []}]
    (tmp_path / "lint.png").write_bytes(b"picture")
    html = Lint(tmp_path, "photos", {"train": 2}, [], findings, [])._repr_html_()
    assert "<td>2 copies</td>" in html
    assert "data:image/png;base64,cGljdHVyZQ==" in html
    assert "no problems found" in Lint(tmp_path / "x", "photos", {}, [], [], [])._repr_html_()
    html = Report(Path("runs/a/report.html"), ("It is <good>.",))._repr_html_()
    assert "It is &lt;good&gt;." in html
    assert "runs/a/report.html" in html
