// Draws a box or a polygon on the map and sends it as a ring of [lon, lat].
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".drawer");
  if (root.map) {
    return;
  }
  const map = (root.map = new Slippy(root.querySelector(".map"), data));
  const [boxButton, polygonButton, clearButton, takeButton] = root.querySelectorAll(".bar button");
  const said = root.querySelector(".said");
  let ring = data.ring || [], corner = null, mode = null;

  const redraw = (open) => {
    map.shapes = ring.length > 1 ? [{ ring, open }] : [];
    map.draw();
    takeButton.disabled = ring.length < 3 || Boolean(open);
    clearButton.disabled = !ring.length;
  };
  const choose = (wanted) => {
    mode = wanted;
    map.tool = wanted ? tools[wanted] : null;
    map.host.classList.toggle("drawing", Boolean(wanted));
    boxButton.setAttribute("aria-pressed", wanted === "box");
    polygonButton.setAttribute("aria-pressed", wanted === "polygon");
    said.textContent = {
      box: "Press at one corner, drag to the other.",
      polygon: "Click each corner; double-click or Enter ends. Escape begins again.",
    }[wanted] || (ring.length ? "Search here, or draw another area." : "Choose a shape, or drag to move the map.");
  };
  const finish = () => {
    if (ring.length < 3) return;
    redraw(false);
    choose(null);
  };
  const tools = {
    box: {
      down: (place) => { corner = place; ring = []; },
      move: (place) => {
        if (!corner) return true;
        const [west, east] = [corner[0], place[0]].sort((a, b) => a - b);
        const [south, north] = [corner[1], place[1]].sort((a, b) => a - b);
        ring = [[west, south], [east, south], [east, north], [west, north]];
        redraw(true);
        return true;
      },
      up: () => { corner = null; finish(); },
      done: () => {},
    },
    polygon: {
      down: (place) => { ring = [...ring, place]; redraw(true); },
      move: () => true,
      up: () => {},
      done: () => { ring = ring.slice(0, -1); finish(); },  // a double click has set the last corner twice
    },
  };
  boxButton.onclick = () => { ring = []; redraw(false); choose("box"); };
  polygonButton.onclick = () => { ring = []; redraw(false); choose("polygon"); };
  clearButton.onclick = () => { ring = []; redraw(false); choose(null); };
  takeButton.onclick = () => setTriggerValue("drawn", ring.map((place) => place.map((n) => Number(n.toFixed(6)))));
  map.host.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { ring = []; corner = null; redraw(false); choose(mode); }
    if (event.key === "Enter" && mode === "polygon") finish();
  });
  redraw(false);
  choose(null);
}
