"""The `yomawari` command."""
