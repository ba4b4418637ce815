"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const m = unpack(data.messages);
const byId = (id) => document.getElementById(id);
const picture = byId("picture"), overview = byId("overview"), tip = byId("tip");

const GUTTER = 72, HEAD = 26, RECOVERIES = 90;
const BANDS = { dead: "#b9c0c7", paused: "#f6d67a", cut: "#d9b8ef", weather: "#bcdcf5", disk: "#e3c3a4", clock: "#bfe3cf" };
const LANES = { heartbeat: "#9aa5b1", control: "#1565c0", object: "#2e7d32", replication: "#8e5a00", recovery: "#ad1457" };
const PHASES = { suspected: "#fff3c4", discovery: "#f9d38b", waiting: "#eeb3b3", replay: "#a9cdf0", commit: "#a8dcb5" };
const OUTCOMES = { done: "#7cb98b", refused: "#8aa7d8", "not-done": "#e0a04a", unknown: "#d64545" };
const MARKS = { event: "#1565c0", start: "#2e7d32", bad: "#c62828" };

let view = clamp({ from: 0, to: data.end }, data.end);
const filter = {
  lanes: new Set(m.lanes.filter((lane) => lane !== "heartbeat")), call: "", replies: true, missed: false, nodes: new Set(),
};
let shown = [], hits = [], isDirty = false;

function laneX(node) {
  const width = (picture.clientWidth - GUTTER - RECOVERIES) / data.nodes.length;
  return GUTTER + RECOVERIES + width * (node + 0.5);
}
const laneWidth = () => (picture.clientWidth - GUTTER - RECOVERIES) / data.nodes.length;
const timeY = (us) => HEAD + (us - view.from) / (view.to - view.from) * (picture.clientHeight - HEAD);
const yTime = (y) => view.from + (y - HEAD) / (picture.clientHeight - HEAD) * (view.to - view.from);
const isSeen = (from, to) => to >= view.from && from <= view.to;

// The canvas at the screen's own resolution.
function begin(canvas) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  const c = canvas.getContext("2d");
  c.scale(scale, scale);
  c.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  return c;
}

function draw() {
  isDirty = false;
  const c = begin(picture);
  hits = [];
  drawBands(c);
  drawAxis(c);
  drawRecoveries(c);
  drawCalls(c);
  drawMessages(c);
  drawFaultNames(c);
  drawMarks(c);
  drawHeads(c);
  drawOverview();
  byId("from").value = seconds(view.from, (view.to - view.from) / 100);
  byId("to").value = seconds(view.to, (view.to - view.from) / 100);
}
function redraw() {
  if (!isDirty) requestAnimationFrame(draw);
  isDirty = true;
}

// A box that can be pointed at.
function box(c, x, from, to, width, colour, text, alpha = 1) {
  if (!isSeen(from, to)) return;
  const top = Math.max(timeY(from), HEAD), bottom = Math.max(Math.min(timeY(to), picture.clientHeight), top + 1.5);
  c.globalAlpha = alpha;
  c.fillStyle = colour;
  c.fillRect(x, top, width, bottom - top);
  c.globalAlpha = 1;
  hits.push({ left: x, right: x + width, top: top - 1, bottom: bottom + 1, text });
}

function drawBands(c) {
  const width = laneWidth();
  const until = (from, to) => `${seconds(from, 1)} s to ${seconds(to, 1)} s`;
  for (const { class: name, text, whom, from, to } of data.incidents) {
    const lanes = whom.length ? whom : data.nodes.map((_, node) => node);
    // What is killed or paused is shown as long as it is so; its fault is a stripe.
    const isState = name === "dead" || name === "paused";
    for (const node of lanes) {
      const left = laneX(node) - width / 2;
      if (isState) box(c, left, from, to, 3, "#c62828", `${until(from, to)}\nFAULT ${text}`, 0.7);
      else box(c, left + 1, from, to, width - 2, BANDS[name], `${until(from, to)}\nFAULT ${text}`, whom.length ? 0.8 : 0.45);
    }
  }
  for (const [name, label] of [["paused", "stands still"], ["dead", "dead"]]) {
    for (const [node, from, to] of data[name]) {
      box(c, laneX(node) - width / 2 + 4, from, to, width - 8, BANDS[name], `${until(from, to)}\n${data.nodes[node]}: ${label}`, 0.85);
    }
  }
}

