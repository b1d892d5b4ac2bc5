// A small slippy map without WebGL: tiles in Web Mercator, pictures laid over them, outlines drawn upon them.
// Places are [lon, lat] in degrees; inside, x and y run from 0 to 1 over the world.
const TILE = 256;
const toWorld = ([lon, lat]) => [
  (lon + 180) / 360,
  0.5 - Math.log(Math.tan(Math.PI / 4 + (Math.max(-85, Math.min(85, lat)) * Math.PI) / 360)) / (2 * Math.PI),
];
const toPlace = ([x, y]) => [
  x * 360 - 180,
  (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI,
];

class Slippy {
  // host: an element with a size; options: tiles (URL with {z}/{x}/{y}), bounds [w, s, e, n], maxZoom, attribution
  constructor(host, options) {
    this.host = host;
    this.options = options;
    this.tiles = new Map();
    this.pictures = [];
    this.shapes = [];
    this.moved = () => {};
    host.classList.add("slippy");
    host.tabIndex = 0;
    host.setAttribute("role", "application");
    host.setAttribute("aria-label", options.label || "map");
    this.layer = this._child("div", "layer");
    this.over = this._child("div", "layer over");
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("class", "layer drawn");
    host.append(this.svg);
    const zoom = this._child("div", "zoom");
    for (const [sign, factor, name] of [["+", 2, "zoom in"], ["−", 0.5, "zoom out"]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      button.setAttribute("aria-label", name);
      button.onclick = () => this.zoomBy(factor);
      zoom.append(button);
    }
    const credit = this._child("div", "credit");
    credit.textContent = options.attribution || "";
    this.fit(options.bounds);
    this._listen();
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(host);
  }

  _child(tag, name) {
    const made = document.createElement(tag);
    made.className = name;
    this.host.append(made);
    return made;
  }

  size() {
    return [this.host.clientWidth || 600, this.host.clientHeight || 400];
  }

  fit([west, south, east, north]) {
    const [left, top] = toWorld([west, north]);
    const [right, bottom] = toWorld([east < west ? east + 360 : east, south]);
    const [width, height] = this.size();
    this.scale = 0.92 * Math.min(width / Math.max(right - left, 1e-9), height / Math.max(bottom - top, 1e-9));
    this.centre = [(left + right) / 2, (top + bottom) / 2];
    this.draw();
  }

  look(other) {
    this.scale = other.scale;
    this.centre = [...other.centre];
    this.draw();
  }

  toScreen(place) {
    const [x, y] = toWorld(place), [width, height] = this.size();
    return [(x - this.centre[0]) * this.scale + width / 2, (y - this.centre[1]) * this.scale + height / 2];
  }

  fromEvent(event) {
    const box = this.host.getBoundingClientRect(), [width, height] = this.size();
    const x = this.centre[0] + (event.clientX - box.left - width / 2) / this.scale;
    const y = this.centre[1] + (event.clientY - box.top - height / 2) / this.scale;
    return toPlace([x, y]);
  }

  zoomBy(factor, event) {
    const before = event ? toWorld(this.fromEvent(event)) : this.centre;
    const wanted = Math.max(TILE / 2, Math.min(TILE * 2 ** 21, this.scale * factor));
    const change = wanted / this.scale;
    this.centre = this.centre.map((value, i) => before[i] + (value - before[i]) / change);
    this.scale = wanted;
    this.draw();
    this.moved();
  }

  panBy(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] - dy / this.scale];
    this.draw();
    this.moved();
  }

  _listen() {
    const host = this.host;
    let last = null;
    host.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(2 ** (-event.deltaY / 400), event);
    }, { passive: false });
    host.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return;
      host.setPointerCapture(event.pointerId);
      last = [event.clientX, event.clientY];
      if (this.tool) this.tool.down(this.fromEvent(event), event);
    });
    host.addEventListener("pointermove", (event) => {
      if (this.tool && this.tool.move(this.fromEvent(event), event)) return;
      if (!last) return;
      this.panBy(event.clientX - last[0], event.clientY - last[1]);
      last = [event.clientX, event.clientY];
    });
    host.addEventListener("pointerup", (event) => {
      last = null;
      if (this.tool) this.tool.up(this.fromEvent(event), event);
    });
    host.addEventListener("dblclick", (event) => {
      if (this.tool) this.tool.done();
      else this.zoomBy(2, event);
    });
    host.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
      if (way) this.panBy(...way);
      else if (event.key === "+") this.zoomBy(2);
      else if (event.key === "-") this.zoomBy(0.5);
      else return;
      event.preventDefault();
    });
  }

  draw() {
    this._drawTiles();
    for (const { element, bounds } of this.pictures) this._lay(element, bounds);
    this._drawShapes();
  }

  _lay(element, [west, south, east, north]) {
    const [left, top] = this.toScreen([west, north]), [right, bottom] = this.toScreen([east, south]);
    Object.assign(element.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
  }

  _drawTiles() {
    if (!this.options.tiles) return;
    const [width, height] = this.size();
    const z = Math.max(0, Math.min(this.options.maxZoom || 19, Math.round(Math.log2(this.scale / TILE))));
    const count = 2 ** z, side = this.scale / count;
    const [left, top] = [this.centre[0] * this.scale - width / 2, this.centre[1] * this.scale - height / 2];
    const wanted = new Set();
    for (let y = Math.max(0, Math.floor(top / side)); y <= Math.min(count - 1, Math.floor((top + height) / side)); y++) {
      for (let x = Math.floor(left / side); x <= Math.floor((left + width) / side); x++) {
        const key = `${z}/${((x % count) + count) % count}/${y}`, at = `${key}@${x}`;
        wanted.add(at);
        let tile = this.tiles.get(at);
        if (!tile) {
          tile = document.createElement("img");
          tile.alt = "";
          tile.draggable = false;
          tile.onerror = () => (tile.style.visibility = "hidden");
          const [tz, tx, ty] = key.split("/");
          tile.src = this.options.tiles.replace("{z}", tz).replace("{x}", tx).replace("{y}", ty);
          this.layer.append(tile);
          this.tiles.set(at, tile);
        }
        Object.assign(tile.style, {
          left: `${x * side - left}px`, top: `${y * side - top}px`, width: `${side + 0.5}px`, height: `${side + 0.5}px`,
        });
      }
    }
    for (const [at, tile] of this.tiles) if (!wanted.has(at)) { tile.remove(); this.tiles.delete(at); }
  }

  // pictures: [{url, bounds, alt}]; they stand above the tiles
  show(pictures, opacity) {
    this.over.style.opacity = opacity;
    const kept = this.pictures.map(({ element }) => element);
    this.pictures = pictures.map(({ url, bounds, alt }, i) => {
      const element = kept[i] || document.createElement("img");
      element.alt = alt || "";
      element.draggable = false;
      if (element.src !== url) element.src = url;
      if (!kept[i]) this.over.append(element);
      return { element, bounds };
    });
    kept.slice(pictures.length).forEach((element) => element.remove());
    this.draw();
  }

  _drawShapes() {
    const [width, height] = this.size();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...this.shapes.map(({ ring, name, open }) => {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", open ? "polyline" : "polygon");
      shape.setAttribute("points", ring.map((place) => this.toScreen(place).map((n) => n.toFixed(1)).join(",")).join(" "));
      shape.setAttribute("class", name || "area");
      return shape;
    }));
  }

  close() {
    this.resizing.disconnect();
  }
}
