// One map or several in step, each with pictures over the same ground, and a player that turns the pages.
// data: tiles, bounds, attribution, opacity, frames: [[{url, alt, name}, …a map each], …], height
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".pair");
  const row = root.querySelector(".row"), bar = root.querySelector(".bar");
  const count = data.frames[0].length;
  if (!root.maps || root.maps.length !== count) {
    (root.maps || []).forEach((map) => map.close());
    row.replaceChildren();
    root.maps = data.frames[0].map(() => {
      const host = document.createElement("div");
      host.style.height = `${data.height}px`;
      row.append(host);
      const map = new Slippy(host, data);
      map.label = document.createElement("div");
      map.label.className = "name";
      host.append(map.label);
      return map;
    });
    root.maps.forEach((map) => {
      map.fit(data.bounds);  // once more: each got its width when the last of them came
      map.moved = () => root.maps.forEach((other) => other !== map && other.look(map));
    });
  }
  const [play, slider, said] = [bar.querySelector("button"), bar.querySelector("input"), bar.querySelector(".said")];
  clearInterval(root.timer);
  root.timer = null;
  const show = (number) => {
    data.frames[number].forEach((frame, i) => {
      root.maps[i].show([{ url: frame.url, bounds: data.picture, alt: frame.alt }], data.opacity);
      root.maps[i].label.textContent = frame.name;
    });
    said.textContent = data.frames.length > 1 ? data.frames[number][0].name : "";
    slider.value = number;
  };
  bar.style.display = data.frames.length > 1 ? "flex" : "none";
  slider.max = data.frames.length - 1;
  slider.oninput = () => show(Number(slider.value));
  const still = () => {
    clearInterval(root.timer);
    root.timer = null;
    play.textContent = "▶ Play";
  };
  still();
  play.onclick = () => {
    if (root.timer) return still();
    play.textContent = "❚❚ Pause";
    root.timer = setInterval(() => show((Number(slider.value) + 1) % data.frames.length), 700);
  };
  show(Math.min(data.start || 0, data.frames.length - 1));
  return () => clearInterval(root.timer);
}
