// Charts of a card template as SVG: lines, bars and pies, with whole numbers on the axis where the data is whole.
import { h, svg } from "../dom.js";
import { locale, t } from "../i18n.js";

const [LEFT, BOTTOM, TOP] = [44, 26, 10];
const FIRST_WIDTH = 420; // until the card has its place
const MAX_SERIES = 8;
const LABELS = 7;

function shown(value) {
  return value.toLocaleString(locale(), { maximumFractionDigits: 2 });
}

/** The distance of ticks: 1, 2 or 5 times a power of ten, a whole number if all values are. */
function step(range, whole) {
  const rough = range / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough - 1e-9);
  return whole ? Math.max(1, Math.ceil(nice)) : nice;
}

function ticks(low, high, whole) {
  const size = step(high - low, whole);
  const from = Math.floor(low / size);
  const to = Math.max(from + 1, Math.ceil(high / size));
  return Array.from({ length: Math.min(to - from, 12) + 1 }, (_, i) => (from + i) * size);
}

function grouped(points) {
  const xs = [...new Set(points.map((p) => p.x))];
  const series = [...new Set(points.map((p) => p.series))].slice(0, MAX_SERIES);
  return { xs, series };
}

function frame(size, { marks, height }, xs, place) {
  const every = Math.ceil(xs.length / LABELS);
  return [
    ...marks.map((v) => svg("line", { class: "grid", x1: LEFT, x2: size.width - 6, y1: height(v), y2: height(v) })),
    ...marks.map((v) => svg("text", { class: "tick", x: LEFT - 6, y: height(v) + 3.5, "text-anchor": "end" }, shown(v))),
    ...xs.map((x, i) => i % every === 0 && svg("text", { class: "tick", x: place(i), y: size.height - 9, "text-anchor": "middle" }, x.length > 9 ? `${x.slice(0, 8)}…` : x)),
  ];
}

/** The marks of the axis, which are those of the data if it names any, and the height of a value. */
function scale(node, size, tops) {
  const values = [0, ...node.points.flatMap((p) => [p.low, p.y]), ...tops];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const marks = node.ticks.length ? node.ticks : ticks(low, high, values.every(Number.isInteger));
  const [from, to] = [Math.min(low, ...marks), Math.max(high, ...marks)];
  return { marks, height: (v) => TOP + (size.height - TOP - BOTTOM) * (1 - (v - from) / (to - from || 1)) };
}

