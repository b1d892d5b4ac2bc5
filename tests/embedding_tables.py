"""Tables of embeddings in the layouts that others publish, made on the spot: names and types of columns are theirs."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

LAT, LON = 27.6, 85.5  # Banepa
STEP = 0.02


def vectors(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def lists(values, kind=None, *, fixed=True):
    """Rows of an array as an Arrow column of lists."""
    flat = pa.array(values.ravel(), kind)
    if fixed:
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1) * values.shape[1], pa.int32()), flat)


def middles(n):
    """Latitudes and longitudes of n tiles in a row."""
    return np.full(n, LAT), LON + STEP * np.arange(n)


def boxes(n, half=STEP / 2):
    lat, lon = middles(n)
    return shapely.box(lon - half, lat - half, lon + half, lat + half)


def wkb(shapes):
    return pa.array([shapely.to_wkb(shape) if shape is not None else None for shape in shapes], pa.binary())


def geo(kinds=("Polygon",), **more):
    column = {"encoding": "WKB", "geometry_types": list(kinds)} | more
    return {"geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})}


def write(path: Path, columns, metadata=None, **options):
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, path, **options)
    return path


def clay_v0(path, n=5):
    days = pa.array(np.full(n, np.datetime64("2022-06-10", "D")))
    columns = {"index": np.arange(n), "source_url": [f"s3://clay/claytile_{i:04}.tif" for i in range(n)], "date": days}
    columns |= {"embeddings": lists(vectors(n, 768), fixed=False), "geometry": wkb(boxes(n))}
    return write(path, columns, geo())


def clay_v15(path, n=5):
    columns = {"geometry": wkb(boxes(n)), "embeddings": lists(vectors(n, 1024), fixed=False)}
    return write(path, columns, geo() | {"date": "2024-05-03", "gsd": "10", "uri": "s3://sentinel-cogs/x"})


def lgnd(path, n=5):
    columns = {"chips_id": [f"chip{i}" for i in range(n)], "cell_id": ["x"] * n, "stac_item_id": ["S2A_45RUM"] * n}
    columns |= {"datetime": pa.array(np.full(n, "2024-06-15T04:51:00", "datetime64[us]"))}
    return write(path, columns | {"embedding": lists(vectors(n, 1024)), "geometry": wkb(boxes(n))}, geo())


def earth_index(path, n=5):
    lat, lon = middles(n)
    emb = {"version": "0.0.1", "model": {"id": "dinov2_softcon", "name": "SoftCon", "version": "2.0.0"}}
    emb |= {"datetime": "2023-07-02T00:00:00Z", "embedding": {"dim": 384, "quantization": "None"}}
    columns = {"id": [f"45RUM_{i}" for i in range(n)], "embedding": lists(vectors(n, 384))}
    columns |= {"geometry": wkb(shapely.points(lon, lat))}
    return write(path, columns, geo(["Point"]) | {"emb": json.dumps(emb)})


def geovibes(path, n=5):
    lat, lon = middles(n)
    columns = {"tile_id": [f"t{i}" for i in range(n)], "geometry": wkb(shapely.points(lon, lat))}
    return write(path, columns | {"embedding": lists(vectors(n, 384), fixed=False)}, geo(["Point"]))


def major_tom(path, n=5):
    lat, lon = middles(n)
    columns = {"unique_id": [f"{i:064x}" for i in range(n)], "embedding": lists(vectors(n, 1152), fixed=False)}
    columns |= {"timestamp": ["20180822T101021"] * n, "product_id": ["S2B_MSIL2A"] * n, "grid_cell": ["307U_931R"] * n}
    columns |= {"grid_row_u": pa.array([307] * n, pa.int16()), "grid_col_r": pa.array([931] * n, pa.int16())}
    columns |= {"geometry": wkb(boxes(n)), "centre_lat": pa.array(lat, pa.float32())}
    columns |= {"centre_lon": pa.array(lon, pa.float32()), "utm_crs": ["EPSG:32645"] * n}
    return write(path, columns | {"pixel_bbox": pa.array([[0, 0, 224, 224]] * n)}, geo())


def earth_embeddings(path, n=5, *, pixels=True, middle=True):
    lat, lon = middles(n)
    columns = {"unique_id": [f"{i:064x}" for i in range(n)], "embedding": lists(vectors(n, 512).astype(np.float16))}
    columns |= {"timestamp": ["20240115T050159"] * n, "grid_cell": [f"307U_{926 + i}R" for i in range(n)]}
    columns |= {"thumbnail": [b"PNG"] * n}
    if middle:
        columns |= {"centre_lat": lat, "centre_lon": lon}
    if pixels:
        columns |= {"pixel_bbox": pa.array([[342, 342, 726, 726]] * n)}
    return write(path, columns)


def planet(path, n=5):
    mercator = json.loads(pyproj.CRS("EPSG:3857").to_json())
    way = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True)
    projected = shapely.transform(boxes(n, half=0.01), lambda xy: np.column_stack(way.transform(*xy.T)))
    lat, lon = middles(n)
    columns = {"datetime": pa.array(np.full(n, "2018-08-01", "datetime64[ns]")), "centroid_lat": lat}
    columns |= {"centroid_lon": lon, "geometry": wkb(projected), "chip_size": [224] * n, "cloud_percent": [0] * n}
    return write(path, columns | {"embedding": lists(vectors(n, 512), fixed=False)}, geo(crs=mercator))


def alpha_earth_table(path, n=5):
    lat, lon = middles(n)
    stored = np.random.default_rng(0).integers(-127, 128, (n, 64)).astype(np.int8)
    stored[1, 3] = -128  # no data
    columns = {f"A{band:02}": stored[:, band] for band in range(64)}
    return write(path, columns | {"id": [f"p{i}" for i in range(n)], "latitude": lat, "longitude": lon}), stored


def plain(path, n=5, dim=32, *, seed=0, shapes=None, values=None, metadata=None, **more):
    """A table in no known layout: ids, one column of vectors, footprints."""
    values = lists(vectors(n, dim, seed)) if values is None else values
    columns = {"id": [f"r{seed}-{i}" for i in range(n)], "clip": values}
    columns |= {"geometry": wkb(boxes(n) if shapes is None else shapes)}
    return write(path, columns | more, geo() if metadata is None else metadata)
