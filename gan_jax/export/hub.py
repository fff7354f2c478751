"""A folder to the Hugging Face hub, by its own client."""

from pathlib import Path
from typing import Any

from gan_jax.errors import InputError, RunError, one_line

__all__ = ["hub_client", "push"]


def hub_client() -> Any:
    """Return the client, logged in as its own settings say (`hf auth login`, `HF_TOKEN`).

    Raises:
      InputError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi  # pyright: ignore[reportMissingImports]
    except ImportError:
        reason = 'needs huggingface_hub, which is not installed; pip install "gan_jax[hub]"'
        raise InputError(reason, field="push_to_hub") from None
    return HfApi()


def push(client: Any, repository: str, folder: Path, files: list[str]) -> str:
    """Upload files of a folder as one commit of a model's repository, made if it is not there; return its address.

    Raises:
      RunError: it cannot be reached, or does not let us in; the files stay where they are.
    """
    try:
        address = client.create_repo(repository, exist_ok=True)
        client.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=files, commit_message="Upload by gan-jax export"
        )
    except Exception as error:  # of its own and of every layer below
        advice = "log in by `hf auth login`, or see to the network, and give the same command again"
        raise RunError(f"{repository} was not uploaded ({one_line(error)}); {advice}; {folder} is whole") from None
    return str(address)
