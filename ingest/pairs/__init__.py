"""From photo metadata to training pairs: WebDataset shards of a photo and the overhead image around its place.

Reading order: `recipe` (what is asked for); `metadata`, `yfcc`, `manifest`, `exif_folder`, `readers` (rows, from
whatever there is); `columns`, `licences`, `sieve` (the steps through which a row goes); `candidates` (all rows, once);
`bursts`, `splits`, `plan` (which candidates each shard is made of); `photograph`, `likeness`, `overhead`, `words`,
`silence`, `shard` (one shard of them); `workplace` (where everything lies); `tally`, `plots`, `card` (what came of
it); `build` (the whole); `handover` (a build that is left to workers).
"""
