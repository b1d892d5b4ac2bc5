// What is drawn on a map and how: dimmed imagery, heat, pins, outlines. Places are [lon, lat] in degrees.
const EQUATOR_PX_M = 78271.517;  // metres a pixel at zoom 0, MapLibre's world being 512 pixels wide
const CHOSEN = "#00e5ff", CASING = "#14181c";

// The zoom at which so many metres on the ground are so many pixels.
const zoomFor = (metres, pixels, lat) => Math.log2((EQUATOR_PX_M * Math.cos((lat * Math.PI) / 180) * pixels) / metres);

const square = ([lon, lat], metres) => {
  const up = metres / 2 / 111_195, along = up / Math.cos((Math.min(Math.abs(lat), 89) * Math.PI) / 180);
  return [[lon - along, lat - up], [lon + along, lat - up], [lon + along, lat + up], [lon - along, lat + up], [lon - along, lat - up]];
};
const feature = (geometry, properties = {}) => ({ type: "Feature", geometry, properties });
const collected = (features) => ({ type: "FeatureCollection", features });

// Of each place its footprint, its middle, and the corner that its number stands at, beside what it marks.
const pinFeatures = (pins) => collected(pins.flatMap(([id, lon, lat, size, relevance, grade, colour], i) => {
  const told = { id, rank: i + 1, relevance, grade, colour, lon, lat }, ring = square([lon, lat], size);
  return [
    feature({ type: "Polygon", coordinates: [ring] }, { ...told, is: "footprint" }),
    feature({ type: "Point", coordinates: [lon, lat] }, { ...told, is: "middle" }),
    feature({ type: "Point", coordinates: ring[2] }, { ...told, is: "corner", icon: `${i + 1}|${colour}` }),
  ];
}));

// The number of a place on a flag of its colour, whose stem points down to the left.
function drawTag(name) {
  const [text, colour] = name.split("|"), scale = 2, pen = document.createElement("canvas").getContext("2d");
  const wide = 13 + 7 * text.length, high = 17, stem = 5;
  pen.canvas.width = (wide + stem) * scale;
  pen.canvas.height = (high + stem) * scale;
  pen.scale(scale, scale);
  const light = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).reduce((sum, one, i) => sum + one * [0.3, 0.59, 0.11][i], 0) > 120;
  pen.lineWidth = 2;
  pen.strokeStyle = CASING;
  pen.beginPath();
  pen.moveTo(0, high + stem);
  pen.lineTo(stem + 4, high - 4);
  pen.stroke();
  pen.beginPath();
  pen.roundRect(stem + 1, 1, wide - 2, high - 2, 4);
  pen.fillStyle = colour;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.fillStyle = light ? CASING : "#fff";
  pen.font = "bold 11.5px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, stem + wide / 2, high / 2 + 0.5);
  return pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);
}

// A value that falls from the zoom at which a tile is a dot to the one at which it fills much of the map.
const fading = (fade, far, near) => ["interpolate", ["linear"], ["zoom"], fade.from, far, fade.to, near];

// Imagery under colours is darkened and loses its own, the more the smaller its tiles are.
function dim(map, fade) {
  for (const { id, type, paint } of map.getStyle().layers) {
    if (type === "background") {
      map.groundColour ??= paint["background-color"];
      map.setPaintProperty(id, "background-color", fade ? fading(fade, "#1d272c", map.groundColour) : map.groundColour);
    }
    if (type === "fill" && id.startsWith("basemap-")) map.setPaintProperty(id, "fill-opacity", fade ? fading(fade, 0.12, 1) : 1);
    if (type !== "raster" || id.startsWith("heat-")) continue;
    map.setPaintProperty(id, "raster-saturation", fade ? fading(fade, -0.85, 0) : 0);
    map.setPaintProperty(id, "raster-brightness-max", fade ? fading(fade, 0.62, 1) : 1);
    map.setPaintProperty(id, "raster-contrast", fade ? fading(fade, -0.15, 0) : 0);
  }
}

