"""State of this clone that `down` removes, and state that it keeps."""

from pathlib import Path

from harness.deploy import removal


def test_the_hosts_of_another_inventory_stay(tmp_path: Path) -> None:
    """A study on rented machines may be between the query for its hosts and the copy of the result."""
    inventories = tmp_path / ".state" / "inventory"
    answer = inventories / "queried-0123456789abcdef" / "hosts.yml"
    for file in (answer, inventories / "0123456789abcdef.json", tmp_path / ".state" / "lab" / "default.conf"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    assert removal.remove_state(tmp_path, keep_images=True) == [".state/lab"]
    assert answer.is_file()
    assert [entry.name for entry in inventories.iterdir()] == [answer.parent.name]
