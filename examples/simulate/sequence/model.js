"use strict";
// What is in view: nothing in here touches the page.

// More arrows than this are drawn as rows of how many went where.
const ARROWS_MAX = 2500;
// A frame that is under way for longer is not looked for when it left before the view.
const WAY_MAX = 1e6;

// Columns as typed arrays; instants of sending counted from the beginning.
function unpack(messages) {
  const count = messages.sent.length;
  const sent = new Float64Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) sent[i] = at += messages.sent[i];
  const small = (column) => Uint16Array.from(column);
  return {
    count, sent,
    lanes: messages.lanes, calls: messages.calls, answers: messages.answers, fates: messages.fates,
    took: Float64Array.from(messages.took), bytes: Float64Array.from(messages.bytes),
    request: Float64Array.from(messages.request),
    from: small(messages.from), to: small(messages.to), lane: small(messages.lane),
    call: small(messages.call), fate: small(messages.fate),
    repeat: small(messages.repeat), breaks: small(messages.breaks),
  };
}

// The first place at which `sorted` is not below `value`.
function lowerBound(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

// Which frames the filter lets through, as a table by lane and one by call.
function prepare(m, filter) {
  const wanted = filter.call.trim().toLowerCase();
  return {
    lane: m.lanes.map((name) => filter.lanes.has(name)),
    call: m.calls.map((name, i) => (filter.replies || !m.answers[i]) && name.toLowerCase().includes(wanted)),
    nodes: filter.nodes, missed: filter.missed,
  };
}

function passes(m, i, table) {
  const { nodes } = table;
  return table.lane[m.lane[i]] && table.call[m.call[i]] && (!table.missed || m.fate[i] > 0 || m.repeat[i] || m.breaks[i])
    && (nodes.size === 0 || nodes.has(m.from[i]) || nodes.has(m.to[i]));
}

// Frames that are in view at some instant, in the order in which they were sent.
function visible(m, view, filter) {
  const table = prepare(m, filter);
  const shown = [];
  for (let i = lowerBound(m.sent, view.from - WAY_MAX); i < m.count && m.sent[i] <= view.to; i++) {
    if (m.sent[i] + m.took[i] >= view.from && passes(m, i, table)) shown.push(i);
  }
  return shown;
}

// How many frames went from whom to whom in each row of the view: [row, from, to, count].
function rows(m, shown, view, count) {
  const sums = new Map();
  const height = (view.to - view.from) / count;
  for (const i of shown) {
    const row = Math.floor((m.sent[i] - view.from) / height);
    if (row < 0 || row >= count) continue;
    const key = (row * 256 + m.from[i]) * 256 + m.to[i];
    sums.set(key, (sums.get(key) || 0) + 1);
  }
  return Array.from(sums, ([key, n]) => [Math.floor(key / 65536), Math.floor(key / 256) % 256, key % 256, n]);
}

// The view within the run, not shorter than 20 us.
function clamp(view, end) {
  const length = Math.min(Math.max(view.to - view.from, 20), end);
  const from = Math.min(Math.max(view.from, 0), end - length);
  return { from, to: from + length };
}

function zoom(view, factor, around, end) {
  return clamp({ from: around - (around - view.from) * factor, to: around + (view.to - around) * factor }, end);
}

// Instants for the axis: about `count` round ones.
function ticks(view, count) {
  const rough = (view.to - view.from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) found.push(at);
  return { step, found };
}

function seconds(us, step) {
  const digits = Math.min(6, Math.max(1, Math.ceil(6 - Math.log10(Math.max(step, 1)))));
  return (us / 1e6).toFixed(digits);
}

// The last state that was noted before `at`, of one node.
function stateAt(states, node, at) {
  for (let i = states.length - 1; i >= 0; i--) {
    if (states[i][0] > at) continue;
    const line = states[i][1].find(([of]) => of === node);
    return line ? `${line[1]} (at ${seconds(states[i][0], 1e6)} s)` : "not running";
  }
  return "";
}

if (typeof module !== "undefined") {
  module.exports = { unpack, lowerBound, visible, rows, clamp, zoom, ticks, seconds, stateAt };
}