// Heat lies over roads, and under borders and names.
const overHeat = (map) => (map.getStyle().layers.find(({ id }) => /^basemap-(line-boundaries|symbol)/.test(id)) || { id: "overlay-fill" }).id;

const EMPTY = collected([]);
const FEW = 12;  // places with a number while tiles are dots: the colours show the others
const few = (filter) => ["all", filter, ["<=", ["get", "rank"], FEW]];
const is = (...names) => ["match", ["get", "is"], names, true, false];
const line = (id, source, colour, width, filter, more = {}) => ({
  id, type: "line", source, ...(filter && { filter }), layout: { "line-join": "round" },
  paint: { "line-color": colour, "line-width": width, ...more },
});
const ring = (id, source, colour, width, radius, filter, more = {}) => ({
  id, type: "circle", source, ...(filter && { filter }),
  paint: { "circle-radius": radius, "circle-opacity": 0, "circle-stroke-color": colour, "circle-stroke-width": width, ...more },
});

// Sources and layers of ours on a style that has just been loaded; `near` is the zoom from which footprints are seen.
function dress(map, near) {
  for (const name of ["overlay", "area", "pins", "marks", "touched", "drawing"]) map.addSource(name, { type: "geojson", data: EMPTY });
  const far = { maxzoom: near }, close = { minzoom: near };
  const colour = ["get", "colour"], footprint = is("footprint"), middle = is("middle");
  const layers = [
    { id: "overlay-fill", type: "fill", source: "overlay", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#7fe8ff", "fill-opacity": 0.12 } },
    line("overlay-line", "overlay", "#7fe8ff", 1.5, ["!=", ["geometry-type"], "Point"]),
    { id: "overlay-point", type: "circle", source: "overlay", filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 4, "circle-color": "#7fe8ff", "circle-stroke-color": CASING, "circle-stroke-width": 1 } },
    line("area-under", "area", CASING, 4),
    line("area-over", "area", "#fff", 1.6, null, { "line-dasharray": [3, 2] }),
    line("marks-under", "marks", CASING, 5), line("marks-over", "marks", ["coalesce", colour, "#fff"], 2.5),
    { ...line("pins-under", "pins", CASING, 4, footprint), ...close }, { ...line("pins-over", "pins", colour, 2, footprint), ...close },
    { ...ring("rings-under", "pins", CASING, 3.5, 7, few(middle)), ...far }, { ...ring("rings-over", "pins", "#fff", 1.5, 7, few(middle)), ...far },
    { id: "pins-fill", type: "fill", source: "pins", filter: footprint, paint: { "fill-opacity": 0 } },  // to be pointed at
    line("touched-under", "touched", CASING, 6), line("touched-over", "touched", CHOSEN, ["case", ["get", "chosen"], 3.5, 2.5]),
    { ...ring("touched-ring-under", "touched", CASING, 6, 9, middle), ...far },
    { ...ring("touched-ring", "touched", CHOSEN, ["case", ["get", "chosen"], 3.5, 2.5], 9, middle), ...far },
    ...[["tags-far", few(is("corner")), far], ["tags", is("corner"), close]].map(([id, filter, zooms]) => ({
      id, type: "symbol", source: "pins", filter, ...zooms, layout: { "icon-image": ["get", "icon"], "icon-anchor": "bottom-left", "icon-offset": [3, -3], "icon-padding": 0, "symbol-sort-key": ["get", "rank"] },
    })),
    { id: "drawing-fill", type: "fill", source: "drawing", paint: { "fill-color": "#fff", "fill-opacity": 0.16 } },
    line("drawing-under", "drawing", CASING, 4), line("drawing-over", "drawing", "#fff", 2),
  ];
  layers.forEach((layer) => map.addLayer(layer));
}

const touchedFeatures = (places) => collected(places.flatMap(({ lon, lat, size, chosen }) => [
  feature({ type: "Polygon", coordinates: [square([lon, lat], size)] }, { chosen: Boolean(chosen) }),
  feature({ type: "Point", coordinates: [lon, lat] }, { is: "middle", chosen: Boolean(chosen) }),
]));
