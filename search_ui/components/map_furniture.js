// What stands on a map beside its ground: the legend, the divider between two moments, the button back to the extent.
const MANY = 7;  // marks of a legend, of which a small map shows every other one

// host: an element; legend: as search_ui/components/map_view.py has it, or nothing
function showLegend(host, legend) {
  host.hidden = !legend;
  if (!legend) return;
  const make = (name, text) => Object.assign(document.createElement("span"), { className: name, textContent: text || "" });
  const ramp = make("ramp");
  ramp.style.background = `linear-gradient(to right, ${legend.colours.join(", ")})`;
  const marks = make(legend.marks.length > MANY ? "marks many" : "marks");
  for (const [at, name] of legend.marks) {
    const mark = make("mark", name);
    mark.style.left = `${100 * at}%`;
    marks.append(mark);
  }
  host.title = legend.clear ? `No colour: ${legend.clear}` : "";
  host.setAttribute("aria-label", `colours: ${legend.unit}, ${legend.marks.map(([, name]) => name).join(", ")}`);
  host.replaceChildren(make("unit", legend.unit), ramp, marks);
}

// root bears --swipe, how far along the divider is; bar: what it is moved by; room: of the panes
function swipe(root, bar, room) {
  const handle = bar.querySelector("input");
  const put = () => root.style.setProperty("--swipe", `${handle.value}%`);
  handle.oninput = put;
  const drag = (event) => {
    const { left, width } = room.getBoundingClientRect();
    handle.value = Math.max(0, Math.min(100, (100 * (event.clientX - left)) / width));
    put();
  };
  const knob = bar.querySelector(".knob");
  knob.onpointerdown = (event) => { knob.setPointerCapture(event.pointerId); knob.onpointermove = drag; };
  knob.onpointerup = () => { knob.onpointermove = null; };
  put();
}

// act: what the button does; a control of MapLibre's
function extentControl(act) {
  const made = document.createElement("div"), button = document.createElement("button");
  made.className = "maplibregl-ctrl maplibregl-ctrl-group";
  button.type = "button";
  button.title = "Show all of it";
  button.setAttribute("aria-label", "show all of it");
  button.innerHTML = '<svg viewBox="0 0 20 20" width="18" height="18" fill="none" stroke="currentColor" stroke-width="2"><path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"/></svg>';
  button.onclick = act;
  made.append(button);
  return { onAdd: () => made, onRemove: () => made.remove() };
}
