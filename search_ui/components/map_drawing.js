// A box or a polygon drawn on a map: a bar with two tools, and the ring of [lon, lat] that comes of them.
class Drawing {
  // map: MapLibre's; bar: an element for the buttons; done(ring) takes what was drawn, ended() says that nobody draws
  constructor(map, bar, words, done, ended) {
    Object.assign(this, { map, bar, done, ended, ring: [], corner: null, tool: null });
    bar.replaceChildren();
    const button = (text, act, name) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      if (name) made.className = name;
      made.onclick = act;
      bar.append(made);
      return made;
    };
    this.tools = { box: button("▭ Box", () => this.choose("box")), polygon: button("⬠ Polygon", () => this.choose("polygon")) };
    this.take = button(words, () => this.finished(), "main");
    button("Cancel", () => { this.close(); ended(); });
    this.said = document.createElement("span");
    this.said.setAttribute("role", "status");
    bar.append(this.said);
    bar.hidden = false;
    this.on = {
      mousedown: (event) => this.down(event), mousemove: (event) => this.move(event), mouseup: () => this.up(),
      touchstart: (event) => this.down(event), touchmove: (event) => this.move(event), touchend: () => this.up(),
      click: (event) => this.click(event), dblclick: (event) => this.double(event),
    };
    for (const [name, act] of Object.entries(this.on)) map.on(name, act);
    this.keys = (event) => {
      if (event.key === "Escape") this.choose(this.tool);
      if (event.key === "Enter" && this.tool === "polygon") this.closeRing();
    };
    map.getContainer().addEventListener("keydown", this.keys);
    this.choose("box");
  }

  choose(tool) {
    this.tool = tool;
    this.ring = [];
    this.corner = null;
    for (const [name, button] of Object.entries(this.tools)) button.setAttribute("aria-pressed", name === tool);
    this.map.getCanvas().style.cursor = tool ? "crosshair" : "";
    this.map.doubleClickZoom[tool ? "disable" : "enable"]();
    this.show();
  }

  show() {
    const { ring } = this, drawn = ring.length > 2;
    const geometry = drawn ? { type: "Polygon", coordinates: [[...ring, ring[0]]] } : { type: "LineString", coordinates: ring };
    this.map.getSource("drawing")?.setData(ring.length > 1 ? feature(geometry) : EMPTY);
    this.take.disabled = !drawn || Boolean(this.corner);
    this.said.textContent = { box: "Press at one corner, drag to the other.",
      polygon: "Click each corner; double-click or Enter ends." }[this.tool] || "";
  }

  down(event) {
    if (this.tool !== "box") return;
    event.preventDefault();  // the map stays where it is
    this.corner = event.lngLat;
    this.ring = [];
  }

  move(event) {
    if (!this.corner) return;
    const [west, east] = [this.corner.lng, event.lngLat.lng].sort((a, b) => a - b);
    const [south, north] = [this.corner.lat, event.lngLat.lat].sort((a, b) => a - b);
    this.ring = [[west, south], [east, south], [east, north], [west, north]];
    this.show();
  }

  up() {
    this.corner = null;
    this.show();
  }

  click(event) {
    if (this.tool !== "polygon") return;
    this.ring = [...this.ring, [event.lngLat.lng, event.lngLat.lat]];
    this.show();
  }

  double(event) {
    event.preventDefault();
    this.ring = this.ring.slice(0, -1);  // two clicks came before
    this.closeRing();
  }

  closeRing() {
    if (this.ring.length < 3) return;
    this.tool = null;
    this.show();
  }

  finished() {
    const ring = this.ring.map((place) => place.map((n) => Number(n.toFixed(6))));
    this.close();
    this.done(ring);
  }

  close() {
    for (const [name, act] of Object.entries(this.on)) this.map.off(name, act);
    this.map.getContainer().removeEventListener("keydown", this.keys);
    this.map.getCanvas().style.cursor = "";
    this.map.doubleClickZoom.enable();
    this.map.getSource("drawing")?.setData(EMPTY);
    this.bar.hidden = true;
  }
}
