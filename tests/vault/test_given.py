"""The passphrase that the environment leads to. What commands print is tested from the CLI."""

from __future__ import annotations

import pytest

from troth.vault.given import command_line


def test_a_command_is_cut_as_its_system_cuts_it() -> None:
    typed = r'C:\bin\pass.exe show "my vault"'
    assert command_line(typed, is_windows=True) == typed
    assert command_line("pass show 'my vault'", is_windows=False) == ["pass", "show", "my vault"]
    with pytest.raises(ValueError, match="quot"):
        command_line("pass 'show", is_windows=False)
