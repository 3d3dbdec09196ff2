"""A zone of a dozen parcels, see ``zone.py``."""

import copy

import pytest

from tests.maps.zone import map_parcels, map_view


@pytest.fixture(scope="session")
def parcels():
    return map_parcels()


@pytest.fixture(scope="session")
def view(parcels):
    return map_view(parcels)


@pytest.fixture
def spoilt(parcels):
    """Take a private copy of one parcel's record."""
    return lambda number: copy.deepcopy(next(dict(parcel.record) for parcel in parcels if parcel.id == number))