function drawFaultNames(c) {
  c.font = "bold 11px system-ui, sans-serif";
  for (const { kind, whom, from, to } of data.incidents) {
    if (!isSeen(from, to)) continue;
    const [x, y] = [laneX(whom[0] || 0) - laneWidth() / 2 + 5, Math.max(timeY(from), HEAD) + 8];
    c.globalAlpha = 0.7; c.fillStyle = "#fff"; c.fillRect(x - 1, y - 6, c.measureText(kind).width + 2, 13); c.globalAlpha = 1;
    c.fillStyle = "#c62828";
    c.fillText(kind, x, y);
  }
  c.font = "11px system-ui, sans-serif";
}

function drawAxis(c) {
  const { step, found } = ticks(view, Math.max(picture.clientHeight / 60, 2));
  c.strokeStyle = "#e3e8ed";
  c.lineWidth = 1;
  c.textAlign = "right";
  for (const at of found) {
    const y = Math.round(timeY(at)) + 0.5;
    c.beginPath(); c.moveTo(GUTTER, y); c.lineTo(picture.clientWidth, y); c.stroke();
    c.fillStyle = "#51606e";
    c.fillText(seconds(at, step), GUTTER - 6, Math.max(y, HEAD + 6));
  }
  c.textAlign = "left";
  for (let node = 0; node < data.nodes.length; node++) {
    c.strokeStyle = filter.nodes.has(node) ? "#1c2733" : "#b7c1cb";
    c.lineWidth = filter.nodes.has(node) ? 2 : 1;
    c.beginPath(); c.moveTo(laneX(node), HEAD); c.lineTo(laneX(node), picture.clientHeight); c.stroke();
  }
}

function drawRecoveries(c) {
  const ends = [];
  for (const { name, phases, to, over } of data.recoveries) {
    let slot = ends.findIndex((end) => end <= phases[0][1]);
    if (slot < 0) slot = ends.length;
    ends[slot] = to;
    const left = GUTTER + 4 + (slot % 4) * 20;
    phases.forEach(([phase, from], i) => {
      const end = i + 1 < phases.length ? phases[i + 1][1] : to;
      const text = `${seconds(from, 1)} s to ${seconds(end, 1)} s\nrecovery of ${name}: ${phase}${over ? "" : "; not over in the end"}`;
      box(c, left, from, end, 16, PHASES[phase] || "#ccc", text);
    });
  }
}

function drawCalls(c) {
  const isClose = (view.to - view.from) < 2e5;
  for (const [node, from, to, outcome, text] of data.calls) {
    const end = to === null ? from + 5000 : to;
    if (!isSeen(from, end) || (filter.nodes.size && !filter.nodes.has(node))) continue;
    const when = to === null ? "no answer" : `${seconds(from, 1)} s to ${seconds(to, 1)} s`;
    box(c, laneX(node) + 2, from, end, 6, OUTCOMES[outcome], `${when}\n${data.nodes[node]}: ${text}`);
    if (isClose) {
      c.fillStyle = "#51606e";
      c.fillText(text.slice(0, Math.max(laneWidth() / 6, 12)), laneX(node) + 11, Math.max(timeY(from), HEAD + 6));
    }
  }
}

function drawMessages(c) {
  shown = visible(m, view, filter);
  const many = shown.length > ARROWS_MAX;
  if (many) {
    drawRows(c);
    shown.filter((i) => m.fate[i] > 1 || m.repeat[i] || m.breaks[i]).slice(0, ARROWS_MAX).forEach((i) => drawArrow(c, i, false));
  } else {
    shown.forEach((i) => drawArrow(c, i, shown.length < 160));
  }
  byId("shown").textContent = `${shown.length} of ${m.count} messages ${many ? "(summed up: zoom in for arrows)" : ""}`;
}

function drawRows(c) {
  const count = Math.max(Math.floor((picture.clientHeight - HEAD) / 3), 1);
  const sums = rows(m, shown, view, count);
  const most = sums.reduce((most, [, , , n]) => Math.max(most, n), 1);
  for (const [row, from, to, n] of sums) {
    const y = HEAD + row * 3 + 1, [left, right] = [laneX(from), laneX(to)];
    // The half of the way that is the sender's: both directions of a link can be told apart.
    c.globalAlpha = 0.04 + 0.4 * n / most;
    c.fillStyle = "#37618e";
    c.fillRect(Math.min(left, (left + right) / 2), y, Math.abs(right - left) / 2, 2);
  }
  c.globalAlpha = 1;
}

