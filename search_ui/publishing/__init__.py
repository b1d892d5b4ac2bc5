"""A collection as a folder that others open: embeddings, score maps, what they mean, and how to find them again.

    README.md           the data card
    SHA256SUMS          checksums of all other files, as `sha256sum --check` reads them
    collection.json     STAC Collection, with the extension for embeddings
    model.json          STAC Item of the model, with the extension for machine learning models
    model/              what the model says of itself; not its weights
    NAME-….json         STAC Items of the tables and of the score maps
    embeddings/         GeoParquet: tiles with their footprints and vectors, see `layout`
    maps/               score maps: GeoTIFF, PMTiles

In reading order: hilbert, layout, imagery, extent, survey, tables, web_tiles, score_maps, model_item,
publication_facts, folder, stac, card, publication.
"""
