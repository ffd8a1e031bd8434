"""The catalogue of data products: Bitol ODPS and ODCS YAML in, `Dataset` values out."""

from gateway.catalogue.bindings import fill_secrets
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.drift import drift

__all__ = ["Catalogue", "drift", "fill_secrets"]
