// Where what was seen: counties with scans as denominator, points, a time window, and lists that follow the view.
import type { Feature, FeatureCollection } from "geojson";
import type { GeoJSONSource } from "maplibre-gl";
import { alertsCard } from "../map/alerts";
import { api } from "../base/api";
import { atlas, type Atlas } from "../map/atlas";
import { h } from "../base/dom";
import { count } from "../base/format";
import { around, bounds, byCounty, byDay, fewScans, scansClass, shareClass, type CountyCount, type PointFeature } from "../map/geo";
import type { GLMap } from "../map/map";
import { countyItem, firstSeenCard } from "../map/maplists";
import { problemBox } from "../base/problem";
import { note, type Page } from "../base/router";
import { colour } from "../base/theme";
import { firstDay, timeSlider, type Span } from "../map/timeslider";
import { isDay } from "../base/url";
import { knownVerdict, looks, shape, verdicts } from "../result/verdict";
import { watermark } from "../result/watermark";

type Layer = "share" | "scans" | "points";
const layers: Record<Layer, string> = { share: "Alarm share by county", scans: "Scans by county", points: "Single scans" };
const most = 10_000;

interface View {
  layer: Layer;
  verdict: string;
  substance: string;
  day: string;
  days: number;
}

export const mapPage: Page = (host, { query }) => {
  const view = readView(query);
  const mapHost = h("div", { id: "intel-map", class: "map map-large", role: "region", "data-testid": "intel-map" });
  const controls = h("div", { class: "map-controls" });
  const timeHost = h("div", {});
  const legend = h("div", { class: "legend", "aria-label": "Legend" });
  const side = h("section", { class: "card in-view" }, h("h2", {}, "In view"));
  const problems = h("div", {});
  const frame = h("div", { class: "map-frame" }, mapHost, legend);
  const alerts = alertsCard();
  const firsts = firstSeenCard();
  host.append(h("div", { class: "page map-page" }, h("div", { class: "map-head" }, h("h1", {}, "Map"), controls), problems, timeHost, h("div", { class: "map-columns" }, frame, side), h("div", { class: "map-below" }, alerts.element, firsts)));

  let left = false;
  const cleanup: (() => void)[] = [alerts.stop];
  void (async () => {
    try {
      const [{ createMap, addPoints, setPoints, empty, usa }, base, collection] = await Promise.all([import("../map/map"), atlas(), api.points(new URLSearchParams({ limit: String(most) }))]);
      if (left) return;
      const points = resolve(collection.features, base);
      if (points.length === 0) {
        problems.append(h("p", { class: "empty" }, "No scans with a place yet. Take one on the Scan page with a place under Exhibit data."));
        if (collection.without_place) problems.append(h("p", { class: "hint" }, `${count(collection.without_place)} scans without a place are only in the list.`));
      }
      if (points.some((p) => p.properties.simulated)) frame.append(watermark("watermark"));
      if (points.some((p) => p.properties.simulated)) controls.append(h("span", { class: "badge" }, "SIMULATED data included"));
      const map = await createMap(mapHost, around(points) ?? usa);
      cleanup.push(() => map.remove());
      if (left) return map.remove();
      const state = { view, points, base, map, side, legend, mapHost, setPoints, span: { last: 0, days: view.days } as Span, days: byDay(points), without: collection.without_place ?? 0, matched: collection.matched ?? 0 };
      state.span.last = Math.max(0, view.day ? state.days.findIndex((d) => d.day === view.day) : state.days.length - 1);
      map.on("load", () => {
        addCountyLayers(map, empty);
        addPoints(map, empty);
        controls.prepend(...controlFields(view, points, () => refresh(state)));
        const slider = timeSlider(state.days, state.span, (span) => {
          state.span = span;
          refresh(state);
        });
        cleanup.push(slider.stop);
        if (state.days.length > 0) timeHost.append(slider.element);
        map.on("moveend", () => listInView(state));
      });
      const recolour = () => refresh(state);
      document.addEventListener("themechange", recolour);
      cleanup.push(() => document.removeEventListener("themechange", recolour));
    } catch (cause) {
      problems.append(problemBox(cause, "The list under Scans holds the same data."));
    }
  })();
  return () => {
    left = true;
    cleanup.forEach((f) => f());
  };
};

