// The map: one or two panes in step over the same ground, heat that changes without a blink, pins, pointer, drawing.
// data: see search_ui/components/map_view.py. What is pointed at is told to the list beside it, and the list tells back.
const BUS = (window.groundcastBus ??= new EventTarget());
const VIEWS = (window.groundcastViews ??= {});  // where each map was left, for when its page is shown again
const HASH = /#map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)/;
const idle = (act) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: 250 }) : setTimeout(act, 30));
const absolute = (path) => (path ? new URL(path, document.baseURI).href.replaceAll("%7B", "{").replaceAll("%7D", "}") : path);
const degrees = ({ lat, lng }) => `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lng).toFixed(4)}° ${lng < 0 ? "W" : "E"}`;

class MapFrame {
  constructor(root, library, data, send) {
    Object.assign(this, { root, library, send, data, panes: [], number: 0, pins: [] });
    this.find = (name) => root.querySelector(name);
    this.host = this.find(".panes");
    this.renewal = new Renewal((name) => this.send("lapsed", name), () => this.say("Not all of this map arrived: load the page anew."));
    this.addPane();
    this.player();
    swipe(root, this.find(".swipe"), this.host);
    this.hear = ({ detail }) => detail.from !== "map" && this.touch(detail.place);
    BUS.addEventListener("hover", this.hear);
    // Streamlit writes the address anew after each run, without the view
    this.changed = () => this.root.isConnected && this.remember();
    window.navigation?.addEventListener("currententrychange", this.changed);
  }

  get main() { return this.panes[0]; }

  firstView() {
    const { data } = this, kept = VIEWS[data.key], hash = location.hash.match(HASH);
    this.fitted = kept ? kept.fitted : null;
    if (kept) return kept;
    if (hash && data.linked) return { zoom: Number(hash[1]), center: [Number(hash[3]), Number(hash[2])] };
    if (data.chosen) return { center: [data.chosen.lon, data.chosen.lat], zoom: this.zoomOn(data.chosen) };
    this.fitted = data.area?.bounds || data.bounds;
    return { bounds: this.fitted, fitBoundsOptions: { padding: this.padding() } };
  }

  padding() {  // what is shown at first lies beside the legend, not under it
    const { clientWidth: wide, clientHeight: high } = this.host;
    return { top: 26, left: 14, right: 14, bottom: wide < 460 || high < 330 ? 46 : Math.min(84, 0.17 * high) };
  }

  // All of some ground, which stays so when the map becomes larger or smaller, until somebody moves it.
  fit(bounds, options) {
    this.fitted = bounds;
    this.main.map.fitBounds(bounds, { padding: this.padding(), maxZoom: this.data.maxZoom, ...options });
  }

  zoomOn({ size, lat }) {
    const room = Math.min(this.host.clientWidth, this.host.clientHeight) || 400;
    return Math.min(this.data.maxZoom, zoomFor(size, room * 0.36, lat));
  }

