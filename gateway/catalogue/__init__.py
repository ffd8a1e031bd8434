"""The catalogue of data products: Bitol ODPS and ODCS YAML in, `Dataset` values out."""

from gateway.catalogue.bindings import fill_secrets
from gateway.catalogue.catalogue import Catalogue, check_folder
from gateway.catalogue.drift import drift

__all__ = ["Catalogue", "check_folder", "drift", "fill_secrets"]