interface State {
  view: View;
  points: PointFeature[];
  base: Atlas;
  map: GLMap;
  side: HTMLElement;
  legend: HTMLElement;
  mapHost: HTMLElement;
  setPoints: (map: GLMap, data: FeatureCollection) => void;
  span: Span;
  days: { day: string }[];
  without: number;
  matched: number;
  inSpan?: PointFeature[];
}

function readView(query: URLSearchParams): View {
  const layer = query.get("layer") ?? "";
  const days = Number(query.get("days"));
  const day = query.get("day") ?? "";
  const verdict = query.get("verdict") ?? "";
  return {
    layer: Object.hasOwn(layers, layer) ? (layer as Layer) : "share",
    verdict: (verdicts as readonly string[]).includes(verdict) ? verdict : "",
    substance: query.get("substance") ?? "",
    day: isDay(day) ? day : "",
    days: [1, 7, 30].includes(days) ? days : 0,
  };
}

/** Gives every point its county code and a verdict this page knows. */
function resolve(features: PointFeature[], base: Atlas): PointFeature[] {
  return features.map((f) => {
    const { fips: code = "", county = "", state = "" } = f.properties;
    const stated = base.finder.name(code) ?? base.finder.named(county, state);
    const fips = (stated ?? base.finder.find(f.geometry.coordinates))?.fips;
    return { ...f, properties: { ...f.properties, fips, verdict: knownVerdict(f.properties.verdict) } };
  });
}

