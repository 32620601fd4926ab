import assert from 'node:assert/strict';

/** A node as `flows.json` holds it; `credentials` travel with a deploy and are stored apart. */
export interface FlowNode {
  id: string;
  type: string;
  wires?: string[][];
  credentials?: Record<string, string>;
  [property: string]: unknown;
}

/** Everything one deploy sends: tabs, configuration nodes and nodes. */
export type Flow = FlowNode[];

/** What an output is wired to: one node's id, several, or nothing. */
export type Wire = string | readonly string[] | null;

/**
 * A node on the tab. Its outputs' wires follow in order: `node('beep', 'o2g-beep', { link: 'link' }, 'out')`.
 * @param id must differ from every type's name: Node-RED would take it for a reference
 */
export function node(
  id: string,
  type: string,
  properties: Record<string, unknown> = {},
  ...wires: Wire[]
): FlowNode {
  return { id, type, ...properties, wires: wires.map(targets), x: 0, y: 0 };
}

/** A configuration node: one without a place on a tab. */
export function config(id: string, type: string, properties: Record<string, unknown> = {}): FlowNode {
  return { id, type, ...properties };
}

/** Where `inject(name, msg)` enters the flow; its id is `name`. */
export function probeIn(name: string, ...to: string[]): FlowNode {
  return node(name, 'probe-in', { name }, to);
}

/** Where `told(name)` and `received(name)` hear what arrives; its id is `name`. */
export function probeOut(name: string): FlowNode {
  return node(name, 'probe-out', { name });
}

/** A Catch node of the whole tab (or of `scope`, node ids), wired to the probe `to`. */
export function catchAll(to: string, scope: string[] | null = null): FlowNode {
  return node(`catch-${to}`, 'catch', { scope, uncaught: false }, to);
}

/** A Complete node for the nodes in `scope`, wired to the probe `to`. */
export function completeOf(scope: string[], to: string): FlowNode {
  return node(`complete-${to}`, 'complete', { scope, uncaught: false }, to);
}

/** A Status node of the whole tab (or of `scope`, node ids), wired to the probe `to`. */
export function statusOfTab(to: string, scope: string[] | null = null): FlowNode {
  return node(`status-${to}`, 'status', { scope }, to);
}

/** An `o2g-server` named `server` unless `id` says otherwise; login and password become its credentials. */
export function o2gServer(
  properties: Record<string, unknown> & { login?: string; password?: string },
  id = 'server',
): FlowNode {
  const { login = 'admin', password = 'secret', ...rest } = properties;
  return {
    ...config(id, 'o2g-server', { name: '', application: 'Node-RED', access: 'typed', ...rest }),
    credentials: { login, password },
  };
}

/** An `o2g-link` named `link` of the server `server` unless told otherwise. */
export function o2gLink(properties: Record<string, unknown>, id = 'link'): FlowNode {
  return config(id, 'o2g-link', {
    name: '',
    server: 'server',
    recorder: 'OTHER',
    secured: '',
    devices: '',
    record: '',
    onStop: 'close',
    ...properties,
  });
}

/**
 * A whole flow on one tab: nodes get the tab and a place on a grid, in the order given.
 * Ids that occur twice, equal a type or are wired to but missing fail here, where the typo is.
 * @param nodes nodes and lists of nodes
 * @param tab the tab's id; build several flows with different tabs and concatenate them
 */
export function flow(nodes: readonly (FlowNode | readonly FlowNode[])[], tab = 'tab'): Flow {
  const placed = nodes
    .flat()
    .map((each, index) => ('x' in each && !('z' in each) ? { ...each, z: tab, ...place(index) } : each));
  check(placed);
  return [{ id: tab, type: 'tab', label: tab, disabled: false, info: '' }, ...placed];
}

/** The same flow with some nodes' properties changed: `changed(flow, { link: { devices: '70121' } })`. */
export function changed(flow: Flow, changes: Record<string, Record<string, unknown>>): Flow {
  for (const id of Object.keys(changes))
    assert.ok(
      flow.some((each) => each.id === id),
      `no node "${id}" to change`,
    );
  return flow.map((each) => ({ ...each, ...changes[each.id] }));
}

/** The same flow without some of its nodes, and without the wires to them. */
export function without(flow: Flow, ...ids: string[]): Flow {
  return flow
    .filter(({ id }) => !ids.includes(id))
    .map((each) =>
      each.wires
        ? { ...each, wires: each.wires.map((wire) => wire.filter((to) => !ids.includes(to))) }
        : each,
    );
}

const COLUMNS = 5;

function place(index: number): { x: number; y: number } {
  return { x: 120 + 200 * (index % COLUMNS), y: 60 + 60 * Math.floor(index / COLUMNS) };
}

function targets(wire: Wire): string[] {
  return wire === null ? [] : [wire].flat();
}

function check(nodes: Flow): void {
  const ids = nodes.map(({ id }) => id);
  const types = new Set(nodes.map(({ type }) => type));
  for (const [index, id] of ids.entries()) {
    assert.ok(ids.indexOf(id) === index, `two nodes have the id "${id}"`);
    assert.ok(!types.has(id), `the id "${id}" is also a type: Node-RED would take it for a reference`);
  }
  for (const { id, wires } of nodes) {
    for (const to of wires?.flat() ?? [])
      assert.ok(ids.includes(to), `"${id}" is wired to "${to}", which isn't in the flow`);
  }
}
