"""Write a bill of materials (CycloneDX 1.6, JSON) beside the wheel in a folder: python .ci/sbom.py FOLDER [EXTRA ...]

It lists the package's dependencies as pip installs them today into an empty environment (versions, licences, hashes of the
archives, which depends on which), with those of the extras that are named, and the model inside the wheel: its files, and the
sources of the text that it was trained on, each with its licence. It is checked against CycloneDX's schema.
"""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODEL = "albert_np/pretrained/albert-np-mini-en"  # in the wheel
SPECIFICATION = "1.6"
SPDX = {
    "Apache-2.0": "Apache-2.0", "CC BY 2.0": "CC-BY-2.0", "CC BY 2.5": "CC-BY-2.5", "CC BY 3.0": "CC-BY-3.0",
    "CC BY 4.0": "CC-BY-4.0", "CC0 1.0": "CC0-1.0", "CDLA-Sharing-1.0": "CDLA-Sharing-1.0", "MIT": "MIT",
}  # fmt: skip
CHOICES = {"MIT or Apache-2.0": "MIT OR Apache-2.0"}
Component = dict[str, Any]
Folder = Path | zipfile.Path


def main(folder: Path, extras: list[str]) -> Path:
    wheels = sorted(folder.glob("albert_np-*.whl"))
    if len(wheels) != 1:
        sys.exit(f"{folder} must have one wheel of albert_np, and has {len(wheels)}: run `make dist` first")
    version = wheels[0].name.split("-")[1]
    bom = list_environment(wheels[0], extras)
    describe_package(bom, wheels[0], version)
    folder_of_model = zipfile.Path(wheels[0], f"{MODEL}/")
    model, texts = model_component(folder_of_model), text_components(folder_of_model)
    bom["components"] += [model, *texts]
    (root,) = (each for each in bom["dependencies"] if each["ref"] == bom["metadata"]["component"]["bom-ref"])
    root["dependsOn"] = sorted([*root.get("dependsOn", []), model["bom-ref"]])
    bom["dependencies"] += [{"ref": model["bom-ref"], "dependsOn": [each["bom-ref"] for each in texts]}]
    text = json.dumps(bom, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    validate(text)
    path = folder / f"albert_np-{version}.cdx.json"
    path.write_text(text, encoding="utf-8")
    return path


def list_environment(wheel: Path, extras: list[str]) -> dict[str, Any]:
    """Return the bill of an environment into which the wheel was installed, with the hashes of the archives that pip took."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(Path(place) / "venv", with_pip=False)
        python = Path(place) / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        report, bill = Path(place) / "report.json", Path(place) / "bill.json"
        wanted = f"{wheel.resolve()}[{','.join(extras)}]" if extras else str(wheel.resolve())
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--report", report, wanted)
        run(sys.executable, "-m", "cyclonedx_py", "environment", "--spec-version", SPECIFICATION, "--output-reproducible",
            "--pyproject", ROOT / "pyproject.toml", "--mc-type", "library", "--output-file", bill, python)  # fmt: skip
        bom = json.loads(bill.read_text(encoding="utf-8"))
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    archives = {name_of(each["metadata"]["name"]): each["download_info"].get("archive_info", {}) for each in installed}
    for component in bom["components"]:
        hashes = archives[name_of(component["name"])].get("hashes", {})
        if "sha256" in hashes:
            component["hashes"] = [{"alg": "SHA-256", "content": hashes["sha256"]}]
    return bom


def run(*command: Any) -> None:
    date = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    env = {**os.environ, "SOURCE_DATE_EPOCH": date.strip(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([str(word) for word in command], check=True, env=env)


def name_of(name: str) -> str:
    """Return a project's name in the form by which names are compared (PyPA: name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def describe_package(bom: dict[str, Any], wheel: Path, version: str) -> None:
    package = bom["metadata"]["component"]
    package |= {"version": version, "purl": f"pkg:pypi/albert-np@{version}"}
    package["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]


def model_component(folder: Folder) -> Component:
    """Return the packaged model with its files and their hashes. ValueError if a file has another hash than SHA256SUMS says."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    hashes = {}
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        content, name = line.split()
        hashes[name] = [{"alg": "SHA-256", "content": content}]
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != content:
            raise ValueError(f"{name} of {card['name']} has another hash than SHA256SUMS says")
    weights = hashes["model.safetensors"]
    return {
        "bom-ref": card["name"], "type": "machine-learning-model", "name": card["name"], "version": weights[0]["content"][:12],
        "description": card["summary"]["about"], "licenses": licences(card["summary"]["licence"]), "hashes": weights,
        "components": [
            {"bom-ref": f"{card['name']}/{name}", "type": "file", "name": f"{MODEL}/{name}", "hashes": each}
            for name, each in hashes.items()
        ],
    }  # fmt: skip


def text_components(folder: Folder) -> list[Component]:
    """Return the sources of the model's text. They are not in the wheel: their scope is "excluded"."""
    with (folder / "attribution.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = []
    for row in rows:
        name, _, commit = row["source"].partition("@")
        component = {
            "bom-ref": f"text/{row['source']}/{row['licence']}", "type": "data", "name": name, "scope": "excluded",
            "licenses": licences(row["licence"]),
            "properties": [{"name": f"albert_np:{key}", "value": row[key]} for key in ("licence", "documents", "characters")],
        }  # fmt: skip
        found.append(component | ({"version": commit} if commit else {}))
    return found


def licences(text: str) -> list[dict[str, Any]]:
    """Return a licence of attribution.tsv in CycloneDX's form. ValueError if it is neither known nor the public domain."""
    name = text.partition(" (")[0]
    if name in SPDX:
        return [{"license": {"id": SPDX[name]}}]
    if name in CHOICES:
        return [{"expression": CHOICES[name]}]
    if name.startswith("public domain"):
        return [{"license": {"name": text}}]  # SPDX has no identifier for it
    raise ValueError(f"{text!r}: give this licence its SPDX identifier in .ci/sbom.py")


def validate(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.from_version(SPECIFICATION)).validate_str(text)
    if error:
        sys.exit(f"the bill of materials does not follow CycloneDX {SPECIFICATION}: {error}")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2:]))
