"""Download from the Hugging Face hub with its library (the extra `hub`): only the files that are needed, all of one commit.

`hf_hub_download` is called for each file instead of `snapshot_download` for all: it needs no list of the repository's files (one
request if everything is cached, and mirrors without that API work), and the cache records which files a commit does not have, so
that files that cannot be fetched offline are distinguished from files that do not exist.
"""

import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from albert_np.io.files import read_json

CONFIGS = ("config.json", "albert_config.json")
# In order of preference: one file, or an index and its files
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("spiece.model", "vocab.txt", "tokenizer.json")
TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
MAX_SHARDS = 1000


def fetch(
    name: str,
    what: str,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
) -> Path:
    """Return the folder of the library's cache with the wanted files of a repository; see `albert_np.io.sources.local`."""
    repository = Repository(name, revision, cache_dir, local_files_only, token)
    if what == "tokenizer":
        return _fetch_tokenizer(repository)
    config = repository.first(CONFIGS, "config")
    if what == "model":
        _fetch_weights(repository)
        values = read_json(config)
        if isinstance(values, dict) and values.get("problem_type") == "regression":
            repository.get("task.json")  # with the scale of its labels, if `finetune` trained the model
    return config.parent


def _fetch_weights(repository: "Repository") -> None:
    file = repository.first(WEIGHTS, "weights that can be read")
    if file.name.endswith(".index.json"):
        for shard in _list_shards(file):
            repository.first((shard,), f"file {shard}, which its {file.name} names")


def _list_shards(index: Path) -> list[str]:
    """Return the files in an index of sharded weights, each once. ValueError for names other than plain file names."""
    values = read_json(index)
    names = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(names, dict) or not names:
        raise ValueError(f"{index} has no weight_map from names of tensors to files")
    shards = list(dict.fromkeys(str(name) for name in names.values()))
    for shard in shards:
        if not re.fullmatch(r"\w[\w.-]{0,200}\.(safetensors|bin)", shard):
            raise ValueError(f"{index} names the file {shard[:200]!r}: only plain names of weights beside it are read")
    if len(shards) > MAX_SHARDS:
        raise ValueError(f"{index} names {len(shards)} files: {MAX_SHARDS} at most are fetched")
    return shards


def _fetch_tokenizer(repository: "Repository") -> Path:
    files = [file for name in TOKENIZERS if (file := repository.get(name))]
    if not files:
        raise repository.missing_error(TOKENIZERS, "tokenizer")
    for name in TOKENIZER_SETTINGS:
        if not repository.get(name) and name in repository.unknown:
            message = f"{name} of {repository.name} is not in the cache and cannot be downloaded: using default settings"
            warnings.warn(message, stacklevel=6)
    return files[0].parent


