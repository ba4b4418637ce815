"use strict";
// What is under the pointer: boxes and marks, last drawn first, then the nearest message.
function under(x, y) {
  const texts = hits.filter((h) => x >= h.left && x <= h.right && y >= h.top && y <= h.bottom).map((h) => h.text);
  const near = y > HEAD && shown.length <= ARROWS_MAX ? nearest(x, y) : -1;
  if (near >= 0) texts.push(describe(near));
  return texts.reverse().slice(0, 6).join("\n\n");
}
function nearest(x, y) {
  let [best, distance] = [-1, 5];
  for (const i of shown) {
    const [x1, y1, x2, y2] = [laneX(m.from[i]), timeY(m.sent[i]), laneX(m.to[i]), timeY(m.sent[i] + m.took[i])];
    const share = (x - x1) / (x2 - x1);
    if (!(share >= 0 && share <= 1)) continue;
    const off = Math.abs(y1 + (y2 - y1) * share - y);
    if (off < distance) [best, distance] = [i, off];
  }
  return best;
}
function describe(i) {
  const way = m.fate[i] < 2 ? `, ${m.took[i]} us` : "";
  const special = (m.repeat[i] ? ", a repeat" : "") + (m.breaks[i] ? "; the lane breaks behind it" : "");
  return `${seconds(m.sent[i], 1)} s: ${data.nodes[m.from[i]]} > ${data.nodes[m.to[i]]}\n`
    + `${m.calls[m.call[i]]} #${m.request[i]} (${m.lanes[m.lane[i]]}), ${m.bytes[i]} bytes: ${m.fates[m.fate[i]]}${way}${special}`;
}

function look(next) { view = clamp(next, data.end); redraw(); }
function pan(us) { look({ from: view.from + us, to: view.to + us }); }
function scale(factor, around = (view.from + view.to) / 2) { view = zoom(view, factor, around, data.end); redraw(); }
// A fault that begins after (or before) the upper third of the view, and what happens around it.
function goToFault(isNext) {
  const now = view.from + (view.to - view.from) / 3;
  const starts = data.incidents.map(({ from }) => from).sort((a, b) => a - b);
  const target = isNext ? starts.find((at) => at > now + 1) : starts.findLast((at) => at < now - 1);
  if (target === undefined) return;
  const length = Math.min(view.to - view.from, 1e6);
  look({ from: target - length / 3, to: target + length * 2 / 3 });
}

picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey) scale(Math.exp(event.deltaY / 300), yTime(event.offsetY));
  else pan(event.deltaY / picture.clientHeight * (view.to - view.from));
}, { passive: false });
let drag = null;
picture.addEventListener("mousedown", (event) => {
  if (event.offsetY > HEAD) { drag = { y: event.offsetY, view }; return; }
  const node = data.nodes.findIndex((_, n) => Math.abs(event.offsetX - laneX(n)) < laneWidth() / 2);
  const was = filter.nodes.has(node);
  if (!event.shiftKey) filter.nodes.clear();
  if (node >= 0 && !was) filter.nodes.add(node); else filter.nodes.delete(node);
  redraw();
});
window.addEventListener("mouseup", () => { drag = null; });
picture.addEventListener("mousemove", (event) => {
  if (drag) {
    const us = (drag.y - event.offsetY) / (picture.clientHeight - HEAD) * (drag.view.to - drag.view.from);
    look({ from: drag.view.from + us, to: drag.view.to + us });
    return;
  }
  const text = under(event.offsetX, event.offsetY);
  tip.hidden = !text;
  tip.textContent = text;
  const left = Math.min(event.offsetX + overview.clientWidth + 14, picture.clientWidth - 260);
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.min(event.offsetY + 14, picture.clientHeight - 120)}px`;
});
picture.addEventListener("mouseleave", () => { tip.hidden = true; });
function jump(event) {
  if (event.buttons !== 1) return;
  const at = event.offsetY / overview.clientHeight * data.end, half = (view.to - view.from) / 2;
  look({ from: at - half, to: at + half });
}
overview.addEventListener("mousedown", jump);
overview.addEventListener("mousemove", jump);
const KEYS = {
  "+": () => scale(0.5), "=": () => scale(0.5), "-": () => scale(2), "0": () => look({ from: 0, to: data.end }),
  n: () => goToFault(true), p: () => goToFault(false),
  ArrowDown: () => pan((view.to - view.from) / 5), ArrowUp: () => pan((view.from - view.to) / 5),
  PageDown: () => pan(view.to - view.from), PageUp: () => pan(view.from - view.to),
};
window.addEventListener("keydown", (event) => {
  if (event.target.tagName !== "INPUT" && KEYS[event.key]) { KEYS[event.key](); event.preventDefault(); }
});
window.addEventListener("resize", redraw);

function setUp() {
  byId("title").textContent = data.title;
  byId("outcome").textContent = data.failed ? `BROKEN: ${data.failed.split("\n")[0]}` : "no violation";
  byId("outcome").classList.toggle("failed", Boolean(data.failed));
  byId("broken").hidden = !data.failed;
  byId("account").textContent = data.failed || "";
  for (const lane of m.lanes) {
    const label = document.createElement("label"), check = document.createElement("input");
    Object.assign(check, { type: "checkbox", checked: filter.lanes.has(lane) });
    check.addEventListener("change", () => { check.checked ? filter.lanes.add(lane) : filter.lanes.delete(lane); redraw(); });
    label.style.color = LANES[lane];
    label.append(check, lane);
    byId("lanes").append(label);
  }
  for (const call of [...m.calls].sort()) byId("callnames").append(new Option(call));
  byId("call").addEventListener("input", (event) => { filter.call = event.target.value; redraw(); });
  byId("replies").addEventListener("change", (event) => { filter.replies = event.target.checked; redraw(); });
  byId("missed").addEventListener("change", (event) => { filter.missed = event.target.checked; redraw(); });
  for (const id of ["from", "to"]) {
    byId(id).addEventListener("change", (event) => look({ ...view, [id]: Number(event.target.value) * 1e6 || 0 }));
  }
  byId("in").onclick = KEYS["+"]; byId("out").onclick = KEYS["-"]; byId("whole").onclick = KEYS["0"];
  byId("next").onclick = KEYS.n; byId("previous").onclick = KEYS.p;
  // `#12.5-13` in the address shows that part.
  const range = location.hash.match(/^#([\d.]+)-([\d.]+)$/);
  if (range) view = clamp({ from: range[1] * 1e6, to: range[2] * 1e6 }, data.end);
  else if (data.failed) view = clamp({ from: data.end - 2e6, to: data.end }, data.end);
  draw();
}
setUp();
