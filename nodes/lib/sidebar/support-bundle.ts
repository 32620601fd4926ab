/**
 * What somebody who helps needs to see: versions, configuration, states, counters, recent errors. No credential is in it and no sound; numbers, logins,
 * names and addresses only when they are asked for.
 */
import type { NodeDef } from 'node-red';
import type { RecorderAdapter } from '../recorder';
import { Masking } from './masking';
import type { DeviceView, LinkView, OverviewView, ServerView } from './overview';

export interface SupportBundleInput {
  readonly versions: object;
  readonly process: object;
  /** The palette's nodes as the flows hold them; credentials are not in them. */
  readonly nodes: readonly NodeDef[];
  readonly overview: OverviewView;
  readonly recorders: readonly RecorderAdapter[];
}

type Mask = (masking: Masking, value: string) => string;

/** Of the devices that are not as desired, each with its reason. */
const MAX_LACKING_DEVICES = 200;

/** How a property is written down; what isn't named is a text in which anything may occur. */
const MASK_BY_PROPERTY: Readonly<Record<string, Mask>> = {
  ...maskEach(
    ['id', 'type', 'z', 'server', 'link', 'recorder', 'media', 'tls', 'wires', 'names'],
    (_, value) => value,
  ),
  ...maskEach(
    ['portMin', 'portMax', 'eventPort', 'tunnelPort', 'sentFlowPort', 'receivedFlowPort'],
    (_, value) => value,
  ),
  ...maskEach(
    ['devices', 'record', 'deviceNumber', 'deviceId', 'companyPhone', 'callRef'],
    (masking, value) => masking.numbers(value),
  ),
  ...maskEach(['supervisedId', 'loginName', 'ids'], (masking, value) => masking.login(value)),
  ...maskEach(['url', 'secondaryUrl', 'webhookUrl', 'address', 'bind', 'ipRecorderAddr'], (masking, value) =>
    masking.address(value),
  ),
  ...maskEach(['name', 'application', 'folder'], (masking, value) => masking.name(value)),
};
const MASK_AS_TEXT: Mask = (masking, value) => masking.text(value);
/** Types of a typed input whose value only says where the value is. */
const REFERENCE_TYPES: ReadonlySet<unknown> = new Set(['msg', 'flow', 'global', 'env']);
/** Where a node is on its tab helps nobody. */
const OMITTED_PROPERTIES = new Set(['x', 'y', 'g', 'credentials']);

function maskEach(properties: readonly string[], mask: Mask): Record<string, Mask> {
  return Object.fromEntries(properties.map((property) => [property, mask]));
}

/** @param withNumbers numbers, logins, names and addresses as they are */
export function supportBundle(input: SupportBundleInput, withNumbers: boolean): object {
  const masking = new Masking({ off: withNumbers });
  const contents = (): object => contentsOf(input, masking);
  // Twice: a text may name what only a later field tells to be a name.
  contents();
  return { madeAt: new Date().toISOString(), withNumbers, ...contents() };
}

function contentsOf(
  { versions, process, nodes, overview, recorders }: SupportBundleInput,
  masking: Masking,
): object {
  return {
    versions,
    process,
    configuration: nodes.map((node) => configurationOf(masking, node)),
    servers: overview.servers.map((server) => serverOf(masking, server)),
    links: overview.links.map((link) =>
      linkOf(
        masking,
        link,
        overview.devices.filter((device) => device.link === link.id),
      ),
    ),
    recorders: recorders.map((recorder) => recorderOf(masking, recorder)),
    errors: overview.errors.map(({ at, source, text }) => ({
      at,
      source: masking.text(source),
      text: masking.text(text),
    })),
  };
}

function configurationOf(masking: Masking, node: object): object {
  const properties = Object.entries(node).filter(([property]) => !OMITTED_PROPERTIES.has(property));
  const types = new Map(properties.map(([property, value]) => [property, value as unknown]));
  return Object.fromEntries(
    properties.map(([property, value]) => [
      property,
      REFERENCE_TYPES.has(types.get(`${property}Type`)) ? value : maskValue(masking, property, value),
    ]),
  );
}

function maskValue(masking: Masking, property: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => maskValue(masking, property, each));
  if (typeof value === 'object' && value !== null) return configurationOf(masking, value);
  // The name of an environment variable is not its value.
  if (typeof value !== 'string' || /^\$[{(][^})]+[})]$/.test(value)) return value;
  return (MASK_BY_PROPERTY[property] ?? MASK_AS_TEXT)(masking, value);
}

function serverOf(masking: Masking, { label, site, reason, nodes, ...rest }: ServerView): object {
  return {
    ...rest,
    label: masking.name(label),
    site: site === undefined ? undefined : masking.address(site),
    reason: reason === undefined ? undefined : masking.text(reason),
    nodes: nodes.map((node) => ({ ...node, name: masking.name(node.name) })),
  };
}

function linkOf(
  masking: Masking,
  { label, reason, ...rest }: LinkView,
  devices: readonly DeviceView[],
): object {
  const lacking = devices.filter((device) =>
    device.desired.some((service) => !device.actual.includes(service)),
  );
  const count = (matches: (device: DeviceView) => boolean): number => devices.filter(matches).length;
  // Each gets its mark, also those that only an error names.
  for (const { deviceNumber, user = '' } of devices) {
    masking.number(deviceNumber);
    masking.login(user);
  }
  return {
    ...rest,
    label: masking.name(label),
    reason: reason === undefined ? undefined : masking.text(reason),
    coverage: {
      devices: devices.length,
      lacking: lacking.length,
      inCall: count(({ inCall }) => inCall),
      desired: Object.fromEntries(
        (['monitored', 'recorded', 'beeping'] as const).map((service) => [
          service,
          count(({ desired }) => desired.includes(service)),
        ]),
      ),
      actual: Object.fromEntries(
        (['monitored', 'recorded', 'beeping'] as const).map((service) => [
          service,
          count(({ actual }) => actual.includes(service)),
        ]),
      ),
    },
    lacking: lacking
      .slice(0, MAX_LACKING_DEVICES)
      .map(({ deviceNumber, desired, actual, reason: deviceReason, since }) => ({
        deviceNumber: masking.number(deviceNumber),
        desired,
        actual,
        reason: masking.text(deviceReason),
        since,
      })),
  };
}

function recorderOf(masking: Masking, { metrics, alarms }: RecorderAdapter): object {
  const { devices = [], ...counts } = metrics ?? {};
  const sum = (counter: 'packets' | 'lost'): number =>
    devices.reduce((all, device) => all + device[counter].sent + device[counter].received, 0);
  return {
    started: metrics !== undefined,
    ...counts,
    packets: sum('packets'),
    lost: sum('lost'),
    alarms: alarms.map(({ alarm, deviceNumber }) => ({ alarm, deviceNumber: masking.number(deviceNumber) })),
  };
}
