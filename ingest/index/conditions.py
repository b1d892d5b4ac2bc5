"""Filters in Qdrant's words: any of the outlines of an area, and the dates."""

from qdrant_client import models

from ingest.geo.outline import Box, Ring, regions
from ingest.index.protocol import ACQUIRED_AT, LOCATION, Filter


def condition(filter: Filter | None) -> models.Filter | None:
    """A filter as a request carries it; None where everything matches."""
    if filter is None:
        return None
    must: list[models.Condition] = []
    if filter.area is not None:
        must.append(models.Filter(should=[_place(region) for region in regions(filter.area, filter.reach_m)]))
    if filter.acquired_from or filter.acquired_to:
        dates = models.DatetimeRange(gte=filter.acquired_from, lte=filter.acquired_to)
        must.append(models.FieldCondition(key=ACQUIRED_AT, range=dates))
    return models.Filter(must=must) if must else None


def _place(region: Box | Ring) -> models.FieldCondition:
    if isinstance(region, Ring):
        ring = [models.GeoPoint(lon=lon, lat=lat) for lon, lat in region.corners]
        polygon = models.GeoPolygon(exterior=models.GeoLineString(points=ring))
        return models.FieldCondition(key=LOCATION, geo_polygon=polygon)
    west, south, east, north = region
    box = models.GeoBoundingBox(
        top_left=models.GeoPoint(lon=west, lat=north), bottom_right=models.GeoPoint(lon=east, lat=south)
    )
    return models.FieldCondition(key=LOCATION, geo_bounding_box=box)