function lines(node, size, { xs, series }) {
  const axis = scale(node, size, []);
  const { height } = axis;
  const gap = (size.width - LEFT - 24) / Math.max(1, xs.length - 1);
  const place = (i) => (xs.length === 1 ? (size.width + LEFT) / 2 : LEFT + 8 + i * gap);
  const drawn = series.flatMap((name, s) => {
    const at = node.points.filter((p) => p.series === name).map((p) => [place(xs.indexOf(p.x)), height(p.y), p]);
    return [svg("polyline", { class: `c${s} stroke`, points: at.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ") }),
      ...at.map(([x, y, p]) => svg("circle", { class: `c${s}`, cx: x, cy: y, r: at.length > 40 ? 1.5 : 3 }, svg("title", {}, `${p.x} ${p.series} ${shown(p.y)}`)))];
  });
  return [...frame(size, axis, xs, place), ...drawn];
}

function bars(node, size, { xs, series }) {
  const sums = node.stack ? xs.map((x) => node.points.filter((p) => p.x === x).reduce((sum, p) => sum + p.y, 0)) : [];
  const axis = scale(node, size, sums);
  const { height } = axis;
  const slot = (size.width - LEFT - 12) / Math.max(1, xs.length);
  const wide = Math.min(36, (slot * 0.72) / (node.stack ? 1 : series.length));
  const place = (i) => LEFT + 4 + slot * (i + 0.5);
  const below = new Map();
  const drawn = node.points.filter((p) => series.includes(p.series)).map((p) => {
    const [s, i] = [series.indexOf(p.series), xs.indexOf(p.x)];
    const base = node.stack ? below.get(p.x) ?? 0 : p.low;
    const top = node.stack ? base + p.y : p.y;
    below.set(p.x, top);
    const x = node.stack ? place(i) - wide / 2 : place(i) - (wide * series.length) / 2 + s * wide;
    return svg("rect", { class: `c${s}`, x: x.toFixed(1), width: Math.max(1, wide - 1).toFixed(1), y: Math.min(height(base), height(top)).toFixed(1),
      height: Math.abs(height(base) - height(top)).toFixed(1), rx: 1.5 }, svg("title", {}, `${p.x} ${p.series} ${shown(p.y)}`));
  });
  return [...frame(size, axis, xs, place), ...drawn];
}

function pie(node, size) {
  const points = node.points.filter((p) => p.y > 0).slice(0, 24);
  const sum = points.reduce((total, p) => total + p.y, 0);
  const [radius, middle] = [Math.min(size.height / 2 - 8, size.width / 4), size.height / 2];
  const rows = Math.min(10, Math.floor((size.height - 8) / 19));
  let turn = -Math.PI / 2;
  const at = (angle) => `${(radius + 8 + radius * Math.cos(angle)).toFixed(2)} ${(middle + radius * Math.sin(angle)).toFixed(2)}`;
  return points.flatMap((p, i) => {
    const [from, share] = [turn, p.y / sum];
    turn += share * 2 * Math.PI;
    const words = `${p.x} ${shown(p.y)} (${(share * 100).toFixed(1)}%)`;
    const slice = share > 0.9999 ? svg("circle", { class: `c${i % MAX_SERIES}`, cx: radius + 8, cy: middle, r: radius }, svg("title", {}, words))
      : svg("path", { class: `c${i % MAX_SERIES} slice`, d: `M${radius + 8} ${middle} L${at(from)} A${radius} ${radius} 0 ${share > 0.5 ? 1 : 0} 1 ${at(turn)} Z` }, svg("title", {}, words));
    const [x, y] = [2 * radius + 34, 18 + i * 19];
    return [slice, i < rows && svg("rect", { class: `c${i % MAX_SERIES}`, x, y: y - 9, width: 10, height: 10, rx: 2 }),
      i < rows && svg("text", { class: "tick", x: x + 16, y }, words.length > 26 ? `${words.slice(0, 25)}…` : words)];
  });
}

/** The numbers of a chart for screen readers. */
function spoken(node) {
  return h("table", { class: "unseen" }, h("tbody", {}, node.points.slice(0, 200).map((p) =>
    h("tr", {}, h("th", { scope: "row" }, `${p.x} ${p.series}`.trim()), h("td", {}, shown(p.y))))));
}

const DRAWERS = { line: lines, bar: bars, pie };

/** Draw a chart as wide as its card, and as high as its template says. */
export function chart(node) {
  const groups = grouped(node.points);
  if (!node.points.length) return h("p", { class: "tips-inline" }, t("tpl.nodata"));
  const named = node.chart !== "pie" && groups.series.some(Boolean);
  const colors = Object.fromEntries(node.colors.map((color, s) => [`--c${s}`, color]));
  const vars = node.height ? { height: `${node.height}px` } : { "aspect-ratio": node.ratio };
  const canvas = svg("svg", { role: "img", "aria-label": t(`tpl.chart.${node.chart}`), vars });
  const made = h("figure", { class: "tpl-chart", vars: colors, data: { testid: "chart", kind: node.chart } }, canvas, spoken(node),
    named && h("figcaption", {}, groups.series.map((name, s) => h("span", { class: `key c${s}` }, name))));
  const draw = (width) => {
    const size = { width, height: node.height || width / node.ratio };
    canvas.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    canvas.replaceChildren(...DRAWERS[node.chart](node, size, groups).filter(Boolean));
  };
  draw(FIRST_WIDTH);
  new ResizeObserver(([{ contentRect }]) => contentRect.width > LEFT && draw(contentRect.width)).observe(made);
  return made;
}