function drawArrow(c, i, isNamed) {
  const missed = m.fate[i] > 1;
  const [x, y, x2, y2] = [laneX(m.from[i]), timeY(m.sent[i]), laneX(m.to[i]), timeY(m.sent[i] + m.took[i])];
  // What missed ends on its way.
  const end = missed ? x + (x2 - x) * 0.6 : x2;
  const colour = missed || m.breaks[i] ? "#d50000" : m.repeat[i] ? "#aa00ff" : LANES[m.lanes[m.lane[i]]] || "#555";
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = missed ? 1.5 : 1;
  c.setLineDash(m.fate[i] === 1 ? [4, 3] : []);
  c.beginPath(); c.moveTo(x, y); c.lineTo(end, y2); c.stroke();
  c.setLineDash([]);
  if (missed) drawCross(c, end, y2); else drawHead(c, x, y, x2, y2);
  if (isNamed) {
    c.textAlign = "center";
    c.fillText(m.calls[m.call[i]], (x + end) / 2, (y + y2) / 2 - 6);
    c.textAlign = "left";
  }
}
function drawHead(c, x, y, x2, y2) {
  const angle = Math.atan2(y2 - y, x2 - x);
  c.beginPath();
  c.moveTo(x2, y2);
  for (const turn of [-0.4, 0.4]) c.lineTo(x2 - 7 * Math.cos(angle + turn), y2 - 7 * Math.sin(angle + turn));
  c.fill();
}
function drawCross(c, x, y) {
  c.beginPath();
  c.moveTo(x - 4, y - 4); c.lineTo(x + 4, y + 4);
  c.moveTo(x - 4, y + 4); c.lineTo(x + 4, y - 4);
  c.stroke();
}

function drawMarks(c) {
  const seen = data.marks.filter(([at]) => isSeen(at, at));
  const isNamed = seen.length < 60;
  let low = -99;
  for (const [at, node, kind, text] of seen) {
    if (node === null) continue;
    const [x, y] = [laneX(node), timeY(at)];
    c.fillStyle = MARKS[kind];
    c.beginPath(); c.arc(x, y, 4, 0, 7); c.fill();
    hits.push({ left: x - 5, right: x + 5, top: y - 5, bottom: y + 5, text: `${seconds(at, 1)} s\n${data.nodes[node]}: ${text}` });
    if (!isNamed || (kind === "event" && y < low + 12)) continue;
    if (kind === "event") low = y;
    const width = c.measureText(text).width;
    c.globalAlpha = 0.85; c.fillStyle = "#fff"; c.fillRect(x + 7, y - 7, width + 4, 14); c.globalAlpha = 1;
    c.fillStyle = MARKS[kind];
    c.fillText(text, x + 9, y);
  }
}

function drawHeads(c) {
  c.fillStyle = "#eef2f6";
  c.fillRect(0, 0, picture.clientWidth, HEAD - 2);
  c.fillStyle = "#1c2733";
  c.fillText("seconds", 8, HEAD / 2);
  c.fillText("recoveries", GUTTER + 6, HEAD / 2);
  c.textAlign = "center";
  data.nodes.forEach((name, node) => {
    c.font = `${filter.nodes.has(node) ? "bold " : ""}12px system-ui, sans-serif`;
    c.fillText(name, laneX(node), HEAD / 2);
    const state = stateAt(data.states, node, view.to);
    hits.push({ left: laneX(node) - laneWidth() / 2, right: laneX(node) + laneWidth() / 2, top: 0, bottom: HEAD, text: `${name}\n${state}` });
  });
  c.font = "11px system-ui, sans-serif";
  c.textAlign = "left";
}

function drawOverview() {
  const c = begin(overview);
  const [width, height] = [overview.clientWidth, overview.clientHeight];
  const y = (us) => us / data.end * height;
  for (const { class: name, from, to } of data.incidents) {
    c.fillStyle = BANDS[name];
    c.fillRect(8, y(from), 22, Math.max(y(to) - y(from), 2));
  }
  for (const { phases, to } of data.recoveries) {
    c.fillStyle = "#6fa3d8";
    c.fillRect(34, y(phases[0][1]), 12, Math.max(y(to) - y(phases[0][1]), 2));
  }
  if (data.failed) { c.fillStyle = "#c62828"; c.fillRect(0, height - 4, width, 4); }
  c.strokeStyle = "#1c2733";
  c.lineWidth = 2;
  c.strokeRect(1, y(view.from), width - 3, Math.max(y(view.to) - y(view.from), 3));
}
