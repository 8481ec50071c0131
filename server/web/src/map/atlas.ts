// The offline atlas: US counties and states (Census Bureau boundaries, 1:10,000,000), fetched once from this server.
import type { Feature, FeatureCollection, MultiPolygon, Point, Polygon } from "geojson";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlasURL from "us-atlas/counties-10m.json?url";
import { CountyFinder, labelPoint, type Area } from "./geo";
import { postal } from "./states";

type Areas = FeatureCollection<Polygon | MultiPolygon, { name: string }>;

export interface Atlas {
  counties: Areas;
  states: Areas;
  stateLabels: FeatureCollection<Point, { name: string }>;
  countyLabels: FeatureCollection<Point, { name: string }>;
  finder: CountyFinder;
}

let loading: Promise<Atlas> | undefined;

/** The atlas; the same one for every caller. A failed load is tried again by the next call. */
export function atlas(): Promise<Atlas> {
  loading ??= load().catch((cause: unknown) => {
    loading = undefined;
    throw cause;
  });
  return loading;
}

async function load(): Promise<Atlas> {
  const response = await fetch(atlasURL);
  if (!response.ok) throw new Error(`The base map could not be read: ${response.status} ${response.statusText}`);
  const topology = (await response.json()) as Topology<{ counties: GeometryCollection<{ name: string }>; states: GeometryCollection<{ name: string }> }>;
  const counties = feature(topology, topology.objects.counties) as Areas;
  const states = feature(topology, topology.objects.states) as Areas;
  return { counties, states, stateLabels: labels(states), countyLabels: labels(counties), finder: new CountyFinder(counties, postal) };
}

function labels(areas: Areas): FeatureCollection<Point, { name: string }> {
  const features = areas.features.map((area): Feature<Point, { name: string }> => ({
    type: "Feature", properties: { name: area.properties.name }, geometry: { type: "Point", coordinates: labelPoint(area as Area) },
  }));
  return { type: "FeatureCollection", features };
}
