// Maps drawn from the offline atlas alone: no tiles, sprites or glyphs from any network.
import type { FeatureCollection } from "geojson";
import { Map as GLMap, NavigationControl, Popup, setWorkerUrl, type GeoJSONSource, type LngLatBoundsLike, type StyleSpecification } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerURL from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { PointCollection, Scan } from "../base/api";
import { atlas, type Atlas } from "./atlas";
import { h } from "../base/dom";
import { instant, place, region } from "../base/format";
import { circle, type PointFeature } from "./geo";
import { colour } from "../base/theme";
import { corners, headline, knownVerdict, looks, shape, verdicts } from "../result/verdict";

setWorkerUrl(workerURL);

export const usa: LngLatBoundsLike = [[-125, 24], [-66.5, 49.8]];
export const empty: FeatureCollection = { type: "FeatureCollection", features: [] };
export { Popup, type GLMap };

/** A map of the country in the colours of the present theme. Fails when the browser has no WebGL. */
export async function createMap(host: HTMLElement, bounds: LngLatBoundsLike = usa): Promise<GLMap> {
  const base = await atlas();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = new GLMap({
    container: host,
    style: style(base),
    bounds,
    fitBoundsOptions: { padding: 12 },
    maxZoom: 12,
    dragRotate: false,
    pitchWithRotate: false,
    renderWorldCopies: false,
    fadeDuration: still ? 0 : 150,
    attributionControl: { compact: true, customAttribution: "Boundaries: US Census Bureau" },
    canvasContextAttributes: { preserveDrawingBuffer: true }, // so that the map prints
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  for (const verdict of verdicts) map.addImage(`v-${verdict}`, icon(verdict), { pixelRatio: 3 });
  map.addImage("few", hatch(), { pixelRatio: 2 });
  map.getCanvas().setAttribute("aria-label", "Map of counties; every point is listed as text beside it");
  const recolour = () => {
    if (!host.isConnected) document.removeEventListener("themechange", recolour);
    else {
      map.updateImage("few", hatch());
      for (const verdict of verdicts) map.updateImage(`v-${verdict}`, icon(verdict));
      for (const [layer, property, name] of themed) if (map.getLayer(layer)) map.setPaintProperty(layer, property, colour(name));
    }
  };
  document.addEventListener("themechange", recolour);
  return map;
}

const themed: [string, Parameters<GLMap["setPaintProperty"]>[1], string][] = [
  ["water", "background-color", "--map-water"], ["land", "fill-color", "--map-land"], ["county-lines", "line-color", "--map-county"],
  ["state-lines", "line-color", "--map-state"], ["state-names", "text-color", "--map-label"], ["state-names", "text-halo-color", "--map-land"],
  ["county-names", "text-color", "--map-label"], ["county-names", "text-halo-color", "--map-land"],
];

function style(base: Atlas): StyleSpecification {
  const text = { "text-font": ["sans-serif"], "text-field": ["get", "name"], "text-max-width": 7 } as const;
  const halo = { "text-color": colour("--map-label"), "text-halo-color": colour("--map-land"), "text-halo-width": 1.4 };
  return {
    version: 8,
    sources: {
      counties: { type: "geojson", data: base.counties },
      states: { type: "geojson", data: base.states },
      "state-labels": { type: "geojson", data: base.stateLabels },
      "county-labels": { type: "geojson", data: base.countyLabels },
    },
    layers: [
      { id: "water", type: "background", paint: { "background-color": colour("--map-water") } },
      { id: "land", type: "fill", source: "states", paint: { "fill-color": colour("--map-land"), "fill-antialias": false } },
      { id: "county-lines", type: "line", source: "counties", minzoom: 3, paint: { "line-color": colour("--map-county"), "line-width": ["interpolate", ["linear"], ["zoom"], 3, 0.3, 8, 1] } },
      { id: "state-lines", type: "line", source: "states", paint: { "line-color": colour("--map-state"), "line-width": ["interpolate", ["linear"], ["zoom"], 3, 0.7, 8, 1.8] } },
      { id: "state-names", type: "symbol", source: "state-labels", maxzoom: 7, layout: { ...text, "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 11.5 }, paint: halo },
      { id: "county-names", type: "symbol", source: "county-labels", minzoom: 6.5, layout: { ...text, "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 11 }, paint: halo },
    ],
  };
}

/** The verdict's shape with a rim, so that points stay apart from each other and from the map. */
function icon(verdict: (typeof verdicts)[number]): ImageData {
  const size = 54;
  const canvas = h("canvas", { width: size, height: size });
  const ctx = canvas.getContext("2d", { willReadFrequently: true })!;
  ctx.scale(size / 28, size / 28);
  ctx.translate(2, 2);
  ctx.beginPath();
  for (const [x, y] of corners[looks[verdict].shape]) ctx.lineTo(x, y);
  ctx.closePath();
  ctx.lineJoin = "round";
  ctx.lineWidth = 3;
  ctx.strokeStyle = colour("--map-rim");
  ctx.stroke();
  ctx.fillStyle = colour(`--${verdict}-mark`);
  ctx.fill();
  return ctx.getImageData(0, 0, size, size);
}

/** Diagonal hatching for counties with too few scans to speak of a share. */
function hatch(): ImageData {
  const canvas = h("canvas", { width: 16, height: 16 });
  const ctx = canvas.getContext("2d", { willReadFrequently: true })!;
  ctx.strokeStyle = colour("--map-few");
  ctx.lineWidth = 2.5;
  for (const shift of [-16, 0, 16]) {
    ctx.beginPath();
    ctx.moveTo(shift - 2, 18);
    ctx.lineTo(shift + 18, -2);
    ctx.stroke();
  }
  return ctx.getImageData(0, 0, 16, 16);
}

/** Adds the scans as points above everything, alarms on top. */
export function addPoints(map: GLMap, data: FeatureCollection, minzoom = 0): void {
  map.addSource("points", { type: "geojson", data });
  map.addLayer({
    id: "points", type: "symbol", source: "points", minzoom,
    layout: {
      "icon-image": ["concat", "v-", ["get", "verdict"]], "icon-allow-overlap": true, "icon-ignore-placement": true,
      "icon-size": ["interpolate", ["linear"], ["zoom"], 3, 0.62, 8, 1.1], "symbol-sort-key": ["match", ["get", "verdict"], "alarm", 2, "inconclusive", 1, 0],
    },
  });
  map.on("mouseenter", "points", () => (map.getCanvas().style.cursor = "pointer"));
  map.on("mouseleave", "points", () => (map.getCanvas().style.cursor = ""));
  map.on("click", "points", (event) => {
    const hits = (event.features ?? []).slice(0, 8).map((f) => f.properties);
    if (hits.length) new Popup({ maxWidth: "280px" }).setLngLat(event.lngLat).setDOMContent(popup(hits)).addTo(map);
  });
}

export function setPoints(map: GLMap, data: FeatureCollection): void {
  (map.getSource("points") as GeoJSONSource).setData(data);
}

function popup(hits: Record<string, unknown>[]): HTMLElement {
  return h("ul", { class: "popup" }, ...hits.map((p) => {
    const verdict = knownVerdict(String(p.verdict));
    return h("li", {}, shape(verdict, 20), h("div", {},
      h("a", { href: `/scans/${encodeURIComponent(String(p.scan_id))}` }, String(p.headline || looks[verdict].word)),
      h("small", {}, [p.simulated ? "SIMULATED" : "", instant(String(p.acquired)), region(p as { county?: string; state?: string })].filter(Boolean).join(" · "))));
  }));
}

/** The small map of one scan, with the circle its place is known to. */
export async function scanMap(host: HTMLElement, scan: Scan, centre: [number, number]): Promise<void> {
  const at = scan.location!;
  const reach = Math.max(0.7, ((at.precision_m ?? 0) / 111_320) * 2.5);
  const map = await createMap(host, [[centre[0] - reach * 1.3, centre[1] - reach], [centre[0] + reach * 1.3, centre[1] + reach]]);
  map.scrollZoom.disable(); // the page scrolls; the buttons zoom
  map.on("load", () => {
    const point: PointFeature = {
      type: "Feature", geometry: { type: "Point", coordinates: centre },
      properties: {
        scan_id: scan.id, verdict: knownVerdict(scan.verdict), headline: scan.headline, summary: scan.summary, substances: null, classes: null,
        probability: scan.identification.findings?.[0]?.probability ?? 0, acquired: scan.acquired, county: at.county, state: at.state, simulated: scan.simulated,
      },
    };
    if (at.precision_m) {
      map.addSource("precision", { type: "geojson", data: circle(centre, at.precision_m) });
      map.addLayer({ id: "precision", type: "fill", source: "precision", paint: { "fill-color": colour("--accent"), "fill-opacity": 0.18, "fill-outline-color": colour("--accent") } });
    }
    const points: PointCollection = { type: "FeatureCollection", features: [point] };
    addPoints(map, points as FeatureCollection);
    map.once("idle", () => {
      host.dataset.points = String(map.querySourceFeatures("points").length > 0 ? points.features.length : 0);
    });
  });
  host.setAttribute("aria-label", `Map: ${headline(scan).word} at ${place(at)}`);
}