function controlFields(view: View, points: PointFeature[], changed: () => void): HTMLElement[] {
  const select = (id: string, label: string, value: string, options: [string, string][], set: (v: string) => void) => {
    const element = h("select", { id, onchange: () => { set(element.value); changed(); } }, ...options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
    return h("div", { class: "field" }, h("label", { for: id }, label), element);
  };
  const names = [...new Set(points.flatMap((p) => (p.properties.verdict === "alarm" ? (p.properties.substances ?? []) : [])))].sort((a, b) => a.localeCompare(b));
  if (!names.includes(view.substance)) view.substance = "";
  return [
    select("map-layer", "Show", view.layer, Object.entries(layers), (v) => (view.layer = v as Layer)),
    select("map-verdict", "Points with verdict", view.verdict, [["", "any"], ...verdicts.map((v): [string, string] => [v, looks[v].word])], (v) => (view.verdict = v)),
    select("map-substance", "Alarms naming", view.substance, [["", "any substance"], ...names.map((n): [string, string] => [n, n])], (v) => (view.substance = v)),
  ];
}

/** Draws everything anew for the present view. */
function refresh(s: State): void {
  const { view, span } = s;
  const first = s.days[firstDay(span)]?.day ?? "";
  const last = s.days[span.last]?.day ?? "";
  const from = first ? new Date(`${first}T00:00`).getTime() : -Infinity;
  const to = last ? new Date(`${last}T23:59:59.999`).getTime() : Infinity;
  s.inSpan = s.points.filter((p) => {
    const t = new Date(p.properties.acquired).getTime();
    return t >= from && t <= to;
  });
  const drawn = s.inSpan.filter((p) => (!view.verdict || p.properties.verdict === view.verdict) && (!view.substance || (p.properties.substances ?? []).includes(view.substance)));
  s.setPoints(s.map, { type: "FeatureCollection", features: drawn as Feature[] });
  s.mapHost.dataset.points = String(drawn.length);
  // Over a county colour the single points only appear once one looks closely, or when asked for by verdict.
  s.map.setLayerZoomRange("points", view.layer === "points" || view.verdict ? 0 : 7.5, 24);
  drawCounties(s, byCounty(s.inSpan, s.base.finder, view.substance));
  drawLegend(s);
  listInView(s);
  const query = new URLSearchParams();
  if (view.layer !== "share") query.set("layer", view.layer);
  if (view.verdict) query.set("verdict", view.verdict);
  if (view.substance) query.set("substance", view.substance);
  if (last && span.last < s.days.length - 1) query.set("day", last);
  if (span.days) query.set("days", String(span.days));
  note(query);
}

function addCountyLayers(map: GLMap, empty: FeatureCollection): void {
  map.addSource("shares", { type: "geojson", data: empty });
  map.addLayer({ id: "shares", type: "fill", source: "shares", filter: [">=", ["get", "step"], 0], paint: { "fill-color": "#888" } }, "county-lines");
  map.addLayer({ id: "shares-few", type: "fill", source: "shares", filter: ["<", ["get", "step"], 0], paint: { "fill-pattern": "few" } }, "county-lines");
  map.addLayer({ id: "shares-line", type: "line", source: "shares", paint: { "line-color": "#888", "line-width": 1 } }, "state-lines");
}

function drawCounties(s: State, counties: CountyCount[]): void {
  const { layer } = s.view;
  const features: Feature[] = [];
  for (const c of counties) {
    const area = s.base.finder.area(c.fips);
    if (area && layer !== "points") features.push({ ...area, properties: { step: layer === "share" ? shareClass(c.hits, c.scans) : scansClass(c.scans) } });
  }
  (s.map.getSource("shares") as GeoJSONSource).setData({ type: "FeatureCollection", features });
  const ramp = layer === "scans" ? "--ramp-scans" : "--ramp-share";
  s.map.setPaintProperty("shares", "fill-color", ["match", ["get", "step"], 1, colour(`${ramp}-1`), 2, colour(`${ramp}-2`), 3, colour(`${ramp}-3`), 4, colour(`${ramp}-4`), colour(`${ramp}-0`)]);
  s.map.setPaintProperty("shares-line", "line-color", colour("--map-rim-line"));
}

function drawLegend(s: State): void {
  const swatch = (name: string, text: string) => {
    const box = h("span", { class: "swatch", "aria-hidden": "true" });
    box.style.background = `var(${name})`;
    return h("li", {}, box, text);
  };
  const points = verdicts.map((v) => h("li", {}, shape(v, 16), looks[v].word.toLowerCase()));
  const what = s.view.substance ? `Alarms naming ${s.view.substance}, share of scans` : "Alarms, share of scans";
  const lists: Record<Layer, HTMLElement[]> = {
    share: [h("h2", {}, what), h("ul", {}, swatch("--ramp-share-0", "none"), swatch("--ramp-share-1", "under 10 %"), swatch("--ramp-share-2", "10 to 25 %"), swatch("--ramp-share-3", "25 to 50 %"), swatch("--ramp-share-4", "50 % and over"), h("li", {}, h("span", { class: "swatch swatch-few", "aria-hidden": "true" }), `fewer than ${fewScans} scans`))],
    scans: [h("h2", {}, "Scans"), h("ul", {}, swatch("--ramp-scans-0", "1 to 4"), swatch("--ramp-scans-1", "5 to 19"), swatch("--ramp-scans-2", "20 to 49"), swatch("--ramp-scans-3", "50 to 199"), swatch("--ramp-scans-4", "200 and over"))],
    points: [],
  };
  const rows = [lists[s.view.layer], [h("h2", {}, s.view.layer === "points" || s.view.verdict ? "Single scans" : "Single scans (zoom in)"), h("ul", {}, ...points)]];
  s.legend.replaceChildren(...rows.filter((r) => r.length).map((r) => h("div", {}, ...r)));
}

function listInView(s: State): void {
  const box = s.map.getBounds();
  const inside = (s.inSpan ?? s.points).filter((p) => box.contains(p.geometry.coordinates));
  const counties = byCounty(inside, s.base.finder, s.view.substance);
  const hits = counties.reduce((sum, c) => sum + c.hits, 0);
  const look = (c: CountyCount) => {
    const area = s.base.finder.area(c.fips);
    if (!area) return;
    const [w, south, e, north] = bounds(area);
    s.map.fitBounds([[w, south], [e, north]], { padding: 60, maxZoom: 9, animate: !matchMedia("(prefers-reduced-motion: reduce)").matches });
  };
  const what = s.view.substance ? `alarms naming ${s.view.substance}` : "alarms";
  const left = s.without ? ` ${count(s.without)} scans without a place are only in the list.` : "";
  const capped = s.points.length >= most || s.matched > s.points.length + s.without ? ` Only the newest ${count(s.points.length)} are drawn.` : "";
  s.side.replaceChildren(h("h2", {}, "In view"),
    h("p", { class: "hint", role: "status" }, inside.length ? `${count(hits)} ${what} in ${count(inside.length)} scans, ${count(counties.length)} counties.${left}${capped}` : `No scan in this part of the map and time.${left}`),
    h("ul", { class: "counties" }, ...counties.slice(0, 60).map((c) => countyItem(c, () => look(c)))));
}