  addPane() {
    const host = document.createElement("div"), first = !this.panes.length, { maplibre, data } = { maplibre: this.library, data: this.data };
    host.className = "pane";
    this.host.append(host);
    const view = first ? this.firstView() : { center: this.main.map.getCenter(), zoom: this.main.map.getZoom() };
    const map = new maplibre.Map({
      container: host, style: absolute(data.style), ...view, maxZoom: data.maxZoom, minZoom: 0, dragRotate: false, touchPitch: false,
      pitchWithRotate: false, fadeDuration: 0, attributionControl: false, locale: { "Map.Title": data.label },
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    const pane = { map, host, heats: [], ready: false, style: data.style };
    this.panes.push(pane);
    map.setMissingStyleImageResolver((id) => { if (id.includes("|") && !map.hasImage(id)) map.addImage(id, drawTag(id), { pixelRatio: 2 }); });
    map.on("style.load", () => this.dressed(pane));
    map.on("error", ({ error, sourceId }) => this.lacking(pane, error, sourceId));
    map.on("movestart", ({ originalEvent }) => { if (originalEvent) this.fitted = null; });
    map.on("move", () => this.follow(pane));
    map.on("dataloading", () => { this.soon ??= setTimeout(() => (this.find(".waits").hidden = this.whole()), 1000); });
    map.on("idle", () => this.whole() && this.came());
    this.pointer(pane);
    if (!first) return pane;
    map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
    map.addControl(extentControl(() => this.fit(this.data.bounds)), "top-right");
    map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
    map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
    map.once("load", () => host.querySelector(".maplibregl-ctrl-attrib")?.classList.remove("maplibregl-compact-show"));
    map.on("moveend", () => this.moved());
    map.on("resize", () => this.fitted && this.fit(this.fitted, { duration: 0 }));
    return pane;
  }

  whole() { return this.panes.every(({ map }) => map.areTilesLoaded()); }

  came() {
    clearTimeout(this.soon);
    this.soon = undefined;
    this.find(".waits").hidden = true;
  }

  dressed(pane) {
    Object.assign(pane, { heats: [], wanted: undefined, shown: undefined });
    pane.map.groundColour = undefined;
    dress(pane.map, zoomFor(this.data.tile, 16, this.data.middle));
    pane.ready = true;
    this.fill(pane);
  }

  // -- what is shown ----------------------------------------------------------------------------------------------

  update(data, send) {
    const before = this.data;
    Object.assign(this, { data, send });
    if (data.key !== before.key) {  // other imagery
      const kept = VIEWS[data.key];
      this.fitted = kept?.fitted;
      if (kept) this.main.map.jumpTo(kept);
      else this.fit(data.bounds, { duration: 0 });
    }
    const layers = data.frames[0] || [];
    while (this.panes.length < layers.length) this.addPane();
    while (this.panes.length > Math.max(1, layers.length)) {
      const { map, host } = this.panes.pop();
      map.remove();
      host.remove();
    }
    this.root.dataset.layout = layers.length > 1 ? data.layout : "one";
    if (data.frames.length !== before.frames.length || data.start !== before.start) this.number = data.start;
    this.number = Math.min(this.number, Math.max(0, data.frames.length - 1));
    this.find(".player").hidden = data.frames.length < 2;
    this.find(".player input").max = data.frames.length - 1;
    this.find(".player input").value = this.number;
    this.find(".player .said").textContent = data.frames[this.number]?.[0]?.name || "";
    for (const pane of this.panes) {
      if (pane.style === data.style) continue;
      Object.assign(pane, { style: data.style, ready: false });
      pane.map.setStyle(absolute(data.style), { diff: false });  // its layers come anew, and ours with them
    }
    this.panes.forEach((pane) => pane.ready && this.fill(pane));
    this.panes.forEach(({ map }) => map.getCanvas().setAttribute("aria-label", data.label));
    showLegend(this.find(".legend"), data.legend);
    this.draw();
    if (data.pins !== before.pins || this.pinsOf !== data.pins) this.loadPins();
    if (data.chosen && data.chosen.id !== before.chosen?.id) this.lookAt(data.chosen);
    if (data.area?.name !== before.area?.name && data.area) this.fit(data.area.bounds);
    this.main.map.setMaxZoom(data.maxZoom);
    if (data.tellsMiddle && !before.tellsMiddle) this.tellMiddle();
    for (const soon of [0, 400, 1500]) setTimeout(this.changed, soon);
    requestAnimationFrame(() => this.panes.forEach(({ map }) => map.resize()));
  }

  fill(pane) {
    const { data } = this, { map } = pane, layer = (data.frames[this.number] || [])[this.panes.indexOf(pane)];
    dim(map, layer && data.dim ? data.fade : null);
    this.heat(pane, layer);
    map.getSource("area").setData(data.area ? data.area.shape : EMPTY);
    map.getSource("overlay").setData(data.overlay ? absolute(data.overlay) : EMPTY);
    map.getSource("marks").setData(data.marks || EMPTY);
    this.pin(pane);
    this.touch(this.pointed);
    let name = pane.host.querySelector(".name");
    if (!name) {
      name = document.createElement("div");
      name.className = "name";
      pane.host.append(name);
    }
    name.textContent = layer?.name || "";
    name.hidden = !layer?.name || data.frames.length > 1;  // a film says it beside its slider
  }

  // The new colours are loaded unseen under the old ones, and take their place when all of them are there.
  heat(pane, layer) {
    const { map } = pane, { fade, strength } = this.data, wanted = layer?.tiles || "";
    const paint = (opacity) => fading(fade, opacity, opacity * 0.16);
    const drop = (id) => { map.removeLayer(id); map.removeSource(id); };
    if (pane.wanted === wanted) {
      const shown = pane.heats.at(-1);
      if (shown && pane.shown === shown) map.setPaintProperty(shown, "raster-opacity", paint(strength));
      return;
    }
    pane.wanted = wanted;
    pane.heats.filter((id) => id !== pane.shown).forEach(drop);
    pane.heats = pane.heats.filter((id) => id === pane.shown);
    const swap = (id) => {
      if (pane.wanted !== wanted || !map.style) return;
      pane.heats.filter((other) => other !== id).forEach(drop);
      pane.heats = id ? [id] : [];
      pane.shown = id;
      if (id) map.setPaintProperty(id, "raster-opacity", paint(strength));
      this.renewal.came(wanted);
      this.root.dataset[`heat${this.panes.indexOf(pane)}`] = wanted;
    };
    if (!wanted) return swap(null);
    const id = `heat-${(pane.count = (pane.count || 0) + 1)}`;
    map.addSource(id, { type: "raster", tiles: [absolute(wanted)], tileSize: 512, maxzoom: this.data.heatZoom, bounds: this.data.heatBounds });
    map.addLayer({ id, type: "raster", source: id,
      paint: { "raster-opacity": 0.001, "raster-fade-duration": 0, "raster-resampling": "nearest", "raster-opacity-transition": { duration: 0 } } }, overHeat(map));
    pane.heats.push(id);
    map.once("idle", () => swap(id));
  }

  // A tile of imagery may be missing; heat that the server has let go of is fetched again, and the old stays until then.
  lacking(pane, error, sourceId) {
    console.debug("map:", error?.message);
    const { wanted } = pane;
    if (error?.status !== 410 || !wanted || pane.heats.at(-1) !== sourceId) return;
    pane.wanted = null;
    this.renewal.again(wanted, () => pane.wanted === null && pane.ready && this.fill(pane));
  }

  say(told) {
    this.find(".failed").textContent = told;
    this.find(".failed").hidden = false;
  }

  async loadPins() {
    const wanted = (this.pinsOf = this.data.pins);
    const answer = wanted ? await fetch(wanted).catch(() => null) : null;
    if (this.pinsOf !== wanted) return;
    if (wanted && !answer?.ok) return this.renewal.again(wanted, () => this.pinsOf === wanted && this.loadPins());
    const pins = wanted ? await answer.json() : [];
    if (this.pinsOf !== wanted) return;
    this.renewal.came(wanted);
    this.find(".failed").hidden = true;
    this.pins = pins;
    this.root.dataset.pins = pins.length;
    this.panes.forEach((pane) => this.pin(pane));
  }

  pin(pane) {  // the places are those of the first moment
    if (pane.ready) pane.map.getSource("pins").setData(pane === this.main ? pinFeatures(this.pins) : EMPTY);
  }

  // -- where it looks ---------------------------------------------------------------------------------------------

  follow(pane) {
    if (this.following) return;
    this.following = true;
    for (const other of this.panes) if (other !== pane) other.map.jumpTo({ center: pane.map.getCenter(), zoom: pane.map.getZoom() });
    this.following = false;
  }

  // A place chosen elsewhere is brought into sight, near enough to be seen; one clicked on here is in sight already.
  lookAt(place) {
    if (this.clicked && this.clicked.some((one, i) => Math.abs(one - [place.lon, place.lat][i]) * 111_195 > place.size)) this.clicked = null;
    if (this.clicked) return (this.clicked = null);
    this.fitted = null;
    this.main.map.easeTo({ center: [place.lon, place.lat], zoom: Math.max(this.main.map.getZoom(), this.zoomOn(place)), duration: 700 });
  }

  moved() {
    const { map } = this.main;
    VIEWS[this.data.key] = { center: map.getCenter(), zoom: map.getZoom(), fitted: this.fitted };
    this.remember();
    if (this.data.tellsMiddle) {
      clearTimeout(this.telling);
      this.telling = setTimeout(() => this.tellMiddle(), 500);
    }
  }

  tellMiddle() {
    const { lng, lat } = this.main.map.getCenter().wrap();
    const told = [Number(lat.toFixed(4)), Number(lng.toFixed(4))];
    if (String(told) !== String(this.data.middleTold)) this.send("middle", told);
  }

  remember() {  // the address says what is seen
    if (!this.data.linked || this.closed) return;
    const { map } = this.main, { lng, lat } = map.getCenter().wrap(), hash = `#map=${map.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}`;
    if (location.hash !== hash) history.replaceState(history.state, "", location.pathname + location.search + hash);
  }

  // -- pointing, choosing, drawing --------------------------------------------------------------------------------

  pointer(pane) {
    const { map } = pane, where = this.find(".where");
    map.on("mousemove", (event) => {
      where.textContent = degrees(event.lngLat.wrap());
      if (this.drawing) return;
      const pin = this.pinAt(event.point);
      map.getCanvas().style.cursor = pin ? "pointer" : "";
      this.tell(pin, event, pane);
    });
    map.on("mouseout", () => this.tell(null, null, pane));
    map.on("click", (event) => {
      if (this.drawing) return;
      const pin = this.pinAt(event.point), { lng, lat } = event.lngLat.wrap();
      this.clicked = [lng, lat];
      if (pin) this.clicked = [pin.lon, pin.lat];
      if (pin) this.send("opened", pin.id);
      else this.send("clicked", [lat, lng]);
    });
  }

  pinAt({ x, y }) {
    if (!this.main.ready) return null;
    const layers = ["tags", "tags-far", "rings-over", "pins-fill"].filter((name) => this.main.map.getLayer(name));
    const found = this.main.map.queryRenderedFeatures([[x - 3, y - 3], [x + 3, y + 3]], { layers });
    if (!found.length) return null;
    const rank = Math.min(...found.map(({ properties }) => properties.rank)), pin = this.pins[rank - 1];
    return pin && { id: pin[0], lon: pin[1], lat: pin[2], size: pin[3], relevance: pin[4], grade: pin[5], rank };
  }

  // What lies under the pointer: at once of a pin, a moment later, from the server, of any tile, with its name.
  tell(pin, event, pane) {
    const tip = this.find(".tip");
    if (pin?.id !== this.pointed?.id || !event) {
      this.touch(pin);
      BUS.dispatchEvent(new CustomEvent("hover", { detail: { place: pin, from: "map" } }));
    }
    clearTimeout(this.asking);
    this.asked = null;
    tip.hidden = !pin || !event;
    if (!event) return;
    const put = (told) => {
      tip.textContent = told;
      tip.hidden = false;
      const { y } = event.point, x = event.point.x + pane.host.offsetLeft, room = this.host.clientWidth;
      Object.assign(tip.style, { top: `${y + 14}px`, left: x < room / 2 ? `${x + 14}px` : "", right: x < room / 2 ? "" : `${room - x + 10}px` });
    };
    if (pin) put(`${pin.rank} · ${pin.grade} ${pin.relevance}`);
    if (!this.data.at) return;
    const { lng, lat } = pin ? { lng: pin.lon, lat: pin.lat } : event.lngLat.wrap();
    this.asking = setTimeout(async () => {
      const asked = (this.asked = {});
      const answer = await fetch(`${this.data.at}?lat=${lat.toFixed(6)}&lon=${lng.toFixed(6)}`).catch(() => null);
      if (answer?.status === 410) this.renewal.again(this.data.at, () => this.renewal.came(this.data.at));
      const told = answer?.ok ? await answer.json() : null;
      if (this.asked === asked && told) put(`${told.rank ? `${told.rank} · ` : ""}${told.says} ${told.relevance}\n${told.title}\n${told.place}`);
    }, 160);
  }

  touch(place) {
    this.pointed = place || null;
    const { chosen } = this.data, both = [...(chosen ? [{ ...chosen, chosen: true }] : []), ...(place ? [place] : [])];
    for (const { map, ready } of this.panes) if (ready) map.getSource("touched")?.setData(touchedFeatures(both));
  }

  draw() {
    const { drawing } = this.data;
    if (Boolean(drawing) === Boolean(this.drawing)) return;
    if (!drawing) {
      this.drawing.close();
      this.drawing = null;
      return;
    }
    if (!this.main.ready) return void this.main.map.once("style.load", () => this.draw());
    const ended = () => { this.drawing = null; };
    this.drawing = new Drawing(this.main.map, this.find(".drawing"), drawing, (ring) => { ended(); this.send("drawn", ring); },
      () => { ended(); this.send("drawn", []); });
  }

  player() {
    const bar = this.find(".player"), [play, slider] = [bar.querySelector("button"), bar.querySelector("input")];
    const show = (number) => {
      this.number = number;
      slider.value = number;
      bar.querySelector(".said").textContent = this.data.frames[number]?.[0]?.name || "";
      this.panes.forEach((pane) => pane.ready && this.fill(pane));
    };
    const still = () => { clearInterval(this.playing); this.playing = null; play.textContent = "▶ Play"; };
    slider.oninput = () => show(Number(slider.value));
    play.onclick = () => {
      if (this.playing) return still();
      play.textContent = "❚❚ Pause";
      this.playing = setInterval(() => (this.data.frames.length < 2 ? still() : show((this.number + 1) % this.data.frames.length)), 900);
    };
    still();
  }

  close() {
    this.closed = true;
    BUS.removeEventListener("hover", this.hear);
    window.navigation?.removeEventListener("currententrychange", this.changed);
    clearInterval(this.playing);
    this.panes.forEach(({ map }) => map.remove());
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gc-map");
  root.latest = { data, send: setTriggerValue };
  const failed = (told) => {
    root.querySelector(".failed").textContent = told;
    root.querySelector(".failed").hidden = false;
  };
  const show = () => {
    try {
      root.frame ??= new MapFrame(root, root.library, root.latest.data, root.latest.send);
      root.frame.update(root.latest.data, root.latest.send);
    } catch (error) {
      failed(`The map cannot be drawn here: ${error.message}. It needs WebGL 2; the list works without.`);
    }
  };
  // behind what else comes with the same run, such as the list: what is drawn here may take long
  if (root.library) root.due ??= idle(() => { root.due = undefined; if (!root.gone) show(); });
  else if (!root.loading) {
    root.loading = (window.groundcastMapLibre ??= import(absolute(data.library)));
    root.loading.then((library) => { root.library = library; if (!root.gone) show(); }, (error) => {
      window.groundcastMapLibre = undefined;
      failed(`The map's library did not arrive (${error.message}): load the page anew. The list works without.`);
    });
  }
  root.gone = false;
  return () => {
    root.gone = true;
    root.frame?.close();
    root.frame = null;
  };
}
