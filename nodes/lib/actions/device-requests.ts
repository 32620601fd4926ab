/** The one place where a message becomes requests for devices. */
import type { Node, NodeAPI } from 'node-red';
import { MAX_DEVICES, readDevices, invalid } from '../../../o2g';
import type { FlowMessage } from '../node';
import {
  configuredLink,
  linksOf,
  isBlank,
  readField,
  readTypedInputs,
  type Config,
  type LinkNode,
} from '../config';

export interface DeviceRequest {
  readonly deviceNumber: string;
  readonly link: LinkNode;
  /** The other fields, blank ones left out: the node's value, else the message's. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface DeviceRequests {
  readonly requests: readonly DeviceRequest[];
  /** A list was asked for: so it is answered, also when it has one entry. */
  readonly isList: boolean;
}

interface Item {
  readonly deviceNumber: string;
  /** Where the fields come from that the node leaves blank. */
  readonly source: unknown;
}

/**
 * Reads what a message asks for: a device, an array, ranges as text, {deviceNumber}, {deviceNumbers}, {userId}, or the request's own fields,
 * also an array of them.
 * @param names the fields that the node knows besides deviceNumber
 * @throws O2GError `INVALID_INPUT`
 */
export async function readRequests(
  RED: NodeAPI,
  node: Node,
  config: Config,
  message: FlowMessage,
  names: readonly string[],
): Promise<DeviceRequests> {
  const configured = configuredLink(RED, config.link);
  const nodeValues = await readTypedInputs(RED, node, config, ['deviceNumber', ...names], message);
  const configuredDevices = nodeValues.get('deviceNumber');
  const { items, isList } =
    configuredDevices === undefined
      ? await readPayload(RED, configured, message)
      : { items: readItems(configuredDevices, message.payload), isList: isDeviceList(configuredDevices) };
  if (items.length === 0) throw invalid('deviceNumber', undefined, 'given, on the node or in the message');
  if (items.length > MAX_DEVICES)
    throw invalid('deviceNumber', `${items.length} devices`, `at most ${MAX_DEVICES}`);
  const requests = items.map(({ deviceNumber, source }) => ({
    deviceNumber,
    link: configured ?? linksOf(RED).find(message, deviceNumber),
    fields: Object.fromEntries(
      names.map((name) => [name, nodeValues.get(name) ?? nonBlank(readField(source, name))]),
    ),
  }));
  return { requests, isList };
}

async function readPayload(
  RED: NodeAPI,
  configured: LinkNode | undefined,
  message: FlowMessage,
): Promise<{ items: Item[]; isList: boolean }> {
  const { payload } = message;
  if (Array.isArray(payload)) return { items: payload.flatMap(readEntry), isList: true };
  const userId = readField(payload, 'userId');
  const requestedDevices =
    nonBlank(readField(payload, 'deviceNumber')) ?? nonBlank(readField(payload, 'deviceNumbers'));
  if (requestedDevices === undefined && !isBlank(userId)) {
    if (typeof userId !== 'string') throw invalid('userId', userId, 'the login of a user such as oxe70120');
    const link = configured ?? linksOf(RED).findOnly(message);
    return { items: readItems(await link.link.get().findDevicesOf(userId), payload), isList: true };
  }
  const devices = typeof payload === 'object' && payload !== null ? requestedDevices : payload;
  if (isBlank(devices)) throw invalid('deviceNumber', devices, 'given, on the node or in the message');
  return {
    items: readItems(devices, payload),
    isList: isDeviceList(devices) || !isBlank(readField(payload, 'deviceNumbers')),
  };
}

function readEntry(entry: unknown): Item[] {
  if (typeof entry !== 'object' || entry === null) return readItems(entry, undefined);
  const deviceNumber = nonBlank(readField(entry, 'deviceNumber'));
  if (deviceNumber === undefined)
    throw invalid('deviceNumber', deviceNumber, 'given in every entry of the list');
  return readItems(deviceNumber, entry);
}

function readItems(devices: unknown, source: unknown): Item[] {
  return readDevices('deviceNumber', devices).map((deviceNumber) => ({ deviceNumber, source }));
}

/** A list, or a text that stands for one. */
function isDeviceList(devices: unknown): boolean {
  return Array.isArray(devices) || (typeof devices === 'string' && /[-,;\s]/.test(devices.trim()));
}

function nonBlank(value: unknown): unknown {
  return isBlank(value) ? undefined : value;
}