class Repository:
    """A model repository at one commit, that of the first file fetched, so that files of two commits are never mixed."""

    def __init__(
        self, name: str, revision: str | None, cache_dir: str | os.PathLike[str] | None, local_files_only: bool, token: Any
    ) -> None:
        try:
            import huggingface_hub.constants
            import huggingface_hub.errors
        except ImportError:
            if sys.platform == "emscripten":
                raise ImportError(
                    f"there is no file or folder {name!r} here, and Python in WebAssembly (a browser) cannot reach the "
                    "Hugging Face hub: put the model's files into a folder, or use the package's albert-np-mini-en"
                ) from None
            raise ImportError(
                f"there is no file or folder {name!r} here; to look for it on the Hugging Face hub: pip install 'albert_np[hub]'"
            ) from None
        self.library = huggingface_hub
        self.name, self.revision, self.commit = name, revision, ""
        self.cache_dir = Path(cache_dir or huggingface_hub.constants.HF_HUB_CACHE)
        self.local_files_only, self.token = local_files_only, token
        self.unknown: dict[str, Exception] = {}  # {file that is not in the cache: why the hub was not asked}

    def first(self, names: tuple[str, ...], what: str) -> Path:
        """Return the first of these files that exists. OSError if none exists or can be fetched."""
        for name in names:
            if file := self.get(name):
                return file
        raise self.missing_error(names, what)

    def get(self, file: str) -> Path | None:
        """Return a file from the cache or the hub; None if it does not exist, or (listed in `unknown`) cannot be fetched."""
        errors = self.library.errors
        revision = self.commit or self.revision
        cached = self.library.try_to_load_from_cache(self.name, file, cache_dir=self.cache_dir, revision=revision)
        offline = self.local_files_only or self.library.constants.HF_HUB_OFFLINE or bool(self.unknown)
        if cached is not None and not isinstance(cached, str) and (self.commit or offline):
            return None  # the cache has a record that this commit does not have the file
        if cached is None and not self.commit and not offline:
            offline = not self._is_reachable(file)
        try:
            path = self.library.hf_hub_download(
                self.name, file, revision=revision, cache_dir=self.cache_dir, local_files_only=offline, token=self.token
            )
        except errors.LocalEntryNotFoundError as error:
            self.unknown.setdefault(file, error)
            return None
        except errors.EntryNotFoundError:
            return None
        except Exception as error:  # which errors occur depends on the HTTP client of the library's release
            raise self._explain(error, file) from error
        self.commit = Path(path).parent.name
        return Path(path)

    def _is_reachable(self, file: str) -> bool:
        """Return whether the hub answers at all, with a single request.

        The library retries for half a minute, which is too long if the name of a folder was mistyped.
        """
        try:
            url = self.library.hf_hub_url(self.name, file, revision=self.revision)
            self.library.get_hf_file_metadata(url, token=self.token)
        except (self.library.errors.HfHubHTTPError, self.library.errors.EntryNotFoundError):
            return True
        except Exception as error:  # which errors occur depends on the HTTP client of the library's release
            self.unknown[file] = error
            return False
        return True

    def missing_error(self, names: tuple[str, ...], what: str) -> OSError:
        """Return the error for a repository of which none of these files can be fetched."""
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        not_local = f"there is no file or folder {self.name!r} here"
        unknown = [name for name in names if name in self.unknown]
        if not unknown:
            return FileNotFoundError(f"the repository {self.name} on {self._endpoint()} has no {what}: it lacks {listed}")
        cache = f"the cache in {self.cache_dir} has no {listed} of the repository {self.name}"
        if self.commit or self.revision:
            cache += f" (revision {self.commit or self.revision})"
        if self.local_files_only:
            return FileNotFoundError(
                f"{not_local}, and {cache}; without local_files_only it would be looked for on {self._endpoint()}"
            )
        if self.library.constants.HF_HUB_OFFLINE:
            return FileNotFoundError(f"{not_local}, and {cache}; HF_HUB_OFFLINE forbids looking for it on {self._endpoint()}")
        error = self.unknown[next(iter(self.unknown))]
        reason = _one_line(error.__cause__ or error)
        return ConnectionError(
            f"{not_local}; {self._endpoint()} cannot be reached to look for {self.name} ({reason}), and {cache}: "
            "connect and try again, or give a local folder"
        )

    def _explain(self, error: Exception, file: str) -> OSError:
        """Translate an error of the library into one line that says what to do."""
        errors, at = self.library.errors, f"{self._endpoint()}/{self.name}"
        if isinstance(error, errors.GatedRepoError):
            return PermissionError(
                f"the repository {self.name} is gated: ask for access at {at}, then `hf auth login` or give token="
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            not_local = f"there is no file or folder {self.name!r} here"
            return FileNotFoundError(f"{not_local}, and no repository {at}; if it is private: `hf auth login`, or give token=")
        if isinstance(error, errors.RevisionNotFoundError):
            return FileNotFoundError(
                f"the repository {at} has no revision {self.revision!r}: see its branches, tags and commits there"
            )
        return OSError(f"{file} of the repository {at} could not be fetched, nothing was kept, try again: {_one_line(error)}")

    def _endpoint(self) -> str:
        return str(self.library.constants.ENDPOINT)


def _one_line(error: BaseException) -> str:
    """Format an error's message as one short line."""
    text = " ".join(str(error).split())
    return (text[:300] + " ..." if len(text) > 300 else text) or type(error).__name__
