/** Hosts by place: what a map shows, and what it cannot. */
import type { Host, HostState } from './api';

export type Place = {
  /** Names it as long as its hosts stay where they are. */
  readonly id: string;
  readonly region: string;
  readonly north: number;
  readonly east: number;
  readonly hosts: number;
  readonly slots: number;
  readonly used: number;
  /** The worst of its hosts'. */
  readonly state: HostState;
};

export type OnMap = {
  readonly places: readonly Place[];
  /** How many hosts of which regions say nothing of where they are. */
  readonly elsewhere: ReadonlyMap<string, number>;
};

export function onMap(hosts: readonly Host[]): OnMap {
  const places = new Map<string, Place>();
  const elsewhere = new Map<string, number>();
  for (const host of hosts) {
    if (host.position === null) {
      elsewhere.set(host.region, (elsewhere.get(host.region) ?? 0) + 1);
      continue;
    }
    const { north, east } = host.position;
    const id = `${near(north)} ${near(east)}`;
    const before = places.get(id);
    places.set(id, {
      id,
      region: before?.region ?? host.region,
      north: before?.north ?? north,
      east: before?.east ?? east,
      hosts: (before?.hosts ?? 0) + 1,
      slots: (before?.slots ?? 0) + host.slots,
      used: (before?.used ?? 0) + host.sessions,
      state: worse(before?.state ?? 'open', host.state),
    });
  }
  return { places: [...places.values()], elsewhere };
}

/** Whether a host is among those that a place stands for. */
export function isAt(host: Host, place: string): boolean {
  return host.position !== null && `${near(host.position.north)} ${near(host.position.east)}` === place;
}

function worse(a: HostState, b: HostState): HostState {
  return BY_TROUBLE.indexOf(a) > BY_TROUBLE.indexOf(b) ? a : b;
}

/** Two dots that would touch are one: a degree is two thirds of a dot's radius. */
function near(degrees: number): number {
  return Math.round(degrees / 2) * 2;
}

const BY_TROUBLE: readonly HostState[] = ['open', 'left', 'draining', 'cordoned', 'lost'];
